"""Bodies of requests: small ones are read whole before anybody sees the request; large ones as they come, limited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from pipeline.web.refusal import Refused

SMALL = 65_536
SMALL_S = 10.0  # for the whole of a small one
SILENCE_S = 20.0  # of a large one
LEAST_RATE = 16_384.0  # bytes a second of a large one, on average, once it has had time to begin
BEGIN_S = 30.0


class Left(Exception):
    """Who sent the request is gone: there is nobody to answer to."""


async def whole_body(scope: Scope, receive: Receive) -> Receive:
    """Read a small body, and give a `receive` that says it again. Raises Refused: 413, 408."""
    if not _has_body(scope):
        return receive
    body = bytearray()
    try:
        async with asyncio.timeout(SMALL_S):
            async for part in _parts(receive):
                if len(body) + len(part) > SMALL:
                    raise Refused(413, f"the body is longer than {SMALL} bytes", {"Connection": "close"})
                body += part
    except TimeoutError as error:
        raise Refused(408, f"the body did not come within {SMALL_S:g} s", {"Connection": "close"}) from error
    except Left as error:
        raise Refused(400, "the body ended too early", {"Connection": "close"}) from error
    said = False

    async def again() -> Message:
        nonlocal said
        if said:
            return await receive()
        said = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return again


async def large_body(scope: Scope, receive: Receive, most: int) -> AsyncIterator[bytes]:
    """The parts of a body of at most so many bytes. Raises Left, and Refused: 413; 408 for silence and trickling."""
    declared(scope, most)
    begun = time.monotonic()
    came = 0
    parts = _parts(receive)
    while True:
        try:
            async with asyncio.timeout(SILENCE_S):
                part = await anext(parts)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            raise Refused(408, f"nothing came for {SILENCE_S:g} s; send it again", {"Connection": "close"}) from error
        came += len(part)
        if came > most:
            raise _too_large(most)
        lasted = time.monotonic() - begun
        if lasted > BEGIN_S and came / lasted < LEAST_RATE:
            raise Refused(408, "it comes too slowly; send it over a faster line", {"Connection": "close"})
        yield part


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    if "transfer-encoding" in headers:
        return True
    return declared(scope, SMALL) > 0


def declared(scope: Scope, most: int) -> int:
    """The length that is announced, 0 for none. Raises Refused for what is too much before a byte of it is read."""
    text = Headers(scope=scope).get("content-length", "0")
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise Refused(400, "Content-Length is no number")
    if int(text) > most:
        raise _too_large(most)
    return int(text)


def _too_large(most: int) -> Refused:
    # Closed, not read to its end: ten gigabytes would come first.
    return Refused(413, f"the body is longer than {most} bytes", {"Connection": "close"})


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Left
        more = message.get("more_body", False)
        if part := message.get("body", b""):
            yield part
