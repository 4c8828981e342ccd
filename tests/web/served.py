"""A real `cleanplate serve` on a free port, and programs that call it up."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil
import yaml
from websockets.sync.client import ClientConnection, connect

from tests.runs import COMMAND, ROOT
from tests.waiting import wait_until

FOUND = {"name": "found", "uses": "tests.web.toys:Found"}
COVER = {"name": "cover", "uses": "tests.web.toys:Cover"}
RULED = {"name": "found", "uses": "tests.web.toys:Ruled"}
VEIL = {"name": "cover", "uses": "tests.web.toys:Veil"}
PLAIN = {"name": "plain", "uses": "tests.web.toys:Plain"}
PATIENCE_S = 60.0  # on a machine that many share


class Served:
    """The server in a process of its own, its state and media under `folder`."""

    def __init__(self, folder: Path, *args: str, environment: dict[str, str] | None = None) -> None:
        self.state, self.media = folder / "s", folder / "media"
        self.errors = folder / "stderr"
        given = {**os.environ, "CLEANPLATE_STATE": str(self.state), "PYTHONPATH": str(ROOT), **(environment or {})}
        patience = () if "--grace" in args else ("--grace", "120")  # a busy machine may take long to start a run
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [*COMMAND, "serve", "--port", "0", "--media", str(self.media), *patience, *args],
                cwd=ROOT, env=given, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.address, self.errors.read_text()

    @property
    def base(self) -> str:
        return self.address.partition("#")[0].rstrip("/")

    def program(self, token: str = "") -> Program:
        return Program(self.base, token)

    @contextmanager
    def newcomer(self) -> Iterator[Program]:
        """A new owner, whose sessions are removed afterwards."""
        with self.program() as program:
            yield program
            for session in program.get("/api/sessions").json():
                assert program.delete(f"/api/sessions/{session['id']}").status_code == 204

    @property
    def below(self) -> list[psutil.Process]:
        """All processes that it has started, and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self) -> int:
        """SIGTERM; its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(timeout=PATIENCE_S)
        finally:
            self.process.kill()
            assert self.process.stdout is not None
            self.process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


class Program(httpx.Client):
    """Somebody who has logged in."""

    def __init__(self, base: str, token: str = "") -> None:
        said = httpx.post(f"{base}/api/login", json={"bearer": True, "token": token}, timeout=PATIENCE_S)
        assert said.status_code == 200, said.text
        self.token = said.json()["owner"]
        super().__init__(base_url=base, timeout=PATIENCE_S, headers={"Authorization": f"Bearer {self.token}"})

    def begin(self, pipeline: str, source: dict[str, Any] | str = "cam:test", **wish: Any) -> dict[str, Any]:
        """A session that has begun."""
        given = {"kind": "camera", "address": source} if isinstance(source, str) else source
        said = self.post("/api/sessions", json={"pipeline": pipeline, "source": given, **wish})
        assert said.status_code == 201, said.text
        return said.json()  # type: ignore[no-any-return]

    def session(self, ident: str) -> dict[str, Any]:
        return self.get(f"/api/sessions/{ident}").json()  # type: ignore[no-any-return]

    def await_state(self, ident: str, *states: str, timeout: float = 40.0) -> dict[str, Any]:
        """The session when it has come to one of these states."""
        wait_until(lambda: self.session(ident)["state"] in states, timeout)
        return self.session(ident)

    @contextmanager
    def page(self, ident: str, **want: Any) -> Iterator[Page]:
        """A page at its WebSocket, that has said what it wants, if anything."""
        address = str(self.base_url).replace("http", "ws", 1).rstrip("/") + f"/api/sessions/{ident}/live"
        with connect(address, additional_headers={"Authorization": f"Bearer {self.token}"}, max_size=None) as socket:
            page = Page(socket)
            if want:
                page.say(type="want", **want)
            yield page


class Page:
    """What comes to a page, taken apart."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.told: list[dict[str, Any]] = []

    def say(self, **word: Any) -> None:
        self.socket.send(json.dumps(word))

    def picture(self, timeout: float = 40.0) -> tuple[dict[str, Any], dict[str, bytes]]:
        """The next picture, which is drawn at once; what is told meanwhile is kept in `told`."""
        while True:
            said = self.socket.recv(timeout=timeout)
            if isinstance(said, bytes):
                self.say(type="got")
                return taken_apart(said)
            self.told.append(json.loads(said))

    def word(self, kind: str, timeout: float = 40.0) -> dict[str, Any]:
        """The next word of this kind."""
        while True:
            said = self.socket.recv(timeout=timeout)
            if isinstance(said, str):
                self.told.append(json.loads(said))
                if self.told[-1]["type"] == kind:
                    return self.told[-1]


def taken_apart(record: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Head and pictures of a record."""
    size = int.from_bytes(record[:4], "big")
    head = json.loads(record[4 : 4 + size])
    at, jpegs = 4 + size, {}
    for name, length in head["pictures"]:
        jpegs[name] = record[at : at + length]
        at += length
    assert at == len(record)
    return head, jpegs


def toy(folder: Path, *middle: dict[str, Any], name: str = "toy", **top: Any) -> str:
    """The path of a pipeline of light stages: whatever comes in, then `middle` (FOUND and COVER by default)."""
    stages: Sequence[dict[str, Any]] = middle or [FOUND, COVER]
    path = folder / f"{name}.yaml"
    config = {
        "name": name,
        **top,
        "stages": [
            {"name": "ingest", "uses": "stages.ingest:Auto"},
            *stages,
            {"name": "output", "uses": "stages.output:Auto", "with": {"output": "window:", "title": "Toy"}},
        ],
    }
    path.write_text("# A toy. It does little.\n" + yaml.safe_dump(config, sort_keys=False))
    return str(path)
