"""Which addresses of a network a source may be on; knows names and numbers, and asks the resolver, once."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psutil

from pipeline.web.refusal import Refused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str], Sequence[str]]
RESOLVE_S = 5.0
AT_ONCE = 4
NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*")
# Where clouds tell a machine its secrets, as far as that is not on link-local addresses already.
METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")
)
WRAPPED = tuple(ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96"))
_resolvers = ThreadPoolExecutor(AT_ONCE, "resolver")  # of their own: a name server that hangs holds up nobody else
_waiting = 0


def plain_host(text: str) -> str:
    """A host as it will be used: an address in its usual spelling, or a name in lower case. Raises Refused."""
    host = text.lower().rstrip(".")
    with suppress(ValueError):  # then it is a name
        return str(ipaddress.ip_address(host))
    if not NAME.fullmatch(host) or re.fullmatch(r"(0x[0-9a-f]*|\d+)", host.rpartition(".")[2]):
        # The system's resolver takes 127.1, 0x7f.1, 0177.0.0.1 and 2130706433 for addresses: nobody means well by them.
        raise Refused(422, "the host is neither a name nor an address such as 192.168.1.20")
    return host


def is_listed(host: str, hosts: Collection[str]) -> bool:
    """Whether a host is one of these names, addresses and networks (10.0.0.0/8)."""
    for entry in hosts:
        if host == entry.lower().strip("[]").rstrip("."):
            return True
        try:
            if ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False):
                return True
        except ValueError:
            continue
    return False


async def resolved(host: str, resolve: Resolve | None = None) -> list[Address]:
    """All addresses of a host. Raises Refused where there are none, or no answer comes."""
    global _waiting
    with suppress(ValueError):  # then it is a name
        return [ipaddress.ip_address(host)]
    if _waiting >= 4 * AT_ONCE:
        raise Refused(503, "too many names are being looked up; try again in a moment")
    _waiting += 1
    looked_up = asyncio.get_running_loop().run_in_executor(_resolvers, resolve or _look_up, host)
    looked_up.add_done_callback(_one_less)
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await asyncio.shield(looked_up)
    except (TimeoutError, OSError, UnicodeError) as error:
        raise Refused(422, f"no address is known for {host}; is it spelt right?") from error
    addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in found]
    if not addresses:
        raise Refused(422, f"no address is known for {host}; is it spelt right?")
    return addresses


def _one_less(done: asyncio.Future[Sequence[str]]) -> None:
    global _waiting
    _waiting -= 1
    if not done.cancelled():
        done.exception()  # whoever still waited has it


def _look_up(host: str) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


def objection(address: Address, local: bool, own: Collection[Address] | None = None) -> str:
    """Why a source must not be at an address, "" where it may. `local`: this machine and its link are allowed."""
    if isinstance(address, ipaddress.IPv6Address):
        address = ipaddress.IPv6Address(int(address))  # without its zone, by which it would equal no other
    inner = unwrapped(address)
    if inner in METADATA or address in METADATA:
        return "is where a cloud keeps its secrets"
    if inner.is_unspecified or inner.is_multicast or str(inner) == "255.255.255.255":
        return "is no address of a single host"
    if inner.is_loopback or inner in (own_addresses() if own is None else own):
        return "" if local else "is this server itself; `cleanplate serve --local-sources` allows it"
    if inner.is_link_local:
        return "" if local else "is a link-local address; `cleanplate serve --local-sources` allows it"
    if inner.is_reserved or (inner.version == 4 and inner in ipaddress.IPv4Network("0.0.0.0/8")):
        return "is reserved"
    return ""


def unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that leads there."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in WRAPPED) and int(address) > 1:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def own_addresses() -> set[Address]:
    """Those of this machine: what listens on all of them can be reached by each."""
    found: set[Address] = set()
    for entries in psutil.net_if_addrs().values():
        for entry in entries:
            if entry.family in (socket.AF_INET, socket.AF_INET6):
                found.add(ipaddress.ip_address(entry.address.partition("%")[0]))
    return found
