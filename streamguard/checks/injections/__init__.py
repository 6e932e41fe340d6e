"""The layers that see injections: rules, and a classifier over hashed n-grams."""
