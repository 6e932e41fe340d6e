"""Text of others on a terminal, which must not be steered by it."""


def visible(text: str) -> str:
    """`text` with escapes for all that is no printable character, but for line ends and tabs."""
    return "".join(one if one.isprintable() or one in "\n\t" else repr(one)[1:-1] for one in text)
