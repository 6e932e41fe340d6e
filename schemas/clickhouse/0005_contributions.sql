-- What each verdict's score is made of, by name: layers of a check, categories, a remote model. Names come from the checks and the
-- policy alone, so there are few.
ALTER TABLE verdicts
    ADD COLUMN IF NOT EXISTS contributions Map(LowCardinality(String), Float32) CODEC(ZSTD(1)) AFTER score;
