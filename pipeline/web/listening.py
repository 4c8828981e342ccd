"""How uvicorn listens: bounded in connections, header and message sizes, and patient with nobody who dawdles."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from pipeline.web.connection import network_of
from pipeline.web.settings import ServeSettings

HEAD_S = 10.0  # from the connection, or the first byte of a further request, to the end of its headers
HEAD_BYTES = 32_768
CONNECTIONS, CONNECTIONS_EACH = 512, 256  # of all, and of one address
STALL_S = 60.0  # for a client to take anything of what waits for it
MESSAGE_BYTES = 65_536  # of a WebSocket
LAST_WORDS_S = 5


class Protocol(H11Protocol):
    """Ends connections that do not come to the point: uvicorn itself waits for the first request for ever."""

    head_s = HEAD_S
    stall_s = STALL_S
    each = CONNECTIONS  # behind a proxy all come from its address
    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS or self._of_its_address() > self.each:
            transport.abort()
            return
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # an answer that nobody takes: for uvicorn it is over, and waits on
            line = transport.get_extra_info("socket")
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(1000 * self.stall_s))
        self._head = self.loop.call_later(self.head_s, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        before = self.scope
        super().handle_events()
        if self.scope is not before:  # a request has begun: its body has deadlines of its own
            self._forget()
        elif self._head is None and (self.cycle is None or self.cycle.response_complete):
            self._head = self.loop.call_later(self.head_s, self.transport.abort)

    def _of_its_address(self) -> int:
        """How many connections there are, this one among them, from where it comes."""
        own = _network(self)
        return sum(_network(one) == own for one in self.connections)

    def _forget(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None


class Direct(Protocol):
    """Without a proxy in front nobody takes all connections."""

    each = CONNECTIONS_EACH


def _network(one: object) -> str:
    """Of a connection, be it HTTP or a WebSocket by now."""
    return network_of((getattr(one, "client", None) or ("",))[0])


def listening(app: Any, settings: ServeSettings) -> uvicorn.Config:
    """uvicorn's configuration. It keeps no access log (guard.py does), and trusts no header of a proxy by itself."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=Protocol if settings.behind_proxy else Direct,
        ws="websockets-sansio",
        ws_max_size=MESSAGE_BYTES,
        ws_max_queue=8,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        ws_per_message_deflate=False,  # pictures are compressed already; and what inflates can be a bomb
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=LAST_WORDS_S,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_level="warning",
        lifespan="on",
    )
