"""Where an address comes from at which nobody answers."""

from streamguard.config.base import Section


def where_named(section: Section, key: str) -> str:
    """The key of the section that names it. Who has named none has most likely forgotten to."""
    name = f"{type(section).__name__.lower()}.{key}"
    if key in section.model_fields_set:
        return f"{name} names it"
    return f"nothing names another: `source streamguard-dev/dev.env` where `streamguard dev` runs, or set {name}"
