"""Reads blocks of ClickHouse's Native format as clickhouse-go does, with the columns' types read by clickhouse-connect."""

from typing import Any, cast

from clickhouse_connect.datatypes.registry import get_from_name
from clickhouse_connect.driver.ctypes import RespBuffCls
from clickhouse_connect.driver.exceptions import StreamCompleteException
from clickhouse_connect.driver.query import QueryContext
from clickhouse_connect.driver.types import Closable

_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"


class _Source(Closable):
    """One piece of bytes."""

    def __init__(self, data: bytes) -> None:
        self.gen = iter([data])

    def close(self) -> None:
        """Nothing is open."""


def read_blocks(body: bytes) -> tuple[list[str], list[str], list[tuple[Any, ...]]]:
    """Names, types and rows of all blocks of revision 54454 or later. Raises `AssertionError` where the bytes do not fit."""
    names, types, rows = list[str](), list[str](), list[tuple[Any, ...]]()
    if not body:
        return names, types, rows
    source = cast("Any", RespBuffCls)(_Source(body))
    context = QueryContext()
    while True:
        try:
            begin = bytes(source.read_bytes(len(_BLOCK_INFO)))
        except StreamCompleteException:
            return names, types, rows
        assert begin == _BLOCK_INFO
        width, height = source.read_leb128(), source.read_leb128()
        names, types, columns = [], [], list[Any]()
        for _ in range(width):
            names.append(source.read_leb128_str())
            types.append(source.read_leb128_str())
            assert source.read_byte() == 0, "no special serialization"
            columns.append(get_from_name(types[-1]).read_column(source, height, context))
        rows += zip(*columns, strict=True)
