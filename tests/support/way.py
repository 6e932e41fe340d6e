"""A way to a broker that opens late."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


@asynccontextmanager
async def way_to(brokers: str, port: int) -> AsyncGenerator[None]:
    """Another port that leads to a broker, for who asks it where the brokers are."""
    host, _, there = brokers.partition(":")

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            writer.write(piece)
        writer.close()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, on = await asyncio.open_connection(host, int(there))
        await asyncio.gather(pass_on(reader, on), pass_on(back, writer), return_exceptions=True)

    server = await asyncio.start_server(lead, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
