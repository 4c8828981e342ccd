"""Sources: what a wish for a source may name, and the address that a pipeline gets for it, checked and pinned."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipeline.masking import masked
from pipeline.web.networks import Address, Resolve, is_listed, objection, plain_host, resolved
from pipeline.web.refusal import Refused
from pipeline.web.settings import ServeSettings

LONGEST = 2048
PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "srt": 0}
WANDERING = ("http", "https")  # a server of these sends its callers wherever it likes
SRT_QUERY = ("latency", "passphrase", "pbkeylen", "streamid")
_USER = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:%@-]*")
_REST = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/?\[\]-]*")


class Camera(BaseModel):
    """A camera of the server, by an address that GET /api/cameras lists."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["camera"]
    address: str = Field(max_length=64, examples=["cam:test"])


class Url(BaseModel):
    """A camera or a broadcast on the network."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["url"]
    url: str = Field(max_length=LONGEST, repr=False, examples=["rtsp://user:password@192.168.1.20/stream1"])


class Upload(BaseModel):
    """A file that was uploaded before."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["upload"]
    id: str = Field(pattern=r"^[0-9a-f]{32}$")


class Browser(BaseModel):
    """The camera of the browser, or of another program that speaks WHIP."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["browser"]


Source = Annotated[Camera | Url | Upload | Browser, Field(discriminator="kind")]
_SOURCE: TypeAdapter[Camera | Url | Upload | Browser] = TypeAdapter(Source)


class HasFiles(Protocol):
    """What is needed of Uploads: the path of a file of this owner; raises Refused (404)."""

    async def path_of(self, owner: str, upload: str) -> str: ...


@dataclass(frozen=True)
class Parts:
    """A URL taken apart. `user` holds the password too; `rest` is path and query."""

    scheme: str
    user: str
    host: str
    port: int
    rest: str

    def at(self, address: Address) -> str:
        """The same URL with an address for its host: nobody resolves the name a second time."""
        host = f"[{address}]" if address.version == 6 else str(address)
        user = f"{self.user}@" if self.user else ""
        return f"{self.scheme}://{user}{host}:{self.port}{self.rest}"


def as_source(wish: Mapping[str, Any] | BaseModel) -> Camera | Url | Upload | Browser:
    """Raises Refused (422)."""
    if isinstance(wish, Camera | Url | Upload | Browser):
        return wish
    try:
        return _SOURCE.validate_python(wish.model_dump() if isinstance(wish, BaseModel) else dict(wish))
    except (ValidationError, TypeError, ValueError) as error:
        raise Refused(422, "source: expected a camera's address, a url, the id of an upload, or the browser") from error


async def address_of(
    source: Mapping[str, Any] | BaseModel,
    owner: str,
    settings: ServeSettings,
    uploads: HasFiles,
    resolve: Resolve | None = None,
) -> str:
    """What a pipeline gets as its input for a source, "" for the browser's camera. Raises Refused, with the way out."""
    wish = as_source(source)
    match wish:
        case Camera():
            return await _camera(wish.address, settings)
        case Url():
            return await _pinned(wish.url, settings, resolve)
        case Upload():
            return await uploads.path_of(owner, wish.id)
        case Browser():
            return ""


async def _camera(address: str, settings: ServeSettings) -> str:
    """Only what is listed: `cam:` takes graphs of FFmpeg and paths of devices as well."""
    from pipeline.web.cameras import cameras

    for camera in await cameras(settings):
        if camera["address"] == address:
            return address
    raise Refused(422, "there is no such camera here; GET /api/cameras lists them")


async def _pinned(url: str, settings: ServeSettings, resolve: Resolve | None) -> str:
    parts = taken_apart(url, settings)
    if settings.source_hosts and not is_listed(parts.host, settings.source_hosts):
        raise Refused(422, f"sources may not be on {parts.host}; `cleanplate serve --source-host` allows a host")
    if parts.scheme in WANDERING and not settings.source_hosts:
        # FFmpeg goes where such a server sends it, and looks names up again: only hosts that are vouched for will do.
        raise Refused(422, f"{parts.scheme}: needs hosts that are trusted; `cleanplate serve --source-host` names them")
    found = await resolved(parts.host, resolve)
    for address in found:
        if why := objection(address, settings.local_sources):
            raise Refused(422, f"{parts.host} {why}")
    first = min(found, key=lambda address: address.version)  # of the two the one that works at home too
    return url if parts.scheme in WANDERING else parts.at(first)


def taken_apart(url: str, settings: ServeSettings) -> Parts:
    """Read strictly, so that whoever reads it later reads the same. Raises Refused."""
    if not url.isascii() or not url.isprintable() or any(char in url for char in ' \\"<>^`{|}#'):
        raise Refused(422, "the address holds characters that none has; write them as %20 and the like")
    scheme, mark, _ = url.partition("://")
    scheme = scheme.lower()
    allowed = [name for name in settings.schemes if name in PORTS]
    if not mark or scheme not in allowed:
        raise Refused(422, f"an address here begins with {' or '.join(f'{name}://' for name in allowed) or 'nothing'}")
    try:
        found = urlsplit(url)
        port = found.port
    except ValueError as error:
        raise Refused(422, "no host and port can be made out; in a password write / as %2F, : as %3A") from error
    user, _, _ = found.netloc.rpartition("@")
    rest = found.path + (f"?{found.query}" if found.query else "")
    if not _USER.fullmatch(user) or not _REST.fullmatch(rest) or not found.hostname:
        raise Refused(422, f"{masked(url)}: not an address such as {scheme}://user:password@192.168.1.20/stream")
    if scheme == "srt":
        _check_srt(found.query)
    host = plain_host(found.hostname)
    port = port or PORTS[scheme]
    if not 1 <= port <= 65535:
        raise Refused(422, f"{scheme}:// needs a port, such as {scheme}://{host}:9000")
    return Parts(scheme, quote(user, safe=":%!$&'()*+,;=~-._"), host, port, rest)


def _check_srt(query: str) -> None:
    """It must not listen here."""
    for pair in query.split("&") if query else []:
        if pair.partition("=")[0].lower() not in SRT_QUERY:
            raise Refused(422, f"an srt:// address may tell {', '.join(SRT_QUERY)}, and nothing else")
