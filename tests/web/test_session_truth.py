"""What a session knows of its run, whatever goes wrong between them; and what its process says, whoever listens."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.requests import Change, Request
from pipeline.web import session
from pipeline.web.launch import _of_source
from pipeline.web.refusal import Refused
from pipeline.web.session import Session
from pipeline.web.settings import Limits
from pipeline.web.spawned import Child, End
from pipeline.web.start import Places
from pipeline.web.wishes import Wish

CAMERA = {"kind": "camera", "address": "cam:test"}
FRAMES = {"accepted": 1, "output": 1, "blanked": 0, "rejected": 0, "dropped": {}}


def snapshot(*, recording: bool) -> dict[str, Any]:
    stage = {"queue": 0, "frames": 1, "busy_s": 0.1, "wanted": 1, "state": "", "dropped": 0, "counts": {}}
    stages = {"recording": {**stage, "live": {"enabled": recording}}}
    return {"phase": "running", "seconds": 1.0, "frames": FRAMES, "latency_ms": {}, "stages": stages}


def made(folder: Path, monkeypatch: pytest.MonkeyPatch, asking: ThreadPoolExecutor) -> Session:
    wish = Wish.model_validate({"pipeline": "x", "source": CAMERA})
    steer = {"choose": None, "zones": None, "rules": None, "targets": None}
    offer = SimpleNamespace(name="x", privacy=False, steer=steer, told={"views": ["result"]})
    one = Session("0", "me", Places(folder, folder, lambda: None), Limits(), asking)
    monkeypatch.setattr(one, "start", SimpleNamespace(wish=wish, offer=offer, label="camera"))
    return one


def test_a_recording_that_began_after_nobody_waited_any_more_is_known_to_be_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(asking: ThreadPoolExecutor) -> None:
        one = made(tmp_path, monkeypatch, asking)
        on = True

        async def ask(request: Request, timeout_s: float = 5.0) -> dict[str, Any]:
            if isinstance(request, Change):
                raise Refused(409, "the session does not answer just now; try again")
            return snapshot(recording=on)

        monkeypatch.setattr(one, "ask", ask)
        with pytest.raises(Refused):
            await one.record(True)
        await one.look()
        assert one.describe()["recording"] is True
        on = False
        await one.look()
        assert one.describe()["recording"] is False

    with ThreadPoolExecutor(1) as asking:
        asyncio.run(work(asking))


def test_a_look_that_fails_is_not_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "TICK_S", 0.01)
    looks = 0

    async def work(asking: ThreadPoolExecutor) -> None:
        one = made(tmp_path, monkeypatch, asking)
        end: asyncio.Future[End] = asyncio.get_running_loop().create_future()

        async def look() -> None:
            nonlocal looks
            looks += 1
            if looks == 3:
                end.set_result(End(0, None))
            raise FileNotFoundError("the folder of media is gone")

        async def wait(seconds: float) -> bool:
            done, _ = await asyncio.wait({end}, timeout=seconds)
            return bool(done)

        monkeypatch.setattr(one, "look", look)
        async with asyncio.timeout(10):
            await one._attend(SimpleNamespace(end=end, wait=wait))  # type: ignore[arg-type]
        assert one.describe()["state"] == "ended"

    with ThreadPoolExecutor(1) as asking:
        asyncio.run(work(asking))
    assert looks == 3


def test_a_line_that_is_none_of_ours_ends_no_session() -> None:
    async def work() -> list[str]:
        heard: list[str] = []
        code = 'print(\'x\' * 300_000); print(\'{"event": "note", "text": "still here"}\')'
        process = await asyncio.create_subprocess_exec(
            "python", "-c", code, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, limit=1 << 16
        )
        assert (await Child(process, heard.append).end).code == 0
        return heard

    assert asyncio.run(work()) == ["still here"]


def test_who_sends_his_own_camera_is_given_time_to_allow_it() -> None:
    offer: Any = SimpleNamespace(source="ingest", steer={"targets": None})
    browser = Wish.model_validate({"pipeline": "x", "source": {"kind": "browser"}})
    assert _of_source(browser, offer) == {"ingest.timeout": 120.0}
    assert "ingest.timeout" not in _of_source(Wish.model_validate({"pipeline": "x", "source": CAMERA}), offer)
