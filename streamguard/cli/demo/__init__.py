"""`streamguard demo`: the whole line on one machine, with an audit at the end."""

from streamguard.cli.demo.command import demo

__all__ = ["demo"]
