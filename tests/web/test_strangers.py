"""Somebody else's session looks like none at all, by every route that names one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from pipeline.web.owners import id_of
from tests.web.guarded import Guarded

THERE, NOT_THERE = "0123456789abcdef0123", "0123456789abcdef9999"
BODIES = [{}, {"on": True}, {"pinned": True}, {"x": 0.5, "y": 0.5, "do": "remove"}, {"hide": [], "spare": []},
          {"stage": "segmentation", "field": "grow", "value": 1}, {"stage": "segmentation", "workers": 1}]  # fmt: skip


@contextmanager
def session_of(server: Guarded, token: str) -> Iterator[None]:
    """One that this owner has; whatever is done with it by somebody else would fail loudly."""
    sessions = server.app.state.sessions._sessions
    sessions[THERE] = SimpleNamespace(id=THERE, owner=id_of(token), alive=True)
    try:
        yield
    finally:
        del sessions[THERE]


def routes(server: Guarded) -> list[tuple[str, str]]:
    found = server.app.openapi()["paths"]
    return [
        (method.upper(), path)
        for path, methods in found.items()
        for method in methods
        if path.startswith("/api/sessions/{")
    ]


@pytest.mark.fault("H12")
def test_somebody_elses_session_looks_like_none(server: Guarded) -> None:
    found = routes(server)
    assert len(found) > 12
    with server.owner() as one, server.owner() as other:
        (server.folder(one) / "sessions" / THERE).mkdir(parents=True)
        with session_of(server, one.headers["Authorization"].split()[1]):
            for method, path in found:
                first = path[path.index("{") : path.index("}") + 1]
                statuses = set()
                for body in BODIES:
                    told = []
                    for ident in (THERE, NOT_THERE):
                        address = path.replace(first, ident).replace("{name}", "a.mp4")
                        if "{" in address:
                            address = f"{address[: address.index('{')]}abc"
                        kind = {"Content-Type": "application/sdp"} if path.endswith(("whep", "whip")) else {}
                        given = {"json": body} if method not in ("GET", "HEAD", "DELETE") else {}
                        said = other.request(method, address, headers=kind, **given)
                        assert said.status_code in (404, 405, 415, 422, 400), (method, path, said.text)
                        told.append((said.status_code, said.text))
                    assert told[0] == told[1], (method, path)
                    statuses.add(told[0][0])
                assert 404 in statuses, (method, path, "no body came so far as to be told that there is no session")
            assert THERE in server.app.state.sessions._sessions


@pytest.mark.fault("H12")
def test_nobody_watches_somebody_elses_session(server: Guarded) -> None:
    with server.owner() as one, server.owner() as other:
        token = {"Authorization": other.headers["Authorization"], "Origin": server.base}
        with session_of(server, one.headers["Authorization"].split()[1]):
            for ident in (THERE, NOT_THERE):
                address = f"ws://127.0.0.1:{server.port}/api/sessions/{ident}/live"
                with pytest.raises(InvalidStatus) as refused:
                    connect(address, additional_headers=token, proxy=None).close()
                assert refused.value.response.status_code == 404
            assert other.get("/api/sessions").json() == []
