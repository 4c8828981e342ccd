"""The far end of a relay, as the source `relay:` of a pipeline reads it."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

from pipeline.frame import Image
from pipeline.web.relays import RelayServer


class Source:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def head(self) -> dict[str, float]:
        (size,) = struct.unpack(">I", await self._reader.readexactly(4))
        found: dict[str, float] = json.loads(await self._reader.readexactly(size))
        self._shape = int(found["height"]), int(found["width"]), 3
        return found

    async def frame(self) -> tuple[int, Image]:
        (pts,) = struct.unpack(">Q", await self._reader.readexactly(8))
        pixels = await self._reader.readexactly(int(np.prod(self._shape)))
        return pts, np.frombuffer(pixels, np.uint8).reshape(self._shape)

    async def is_over(self) -> bool:
        """Wait for the end; what is still on its way is read."""
        while await self._reader.read(1 << 20):
            pass
        return True

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


@asynccontextmanager
async def joined(server: RelayServer) -> AsyncIterator[Source]:
    path = server.address.removeprefix("relay:")
    source = Source(*await asyncio.open_unix_connection(path))
    try:
        yield source
    finally:
        await source.close()
