-- What dashboards ask for over long times, by minute. Sums, and digests for quantiles:
-- SELECT minute, sum(requests), quantilesTDigestMerge(0.5, 0.95, 0.99)(duration_us) FROM requests_per_minute GROUP BY minute
CREATE TABLE IF NOT EXISTS requests_per_minute
(
    minute DateTime('UTC') CODEC(Delta, ZSTD(1)),
    request_model LowCardinality(String),
    provider_name LowCardinality(String),
    status LowCardinality(String),
    reason LowCardinality(String),
    cache_status LowCardinality(String),
    requests SimpleAggregateFunction(sum, UInt64),
    calls SimpleAggregateFunction(sum, UInt64),
    input_tokens SimpleAggregateFunction(sum, UInt64),
    output_tokens SimpleAggregateFunction(sum, UInt64),
    cost SimpleAggregateFunction(sum, Decimal(38, 9)),
    cost_unknown SimpleAggregateFunction(sum, UInt64) COMMENT 'requests whose cost is not in `cost`',
    saved SimpleAggregateFunction(sum, Decimal(38, 9)),
    duration_us AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(minute)
ORDER BY (minute, request_model, provider_name, status, reason, cache_status)
TTL minute + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS requests_per_minute_feed TO requests_per_minute AS
SELECT
    toStartOfMinute(ts) AS minute,
    request_model,
    provider_name,
    status,
    reason,
    cache_status,
    count() AS requests,
    sum(requests.calls) AS calls,
    sum(usage_input_tokens) AS input_tokens,
    sum(usage_output_tokens) AS output_tokens,
    sum(ifNull(toDecimal128(requests.cost, 9), toDecimal128(0, 9))) AS cost,
    countIf(isNull(requests.cost)) AS cost_unknown,
    sum(ifNull(toDecimal128(cache_saved, 9), toDecimal128(0, 9))) AS saved,
    quantilesTDigestState(0.5, 0.95, 0.99)(requests.duration_us) AS duration_us
FROM requests
GROUP BY minute, request_model, provider_name, status, reason, cache_status;
