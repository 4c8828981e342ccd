"""Makes of what an owner wishes the orders for a session's process: checked, with addresses that may be gone to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pipeline.masking import masked
from pipeline.web.catalogue import Catalogue, Offer
from pipeline.web.orders import Orders, Outlet
from pipeline.web.refusal import Refused
from pipeline.web.ruling import lasting
from pipeline.web.session import RECORDING, REPORT, Session
from pipeline.web.settings import ServeSettings
from pipeline.web.sources import Camera, Upload, Url, address_of
from pipeline.web.start import Start
from pipeline.web.wishes import Wish

if TYPE_CHECKING:
    from pipeline.web.uploads import Facts, Uploads

PAGE = "page"
PERMISSION_S = 120.0  # until the first picture of a browser: somebody has to find its question, and allow the camera


async def start_of(
    session: Session,
    wish: Wish,
    catalogue: Catalogue,
    settings: ServeSettings,
    uploads: Uploads,
    given: Mapping[str, Any] = MappingProxyType({}),
) -> Start:
    """With what its run begins. `given`: those of the settings that are asked for just now. Raises Refused."""
    offer = await catalogue.find(wish.pipeline)
    offer.check(wish.settings)
    address = await _address(session, wish, settings, uploads)
    upload = None
    if isinstance(wish.source, Upload):
        upload = await uploads.facts_of(session.owner, wish.source.id)
        await asyncio.to_thread(session.check_room)
    kept = _kept(session, wish, offer, given)
    orders = Orders(
        parent=os.getpid(),
        name=session.name,
        pipeline=offer.where,
        input=address,
        settings={**wish.settings, **kept, **_of_source(wish, offer)},
        outlets=_outlets(session, offer, upload, settings.limits.keep_free_bytes / 1e9),
        folder=str(session.folder),
        report=str(session.folder / REPORT),
    )
    return Start(wish, offer, orders, _label(wish, upload), kept)


async def _address(session: Session, wish: Wish, settings: ServeSettings, uploads: Uploads) -> str:
    """Where its frames come from."""
    if wish.source.kind == "browser":
        return await _relay(session)
    address = await address_of(wish.source, session.owner, settings, uploads)
    if "${" in address:  # stands for a variable of this server's environment
        raise Refused(422, "an address cannot name a variable here")
    return address


async def _relay(session: Session) -> str:
    from pipeline.web.relays import RelayServer

    if session.relay is None:
        session.relay = RelayServer(session.folder / "relay")
        await session.relay.start()
    return session.relay.address


def _kept(session: Session, wish: Wish, offer: Offer, given: Mapping[str, Any]) -> dict[str, Any]:
    """What was set while it ran, for its next run: but not who was chosen, as numbers are given anew."""
    former = session.start
    if former is None or former.offer.name != offer.name:
        return {}
    passing = {f"{offer.steer['choose']}.{field}" for field in ("kept", "chosen")}
    kept = {path: value for path, value in session.values.items() if path not in passing and path not in given}
    same = former.wish.source == wish.source
    if offer.privacy and not same:
        kept.pop(f"{offer.steer['zones']}.spare", None)
    if (path := f"{offer.steer['rules']}.rules") in kept:
        kept[path] = lasting(kept[path], same_source=same)
    return kept


def _of_source(wish: Wish, offer: Offer) -> dict[str, Any]:
    """The size of the pictures, and what is to be followed."""
    made: dict[str, Any] = {}
    if wish.height is not None:
        made[f"{offer.source}.height"] = wish.height
    if wish.fps is not None and wish.source.kind != "upload":
        made[f"{offer.source}.fps"] = wish.fps
    if wish.source.kind == "url":
        made[f"{offer.source}.direct"] = True  # its server may not send it on, to this machine for one
    if wish.source.kind == "browser":
        made[f"{offer.source}.timeout"] = PERMISSION_S
    if wish.targets:
        if offer.steer["targets"] is None:
            raise Refused(422, f"targets: no stage of {offer.name} follows any; choose another pipeline")
        made[f"{offer.steer['targets']}.targets"] = list(wish.targets)
    elif offer.steer["targets"] is not None:
        raise Refused(422, "targets: what is to be followed? Give x,y,w,h@frame, or class:number@frame")
    return made


def _outlets(session: Session, offer: Offer, given: Facts | None, free: float) -> tuple[Outlet, ...]:
    """Its pictures for pages; and a file: of an upload the whole result, of what goes on a recording when wanted.

    `free`: GB of the disk that stay free."""
    page = Outlet(name=PAGE, output=session.hub.address, fields={"views": list(offer.told["views"])})
    if given is not None:
        ending = "png" if given.kind == "image" else "mp4"
        name = f"clean-{datetime.now(UTC):%Y%m%d-%H%M%S}.{ending}"
        return page, Outlet(name=offer.sink, output=str(session.media / name), as_configured=True)
    recording = f"recording:{session.media / RECORDING}"
    return page, Outlet(name=RECORDING, output=recording, fields={"enabled": False, "keep_free_gb": free})


def _label(wish: Wish, given: Facts | None) -> str:
    """What a source is called: without its password, nor where it is on this machine."""
    match wish.source:
        case Camera(address=camera):
            return masked(camera)
        case Url(url=url):
            return masked(url)
    return given.name if given is not None else "camera of a browser"
