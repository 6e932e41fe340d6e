"""The content encodings of ClickHouse's HTTP interface."""

import gzip
import zlib
from collections.abc import Callable
from typing import cast

import lz4.frame
from backports import zstd

from streamguard.dev.store.errors import NOT_IMPLEMENTED, EngineError

_SMALLEST = 4096  # what is smaller is sent as it is
_Coder = Callable[[bytes], bytes]

_COMPRESS: dict[str, _Coder] = {
    "lz4": cast("_Coder", lz4.frame.compress),
    "zstd": lambda data: zstd.compress(data, 1),
    "gzip": lambda data: gzip.compress(data, 1, mtime=0),
    "deflate": lambda data: zlib.compress(data, 1),
}
_DECOMPRESS: dict[str, _Coder] = {
    "lz4": cast("_Coder", lz4.frame.decompress),
    "zstd": zstd.decompress,
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}


def decompress(data: bytes, encoding: str | None) -> bytes:
    """A request's body as it was. Raises `EngineError` for an encoding that is not known and for data that is broken."""
    if not encoding or encoding == "identity":
        return data
    decoder = _DECOMPRESS.get(encoding)
    if decoder is None:
        raise EngineError(NOT_IMPLEMENTED, f"unknown Content-Encoding; there are {', '.join(_DECOMPRESS)}")
    try:
        return decoder(data)
    except (RuntimeError, OSError, EOFError, zlib.error, zstd.ZstdError) as error:
        raise EngineError(354, f"the body is not {encoding}") from error


def compress(data: bytes, accepted: str) -> tuple[bytes, str | None]:
    """A body in the first encoding of an Accept-Encoding header that is known here, and that encoding; None is none."""
    if len(data) < _SMALLEST:
        return data, None
    for choice in accepted.split(","):
        encoding = choice.partition(";")[0].strip().lower()
        if encoding in _COMPRESS:
            return _COMPRESS[encoding](data), encoding
    return data, None
