"""Formats of credentials, names they are given, and how random they look."""
