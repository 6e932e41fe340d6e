"""`python -m streamguard` is the command `streamguard`."""

from streamguard.cli import main

main(prog_name="streamguard")
