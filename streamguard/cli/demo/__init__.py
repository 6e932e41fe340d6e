"""`streamguard demo`: the whole line on one machine, with an audit at the end."""
