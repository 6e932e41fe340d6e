"""`streamguard dev`: the whole line on one machine, running until Ctrl-C, for those who develop against it."""

from streamguard.cli.dev.command import dev

__all__ = ["dev"]
