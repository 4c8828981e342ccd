"""The codec in a session of the page: pictures and figures are shown, it is steered, and the server keeps no log."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.waiting import wait_until
from tests.web.served import Served, toy

pytestmark = [pytest.mark.real, pytest.mark.long]

MIDDLE = {"name": "middle", "uses": "tests.codec.toys:Middle"}


def test_a_session_shows_figures_and_takes_another_rate(tmp_path_factory: pytest.TempPathFactory) -> None:
    tmp_path = tmp_path_factory.mktemp("page")
    logs = tmp_path / "live_outputs"
    codec = {"name": "codec", "uses": "stages.codec:Codec", "with": {"bandwidth": 0.5, "log": str(logs)}}
    export = {"name": "export", "uses": "stages.codec:Export", "with": {"output": "null:"}}
    path = toy(tmp_path, MIDDLE, codec, export, name="coding")
    _branch(Path(path))
    with Served(tmp_path, "--pipeline", path) as served, served.newcomer() as program:
        session = program.begin("coding")
        with program.page(session["id"], views=["input", "result", "overlay", "mask"], width=320) as page:
            head, jpegs = page.picture()
            assert set(jpegs) == {"input", "result", "overlay", "mask"}
            assert head["coding"]["ratio"] == pytest.approx(0.5)
            assert head["coding"]["region_psnr"] > 10
            where = {"stage": "codec", "field": "bandwidth", "value": 0.2}
            program.post(f"/api/sessions/{session['id']}/set", json=where)
            wait_until(lambda: page.picture()[0]["coding"]["ratio"] == pytest.approx(0.2))
    assert not os.path.exists(logs)


def _branch(path: Path) -> None:
    """The output follows the codec, as in the shipped configuration."""
    text = path.read_text()
    path.write_text(text.replace("- name: output\n", "- name: output\n  after: codec\n"))
