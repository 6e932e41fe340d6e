"""The checks of answers, applied while an answer streams."""
