"""Where the files shipped with the package lie: `topics/`, `schemas/`, `prompts/`, `policies/`, `models/`, `examples/`."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def resource_dir(name: str) -> Path:
    """The folder of that name: inside an installed wheel, or at the root of a checkout.

    Raises `FileNotFoundError` naming both places when it is in neither.
    """
    shipped, checkout = _PACKAGE / "data" / name, _PACKAGE.parent / name
    for folder in (shipped, checkout):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the folder {name!r} is neither at {shipped} nor at {checkout}")
