"""Finding encoded passages in a text and reading them."""
