-- One row a call to a model, those that a breaker skipped included. `ts` is when it began.
CREATE TABLE IF NOT EXISTS calls
(
    ts DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    duration_us UInt64 CODEC(T64, ZSTD(1)),
    tenant_id LowCardinality(String),
    request_id String CODEC(ZSTD(1)),
    run UInt32 CODEC(T64, ZSTD(1)),
    call_id String CODEC(ZSTD(1)),
    position UInt32 CODEC(T64, ZSTD(1)) COMMENT 'from 0, in the order of the request''s calls',
    trace_id String CODEC(ZSTD(1)),
    feature LowCardinality(String),
    operation_name LowCardinality(String) DEFAULT 'chat',
    provider_name LowCardinality(String),
    request_model LowCardinality(String),
    response_model LowCardinality(String),
    response_id String CODEC(ZSTD(1)),
    response_finish_reasons Array(LowCardinality(String)) CODEC(ZSTD(1)),
    kind LowCardinality(String) COMMENT 'first, retry, fallback or reask',
    status LowCardinality(String) COMMENT 'ok, error or skipped',
    error_type LowCardinality(String),
    http_status Nullable(UInt16),
    usage_input_tokens Nullable(UInt64) CODEC(T64, ZSTD(1)),
    usage_output_tokens Nullable(UInt64) CODEC(T64, ZSTD(1)),
    usage_cache_read_input_tokens Nullable(UInt64) CODEC(T64, ZSTD(1)),
    usage_reasoning_output_tokens Nullable(UInt64) CODEC(T64, ZSTD(1)),
    cost Nullable(Decimal(18, 9)) CODEC(ZSTD(1)) COMMENT 'US dollars; NULL where the price is unknown',
    price_version LowCardinality(String),
    tripped Bool COMMENT 'its failure opened the breaker',
    k_topic LowCardinality(String),
    k_partition UInt32 CODEC(T64, ZSTD(1)),
    k_offset UInt64 CODEC(Delta, ZSTD(1)),
    INDEX by_request request_id TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (toStartOfHour(ts), provider_name, request_model, ts, request_id)
TTL toDateTime(ts) + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;
