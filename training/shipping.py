"""The files of a model: `model.npz`, its card, and the hashes of the texts that it was trained on. Equal models, equal bytes."""

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from streamguard.checks.injections.classifier import FORMAT, Head, Linear, Stack
from streamguard.checks.text.folding import fold
from streamguard.resources import resource_dir

MODEL, CARD, TRAINED = "model.npz", "card.json", "trained.npy"


def save(
    folder: Path,
    layers: Mapping[str, Linear],
    stacks: Mapping[Head, Stack],
    texts: Iterable[str],
    card: Mapping[str, Any],
) -> None:
    """Write the three files."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[Any]] = {"format": np.array(FORMAT)}
    for name, layer in layers.items():
        arrays[name] = layer.weights
        arrays[f"{name}.line"] = np.array([layer.scale, layer.bias])
    for head, stack in stacks.items():
        arrays[f"{head}.stack"] = np.array([*stack.coefficients, stack.bias])
    np.savez_compressed(folder / MODEL, allow_pickle=False, **arrays)
    np.save(folder / TRAINED, np.array(sorted({_hash(text) for text in texts}), np.uint64))
    content = {**card, "sha256": hashlib.sha256((folder / MODEL).read_bytes()).hexdigest()}
    (folder / CARD).write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")


def trained_on(text: str, folder: Path | None = None) -> bool:
    """Whether the model in `folder` (the one that comes along) was trained on `text`, spelled alike but for case and accents."""
    found = _trained(resource_dir("models") / "injection" if folder is None else folder)
    place = int(np.searchsorted(found, np.uint64(_hash(text))))
    return place < len(found) and int(found[place]) == _hash(text)


@lru_cache(maxsize=4)
def _trained(folder: Path) -> NDArray[np.uint64]:
    return np.load(folder / TRAINED, allow_pickle=False)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(fold(text).encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
