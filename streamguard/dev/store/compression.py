"""The content encodings of ClickHouse's HTTP interface."""

import gzip
import zlib
from collections.abc import Callable
from typing import Protocol, cast

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


class _Decoder(Protocol):
    """Of one frame. What was not wanted yet stays in it, or in `unconsumed_tail`."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes | None: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "lz4": cast("Callable[[], _Decoder]", lz4.frame.LZ4FrameDecompressor),
    "zstd": zstd.ZstdDecompressor,
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "deflate": zlib.decompressobj,
}


def decompress(data: bytes, encoding: str | None, most: int) -> bytes:
    """A request's body as it was. Raises `EngineError` for an encoding that is not known, for data that is broken, and for
    more than `most` bytes: a thousandth of it can stand for all the memory that there is."""
    if not encoding or encoding == "identity":
        return data
    make = _DECODERS.get(encoding)
    if make is None:
        raise EngineError(NOT_IMPLEMENTED, f"unknown Content-Encoding; there are {', '.join(_DECODERS)}")
    pieces, left = list[bytes](), most + 1
    try:
        while data:  # frame by frame
            decoder = make()
            pieces.append(decoder.decompress(data, left))
            left -= len(pieces[-1])
            if left <= 0:
                raise too_large(most)
            if not decoder.eof:
                raise EOFError
            data = decoder.unused_data or b""
    except (RuntimeError, OSError, EOFError, zlib.error, zstd.ZstdError) as error:
        raise EngineError(354, f"the body is not {encoding}") from error
    return b"".join(pieces)


def too_large(most: int) -> EngineError:
    """The refusal of a body."""
    words = f"Code: 62. DB::Exception: a request has {most} bytes at most, uncompressed. (SYNTAX_ERROR)"
    return EngineError(62, words)


def compress(data: bytes, accepted: str) -> tuple[bytes, str | None]:
    """A body in the first encoding of an Accept-Encoding header that is known here, and that encoding; None is none."""
    if len(data) < _SMALLEST:
        return data, None
    for choice in accepted.split(","):
        encoding = choice.partition(";")[0].strip().lower()
        if encoding in _COMPRESS:
            return _COMPRESS[encoding](data), encoding
    return data, None
