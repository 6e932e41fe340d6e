"""Finding personal data in a text, and the placeholders that stand for it."""
