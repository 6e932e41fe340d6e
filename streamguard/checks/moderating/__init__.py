"""Moderation's phrases and rules by category and grade, and what follows from them."""
