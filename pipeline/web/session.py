"""Session: one pipeline of one owner, in a process of its own; its pictures, its life, and who watches it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline import admin
from pipeline.errors import ConfigError, RunError
from pipeline.requests import Change, Request, Status
from pipeline.web.hub import Hub
from pipeline.web.listeners import Listener, Listeners
from pipeline.web.logs import failure_of
from pipeline.web.present import LASTING, Present
from pipeline.web.refusal import Refused, presentable
from pipeline.web.settings import Limits
from pipeline.web.spawned import Child
from pipeline.web.start import Places, Start

if TYPE_CHECKING:
    from pipeline.web.relays import RelayServer

TICK_S = 0.5  # between two looks at a run that somebody watches
SLOW_S = 5.0  # at one that nobody does
ROOM_S = 5.0  # between two looks at how full the disk is
PATIENCE_S = 60.0  # for a change: a stage that nobody works for just now may still be loading its model
PLAN_S = 60.0  # until a pipeline is found valid, or not: reading in the stages takes long on a busy machine
STOP_S = 20.0  # for a run to finish what is under way; then it is killed
MOST_NOTES = 20
REPORT = "report.json"
RECORDING = "recording"  # the stage of that name, and the folder
log = logging.getLogger("cleanplate.web")


class Session:
    """Everything about it is told to its owner only."""

    def __init__(self, ident: str, owner: str, places: Places, limits: Limits, asking: Executor) -> None:
        self.id, self.owner = ident, owner
        self.folder, self.media, self.check_room = places.folder, places.media, places.check_room
        self.hub = Hub(self.folder)
        self.relay: RelayServer | None = None
        self.pinned, self.title = False, ""
        self.created = datetime.now(UTC)
        self.start: Start | None = None
        self.values: dict[str, Any] = {}  # STAGE.FIELD: what was set while it ran
        self.turning = asyncio.Lock()  # held by who begins or unmakes it
        self.steering = asyncio.Lock()  # held by who reads what is set to set something else
        self.farewell: asyncio.Task[None] | None = None
        self._limits, self._asking = limits, asking
        self._present = Present(self.name, self._now)
        self._switched = 0  # how often its recording was
        self._notes: deque[str] = deque(maxlen=MOST_NOTES)
        self._listeners = Listeners()
        self._child: Child | None = None
        self._attending: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._seen = self._ended = self._now  # when somebody watched it last; when its last run ended
        self.hub.changed = self._note_watching

    # What it is

    @property
    def name(self) -> str:
        """Of its run, for `ps` and the like."""
        return f"web-{self.id}"

    @property
    def alive(self) -> bool:
        """Whether its pipeline's process is there."""
        return self._child is not None and self._child.alive

    @property
    def watched(self) -> bool:
        """Whether a page, a WebRTC client or another program looks at it."""
        return bool(self._listeners) or self.hub.watched

    @property
    def state(self) -> str:
        """See Present."""
        return self._present.state

    @property
    def seconds_left(self) -> float:
        """Of its longest life."""
        left = self._present.began + self._limits.session_seconds - self._now
        return max(0.0, round(left, 1)) if self.alive else 0.0

    @property
    def ended_for(self) -> float:
        """Seconds since nothing of it runs any more; 0 while something does."""
        return 0.0 if self.alive else self._now - self._ended

    def describe(self) -> dict[str, Any]:
        """As pages and programs are told."""
        assert self.start is not None
        offer, head = self.start.offer, self.hub.latest.head if self.hub.latest else {}
        return {
            "id": self.id, "title": self.title, "pipeline": offer.name, "privacy": offer.privacy,
            "source": {"kind": self.start.wish.source.kind, "label": self.start.label},
            "state": self.state, "error": self._present.error, "pinned": self.pinned,
            "seconds_left": self.seconds_left, "created": self.created.isoformat(timespec="seconds"),
            "views": list(self.hub.views), "recording": self._present.recording,
            "width": head.get("width"), "height": head.get("height"),
            "zones": {name: self._steered("zones", name, []) for name in ("hide", "spare")},
            "rules": self._steered("rules", "rules", []), "chosen": self._chosen,
            "whip": self.relay is not None, "notes": list(self._notes),
        }  # fmt: skip

    @property
    def _chosen(self) -> dict[str, Any]:
        """Whether all are removed but some, or only some are; and who those are."""
        mode = self._steered("choose", "remove", "all")
        return {"mode": mode, "tracks": self._steered("choose", "kept" if mode == "all" else "chosen", [])}

    def _steered(self, what: str, field: str, otherwise: Any) -> Any:
        assert self.start is not None
        stage = self.start.offer.steer[what]
        return self._present.live(stage).get(field, self.values.get(f"{stage}.{field}", otherwise))

    def stages(self) -> list[dict[str, Any]]:
        """Its stages with their present values."""
        assert self.start is not None
        return self.start.offer.stages({**self.start.wish.settings, **self.values, **self._present.values()})

    # Its life

    async def begin(self, start: Start) -> None:
        """Run it. Returns when its pipeline is found valid. Raises Refused where it is not."""
        former, self.start = self.start, start
        self.hub.renew(start.offer.told["views"])
        self._present = Present(self.name, self._now)
        self._seen = self._now
        self._notes.clear()
        child = self._child = await Child.start(start.orders, self._note)
        await child.settle(PLAN_S)
        if child.planned.done():
            self.values = dict(start.kept)
            self._attending = asyncio.get_running_loop().create_task(self._attend(child))
            self.announce()
            return
        child.kill()
        end = self._present.end = await child.end
        self.start = former or start
        self.hub.renew(self.start.offer.told["views"])
        self.announce()
        if end.code in (2, 3) and end.error:
            raise Refused(422, end.error)
        raise Refused(503, "the session could not be started; try again")

    async def stop(self, why: str | None = None) -> None:
        """Have it finish what is under way and end; returns when it has. `why`: it was not its owner who wanted it."""
        child = self._child
        if child is None or not child.alive:
            return
        if not self._present.stopping:
            self._present.stopping, self._present.why = True, why
            child.terminate()
            self.announce()
        if not await child.wait(STOP_S):
            child.kill()
        if self._attending is not None:
            await asyncio.wait({self._attending})

    async def close(self) -> None:
        """Stop it and let go of everything but its media."""
        await self.stop()
        self._tell_end()
        await self.hub.close()
        if self.relay is not None:
            await self.relay.close()

    async def _attend(self, child: Child) -> None:
        """While it lives: look at it, and see to it that nobody's session lives for ever."""
        looked = counted = 0.0
        while not await child.wait(TICK_S):
            try:
                self._judge()
                often = self.watched or self.state not in LASTING
                if often or self._now - looked >= SLOW_S:
                    looked = self._now
                    await self.look()
                if self._now - counted >= ROOM_S:
                    counted = self._now
                    await self._keep_room()
            except Exception as error:  # noqa: BLE001 - it must not live for ever for that; the log has it
                log.error(failure_of(error))
        self._present.end, self._ended = child.end.result(), self._now
        self._present.recording = False
        self.announce()
        self._tell_end()

    def _judge(self) -> None:
        """Whether it has lived for too long, or alone."""
        if self.watched:
            self._seen = self._now
        if self._present.stopping:
            return
        if self.seconds_left <= 0:
            why = f"ended after {self._limits.session_seconds:g} s, the longest life of a session here; start it again"
        elif self._now - self._seen > self._limits.grace_seconds and not self.pinned:
            why = f"ended: no page has watched it for {self._limits.grace_seconds:g} s; pin what is to go on alone"
        else:
            return
        self._ending = asyncio.get_running_loop().create_task(self.stop(why))

    async def _keep_room(self) -> None:
        """End what fills the disk, or its owner's part of it."""
        assert self.start is not None
        upload = self.start.wish.source.kind == "upload"
        if not (upload or self._present.recording) or self._present.stopping:
            return
        try:
            await asyncio.to_thread(self.check_room)
        except Refused as full:
            if upload:
                self._ending = asyncio.get_running_loop().create_task(self.stop(full.text))
                return
            self._note(f"the recording has been ended: {full.text}")
            with suppress(Refused):  # the run itself has just ended
                await self.record(False)

    async def look(self) -> None:
        """Ask the run how it is, and tell."""
        switched = self._switched
        try:
            found = await self.ask(Status(), 2.0)
        except Refused:  # it is starting, or ending, or does not answer just now
            return
        self._present.statistics.add(self._now, found)
        if switched == self._switched:  # else it answered before it was switched
            self._present.recording = bool(self._present.live(RECORDING).get("enabled"))
        self.announce()
        objects = self.hub.latest.head.get("objects", []) if self.hub.latest else []
        self._listeners.tell(self._present.statistics.message(len(objects)))

    async def ask(self, request: Request, timeout_s: float = 5.0) -> dict[str, Any]:
        """What the run answers. Raises Refused."""
        if not self.alive:
            raise Refused(409, "the session has ended; start it again")
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._asking, admin.ask, self.name, request, timeout_s)
        except ConfigError as error:
            if str(error).startswith("no pipeline called"):
                raise Refused(409, "the session is just starting, or ending; try again in a moment") from error
            raise Refused(422, str(error).removeprefix(f"{self.name}: ")) from error
        except RunError as error:
            raise Refused(409, "the session does not answer just now; try again") from error

    async def record(self, on: bool) -> None:
        """Begin or end a recording. Raises Refused."""
        if on:
            await asyncio.to_thread(self.check_room)
        await self.ask(Change(stage=RECORDING, field="enabled", value=on), PATIENCE_S)
        self._present.recording = on
        self._switched += 1
        self.announce()

    # Who listens

    @contextmanager
    def listening(self) -> Iterator[Listener]:
        """While entered, somebody is told what happens, beginning with how it is."""
        listener = self._listeners.add(self.describe())
        try:
            yield listener
        finally:
            self._listeners.remove(listener)
            self._note_watching()

    def announce(self) -> None:
        """Tell all where something about it is new."""
        self._listeners.announce(self.describe())

    def _tell_end(self) -> None:
        self._listeners.tell({"type": "end", "state": self.state, "error": self._present.error})

    def _note(self, text: str) -> None:
        self._notes.append(presentable(text))
        self._listeners.tell({"type": "note", "text": self._notes[-1]})

    def _note_watching(self) -> None:
        self._seen = self._now

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()
