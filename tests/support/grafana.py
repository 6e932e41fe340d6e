"""What Grafana's ClickHouse plugin (grafana-clickhouse-datasource 4.20) does to a panel's SQL, and what it then sends.

Source: the plugin's pkg/macros and pkg/plugin/driver.go, and clickhouse-go 2.47's HTTP transport, which carries its queries.
"""

import re
from dataclasses import dataclass

_MACRO = re.compile(r"\$__(\w+)(?:\(([^()]*)\))?")
HELLO = "SELECT displayName(), version(), revision(), timezone()"
"""What clickhouse-go asks first, on each connection; then `SELECT 1`."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A dashboard's time range in seconds since the epoch, and the width of a panel's points in seconds."""

    begin: int
    end: int
    interval: int


def expand(sql: str, panel: Panel) -> str:
    """The statement with the macros that docs/analytics.md uses replaced. Raises `KeyError` for another one."""

    def macro(found: re.Match[str]) -> str:
        column = (found[2] or "").strip()
        begin, end, seconds = f"toDateTime({panel.begin})", f"toDateTime({panel.end})", max(1, panel.interval)
        return {
            "timeFilter": f"{column} >= {begin} AND {column} <= {end}",
            "timeInterval": f"toStartOfInterval(toDateTime({column}), INTERVAL {seconds} second)",
            "fromTime": begin,
            "toTime": end,
            "interval_s": str(seconds),
        }[found[1]]

    return _MACRO.sub(macro, sql)


def request(host: str, sql: str, database: str = "streamguard", seconds: int | None = 65) -> bytes:
    """One query as its bytes on the wire. `seconds` is what the client makes of the datasource's timeout, None before that is
    known (and for `HELLO`)."""
    limit = "" if seconds is None else f"&max_execution_time={seconds}"
    body = sql.encode()
    return (
        f"POST /?client_protocol_version=54460&database={database}&default_format=Native{limit} HTTP/1.1\r\n"
        f"Host: {host}\r\n"
        "User-Agent: grafana/11.6.0 clickhouse-datasource/4.20.0 clickhouse-go/2.47.0 (lv:go/1.25.4; os:linux)\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Accept-Encoding: gzip\r\n"
        "Authorization: Basic ZGVmYXVsdDo=\r\n"
        "\r\n"
    ).encode() + body
