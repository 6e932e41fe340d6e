"""The intake of a stage: at least once, nothing published twice, in order per key, bounded. It knows bytes only."""
