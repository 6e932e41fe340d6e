-- One row a verdict of a check: what was checked, never what was said. `ts` is when the request ended.
CREATE TABLE IF NOT EXISTS verdicts
(
    ts DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    tenant_id LowCardinality(String),
    request_id String CODEC(ZSTD(1)),
    run UInt32 CODEC(T64, ZSTD(1)),
    position UInt32 CODEC(T64, ZSTD(1)) COMMENT 'from 0, in the order of the request''s verdicts',
    feature LowCardinality(String),
    `check` LowCardinality(String),
    direction LowCardinality(String),
    action LowCardinality(String),
    code LowCardinality(String),
    score Nullable(Float64) CODEC(ZSTD(1)),
    `spans.kind` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `spans.start` Array(UInt32) CODEC(ZSTD(1)),
    `spans.end` Array(UInt32) CODEC(ZSTD(1)),
    policy_version LowCardinality(String),
    content_hash String CODEC(ZSTD(1)) COMMENT 'keyed hash of the text that was checked',
    k_topic LowCardinality(String),
    k_partition UInt32 CODEC(T64, ZSTD(1)),
    k_offset UInt64 CODEC(Delta, ZSTD(1)),
    INDEX by_request request_id TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (toStartOfHour(ts), `check`, tenant_id, ts, request_id)
TTL toDateTime(ts) + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;
