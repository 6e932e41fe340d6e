"""Reading texts: folding, matching, splicing, characters that pose as others."""
