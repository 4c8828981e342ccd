"""What can be relied on of a connection: by which scheme and name it was called up, and from which address it comes."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers

from pipeline.web.settings import LOOPBACK, ServeSettings

Scope = Mapping[str, Any]
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - where one listens, but what nobody is called
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::(\d{1,5}))?")


def split_host(text: str) -> tuple[str, str] | None:
    """The name (lower case, an IPv6 address without brackets) and the port ("" for none) of a Host header."""
    found = _HOST.fullmatch(text)
    if found is None:
        return None
    return found[1].lower().strip("[]").rstrip("."), found[2] or ""


def host_of(scope: Scope, settings: ServeSettings) -> str:
    """What the browser calls this server, as it stands in its address bar; "" where it does not say."""
    headers = Headers(scope=scope)  # type: ignore[arg-type]
    if settings.behind_proxy and (forwarded := _last(headers, "x-forwarded-host")):
        return forwarded
    return headers.get("host", "")


def is_secure(scope: Scope, settings: ServeSettings) -> bool:
    """Whether what the browser sends is encrypted on its way."""
    if settings.behind_proxy and (forwarded := _last(Headers(scope=scope), "x-forwarded-proto")):  # type: ignore[arg-type]
        return forwarded.lower() in ("https", "wss")
    return scope.get("scheme") in ("https", "wss")


def origin_of(scope: Scope, settings: ServeSettings) -> str:
    """The origin that a page of this server has: what its browser sends as Origin."""
    secure = is_secure(scope, settings)
    name, port = split_host(host_of(scope, settings)) or ("", "")
    usual = "443" if secure else "80"
    shown = f"[{name}]" if ":" in name else name
    return f"{'https' if secure else 'http'}://{shown}{f':{port}' if port not in ('', usual) else ''}"


def peer_of(scope: Scope, settings: ServeSettings) -> str:
    """The address that a request comes from, an IPv6 one by its network: each home has 2^64 of them."""
    text = (scope.get("client") or ("",))[0]
    if settings.behind_proxy and (forwarded := _last(Headers(scope=scope), "x-forwarded-for")):  # type: ignore[arg-type]
        text = forwarded  # the last one is what the proxy itself saw; what stands before it anybody can write
    return network_of(text)


def network_of(text: str) -> str:
    """An IPv4 address as it is, the network of an IPv6 one, "unknown" for what is neither."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address)


def is_known_name(name: str, scope: Scope, settings: ServeSettings) -> bool:
    """Whether this server answers to a name.

    A page of somebody else whose name was made to lead here (DNS rebinding) sends that name: an address in the place
    of a name cannot be such, so the very address that the connection came in by is always known."""
    own = {host.lower().strip("[]") for host in (*settings.allowed_hosts, settings.host)} - {*EVERYWHERE}
    if name in own:
        return True
    came_by = str((scope.get("server") or ("",))[0])
    try:
        here = ipaddress.ip_address(came_by)
    except ValueError:
        return False
    here = getattr(here, "ipv4_mapped", None) or here
    if here.is_loopback and name in LOOPBACK:
        return True
    try:
        return ipaddress.ip_address(name) == here
    except ValueError:
        return False


def _last(headers: Headers, name: str) -> str:
    """The last of what the proxies on the way have put down, the nearest one's word."""
    values = headers.getlist(name)
    return values[-1].rpartition(",")[2].strip() if values else ""
