"""What checks of answers look for: loops, refusals, breaks, languages, claims, repeated instructions."""
