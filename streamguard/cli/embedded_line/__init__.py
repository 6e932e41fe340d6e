"""The whole line on one machine as supervised processes: what `streamguard demo`, `streamguard dev` and benchmarks start."""
