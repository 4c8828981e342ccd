"""ICE: on which addresses WebRTC may listen, which servers it may ask, and how soon it notices that a client is gone.

aioice offers every interface but loopback, and aiortc asks a public STUN server unless it is told otherwise. A page
that only this machine can reach must offer nothing to the network, so the candidates follow the address that the server
is bound to. aioice has no setting for it; `install()` is the one place where its function is replaced, by one that asks
`HOSTS`, a context variable: other users of aioice in the process see no difference.
"""

from __future__ import annotations

import ipaddress
from contextvars import ContextVar
from typing import TYPE_CHECKING

from pipeline.errors import ConfigError
from pipeline.masking import masked
from pipeline.web.settings import ServeSettings

if TYPE_CHECKING:
    from aiortc import RTCConfiguration, RTCIceServer

HOSTS: ContextVar[tuple[str, ...] | None] = ContextVar("HOSTS", default=None)
"""The addresses that a peer connection made in this context may use; None: those of all interfaces."""

CONSENT_FAILURES = 4
"""Checks without an answer after which a client counts as gone. aioice asks every 4 to 6 s and waits half a second:
that is 26 s at most, where its own 6 would be 39."""


def install() -> None:
    """Let aioice ask HOSTS, and notice sooner who is gone. May be called again."""
    from aioice import ice

    ice.CONSENT_FAILURES = CONSENT_FAILURES
    found = ice.get_host_addresses
    if getattr(found, "asks_hosts", False):
        return

    def get_host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
        hosts = HOSTS.get()
        if hosts is None:
            return found(use_ipv4=use_ipv4, use_ipv6=use_ipv6)
        return [host for host in hosts if (use_ipv6 if ":" in host else use_ipv4)]

    get_host_addresses.asks_hosts = True  # type: ignore[attr-defined]
    ice.get_host_addresses = get_host_addresses


def hosts(settings: ServeSettings) -> tuple[str, ...] | None:
    """The addresses on which peers may be reached: the one that the server is bound to, or None for all."""
    if settings.on_loopback:
        return ("::1",) if settings.host == "::1" else ("127.0.0.1",)
    try:
        address = ipaddress.ip_address(settings.host)
    except ValueError:
        return None
    return None if address.is_unspecified else (settings.host,)


def configuration(settings: ServeSettings) -> RTCConfiguration:
    """With the servers of the settings and no others: none by default. Raises ConfigError."""
    from aiortc import RTCConfiguration

    return RTCConfiguration(iceServers=[_server(address) for address in settings.ice_servers])


def _server(address: str) -> RTCIceServer:
    """`stun:HOST[:PORT]`, or `turn:[USER:PASSWORD@]HOST[:PORT][?transport=tcp]`. Raises ConfigError."""
    from aiortc import RTCIceServer
    from aiortc.rtcicetransport import parse_stun_turn_uri

    scheme, _, rest = address.partition(":")
    login, at, host = rest.rpartition("@")
    user, _, password = login.partition(":")
    try:
        parse_stun_turn_uri(f"{scheme}:{host}")
    except ValueError as error:
        shown = masked(address.replace(login, "***") if login else address)
        raise ConfigError(
            f"{shown}: not an address of an ICE server; write stun:HOST or turn:USER:PASSWORD@HOST"
        ) from error
    return RTCIceServer(f"{scheme}:{host}", username=user if at else None, credential=password if at else None)
