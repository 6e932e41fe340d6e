-- One row an outcome, without any text. `ts` is when the request ended. Columns of the model's part carry the names of
-- OpenTelemetry's GenAI attributes (gen_ai.request.model is request_model). k_* say which record a row comes from.
-- On a cluster: ReplicatedMergeTree, with replicated_deduplication_window in place of non_replicated_deduplication_window.
CREATE TABLE IF NOT EXISTS requests
(
    ts DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    duration_us UInt64 CODEC(T64, ZSTD(1)),
    tenant_id LowCardinality(String),
    request_id String CODEC(ZSTD(1)),
    run UInt32 CODEC(T64, ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    conversation_id String CODEC(ZSTD(1)),
    session_id String CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    feature LowCardinality(String),
    lane LowCardinality(String),
    stream Bool,
    status LowCardinality(String),
    reason LowCardinality(String) COMMENT 'empty when the request was answered',
    degraded LowCardinality(String) COMMENT 'why the answer is less than asked for, or empty',
    source LowCardinality(String),
    prompt_name LowCardinality(String),
    prompt_version UInt32 CODEC(T64, ZSTD(1)) COMMENT '0 when no prompt was rendered',
    policy_version LowCardinality(String),
    provider_name LowCardinality(String),
    request_model LowCardinality(String) COMMENT 'the model that answered, or whose cached answer was used',
    response_model LowCardinality(String),
    response_finish_reasons Array(LowCardinality(String)) CODEC(ZSTD(1)),
    input_tokens_counted Nullable(UInt32) CODEC(T64, ZSTD(1)) COMMENT 'as counted before any call',
    usage_input_tokens UInt64 CODEC(T64, ZSTD(1)) COMMENT 'as charged, over all calls',
    usage_output_tokens UInt64 CODEC(T64, ZSTD(1)),
    usage_cache_read_input_tokens UInt64 CODEC(T64, ZSTD(1)),
    usage_reasoning_output_tokens UInt64 CODEC(T64, ZSTD(1)),
    cost Nullable(Decimal(18, 9)) CODEC(ZSTD(1)) COMMENT 'US dollars; NULL where a price is unknown',
    price_version LowCardinality(String),
    cache_mode LowCardinality(String),
    cache_status LowCardinality(String),
    cache_similarity Nullable(Float64) CODEC(ZSTD(1)),
    cache_saved Nullable(Decimal(18, 9)) CODEC(ZSTD(1)) COMMENT 'US dollars that the cached answer had cost',
    calls UInt32 CODEC(T64, ZSTD(1)) COMMENT 'calls made; those a breaker skipped are not among them',
    retries UInt32 CODEC(T64, ZSTD(1)),
    fallbacks UInt32 CODEC(T64, ZSTD(1)),
    reasks UInt32 CODEC(T64, ZSTD(1)),
    skipped UInt32 CODEC(T64, ZSTD(1)),
    trips UInt32 CODEC(T64, ZSTD(1)) COMMENT 'breakers that this request opened',
    `stages.stage` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `stages.started_at` Array(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    `stages.duration_us` Array(UInt64) CODEC(ZSTD(1)),
    `stages.decision` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `stages.detail` Array(String) CODEC(ZSTD(1)) COMMENT 'JSON objects of codes and numbers',
    k_topic LowCardinality(String),
    k_partition UInt32 CODEC(T64, ZSTD(1)),
    k_offset UInt64 CODEC(Delta, ZSTD(1)),
    INDEX by_trace trace_id TYPE bloom_filter GRANULARITY 1,
    INDEX by_user user_id TYPE bloom_filter GRANULARITY 1,
    INDEX by_request request_id TYPE bloom_filter GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(ts)
ORDER BY (toStartOfHour(ts), tenant_id, request_model, ts, request_id)
TTL toDateTime(ts) + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;
