-- store: payloads
-- Redacted texts, for a short time, apart from everything else: in a store of their own where one is configured, so that
-- whoever reads outcomes need not be able to read texts. Erasing a user touches this table only.
CREATE TABLE IF NOT EXISTS payloads
(
    ts DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    tenant_id LowCardinality(String),
    user_id String CODEC(ZSTD(1)),
    request_id String CODEC(ZSTD(1)),
    run UInt32 CODEC(T64, ZSTD(1)),
    prompt_text String CODEC(ZSTD(3)),
    output_text Nullable(String) CODEC(ZSTD(3)),
    k_topic LowCardinality(String),
    k_partition UInt32 CODEC(T64, ZSTD(1)),
    k_offset UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(ts)
ORDER BY (tenant_id, user_id, request_id, run)
TTL toDateTime(ts) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;
