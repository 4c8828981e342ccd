"""Whoever uses it over a network can have its source."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from pipeline.web import source_code
from tests.runs import ROOT
from tests.web.guarded import Guarded


def test_everybody_gets_the_source_of_what_is_running(server: Guarded) -> None:
    said = httpx.get(f"{server.base}/source.zip", timeout=60)
    assert said.status_code == 200
    with zipfile.ZipFile(io.BytesIO(said.content)) as archive:
        names = set(archive.namelist())
        assert archive.read("cleanplate/pipeline/web/guard.py") == (ROOT / "pipeline/web/guard.py").read_bytes()
    assert {"cleanplate/pyproject.toml", "cleanplate/LICENSE", "cleanplate/configs/remove-people.yaml"} <= names
    assert "cleanplate/pipeline/web/static/index.html" in names
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name]


def test_the_page_leads_to_it(server: Guarded) -> None:
    assert httpx.get(f"{server.base}/api/about", timeout=60).json()["source"] == "/source.zip"


def test_it_is_packed_once_however_many_ask_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def files() -> Iterator[tuple[str, Path]]:
        asked.append(threading.get_ident())
        others.wait(0.5)  # while the others come
        yield "LICENSE", ROOT / "LICENSE"

    others = threading.Event()
    monkeypatch.setattr(source_code, "_files", files)
    source_code._packed.cache_clear()
    try:
        with ThreadPoolExecutor(4) as four:
            assert len({found.result() for found in [four.submit(source_code.packed) for _ in range(4)]}) == 1
    finally:
        source_code._packed.cache_clear()
    assert len(asked) == 1


def test_somebodys_own_configuration_with_a_password_is_not_handed_out(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("stages:\n- with: {input: 'rtsp://user:geheim@10.0.0.1/x'}\n")
    assert source_code._is_private(tmp_path / "mine.yaml")
    assert not [path for path in (ROOT / "configs").glob("*.yaml") if source_code._is_private(path)]
