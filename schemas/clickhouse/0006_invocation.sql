-- How a model was asked: where it stood in the pyramid, whether its usage was counted here, and how fast a stream came.
ALTER TABLE calls
    ADD COLUMN IF NOT EXISTS rung LowCardinality(String) COMMENT 'primary, same_model, cheaper_tier, other_vendor or local' AFTER kind,
    ADD COLUMN IF NOT EXISTS usage_cache_creation_input_tokens Nullable(UInt64) CODEC(T64, ZSTD(1)) AFTER usage_cache_read_input_tokens,
    ADD COLUMN IF NOT EXISTS estimated Bool COMMENT 'usage and cost were counted here: the provider told none' AFTER cost,
    ADD COLUMN IF NOT EXISTS streamed Bool AFTER tripped,
    ADD COLUMN IF NOT EXISTS first_token_us Nullable(UInt64) CODEC(T64, ZSTD(1)) COMMENT 'of a stream, from the request' AFTER streamed,
    ADD COLUMN IF NOT EXISTS between_tokens_us Nullable(UInt64) CODEC(T64, ZSTD(1)) COMMENT 'of a stream, on average' AFTER first_token_us;
ALTER TABLE requests
    ADD COLUMN IF NOT EXISTS usage_cache_creation_input_tokens UInt64 CODEC(T64, ZSTD(1)) AFTER usage_cache_read_input_tokens,
    ADD COLUMN IF NOT EXISTS estimated Bool COMMENT 'part of usage and cost was counted here' AFTER cost;
