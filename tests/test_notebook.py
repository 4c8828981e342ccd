"""docs/notebook.ipynb, executed as who reads it would: all of its cells, on this machine alone, without the network."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipeline.frame import Image
from tests.runs import ROOT

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
MOST_BYTES = 500_000
SECONDS = 500.0  # where others are at work; half a minute where nobody is
EXECUTE = """
import sys
import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
book = nbformat.read(sys.argv[1], 4)
kernel = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=sys.argv[4])
client = NotebookClient(book, km=kernel, timeout=300, resources={"metadata": {"path": sys.argv[2]}})
try:
    client.execute()
finally:
    nbformat.write(book, sys.argv[3])
"""
NOWHERE = "http://127.0.0.1:9"

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


def apart() -> list[str]:
    """What runs a command with no network at all, where this machine lets us; nothing elsewhere."""
    command = ["unshare", "--map-root-user", "--net"]
    able = (
        shutil.which("unshare") and not subprocess.run([*command, "true"], capture_output=True, check=False).returncode
    )
    return command if able else []


@pytest.fixture(scope="module")
def executed() -> list[dict[str, Any]]:
    """Its code cells after a run of our own."""
    folder = Path(tempfile.mkdtemp(prefix="book-"))  # the path of a socket is short
    try:
        return cells_of_a_run(folder)
    finally:
        shutil.rmtree(folder)


def cells_of_a_run(folder: Path) -> list[dict[str, Any]]:
    out = folder / "out.ipynb"
    proxies = {name: NOWHERE for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")}
    own = {"JUPYTER_RUNTIME_DIR": str(folder / "run"), "IPYTHONDIR": str(folder / "ipython"), "TMPDIR": str(folder)}
    done = subprocess.run(
        [*apart(), sys.executable, "-c", EXECUTE, str(NOTEBOOK), str(NOTEBOOK.parent), str(out),
         str(folder / "kernel")],
        env={**os.environ, **proxies, **own}, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    assert not list(folder.glob("notebook-*")), "its footage is removed"
    assert not list(NOTEBOOK.parent.glob("kernel*")), "its sockets are in the folder of this run"
    return code_cells(out)


def code_cells(path: Path) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def with_source(cells: list[dict[str, Any]], words: str) -> dict[str, Any]:
    (found,) = [cell for cell in cells if words in "".join(cell["source"])]
    return found


def text_of(cell: dict[str, Any]) -> str:
    return "".join("".join(out["text"]) for out in cell["outputs"] if out["output_type"] == "stream")


def pictures_of(cell: dict[str, Any], count: int) -> list[Image]:
    """The pictures that it shows side by side, `count` of them, uint8 [H, W, 3]."""
    (jpeg,) = [out["data"]["image/jpeg"] for out in cell["outputs"] if "image/jpeg" in out.get("data", {})]
    decoder = av.CodecContext.create("mjpeg", "r")
    (frame,) = decoder.decode(av.Packet(base64.b64decode("".join(jpeg))))
    return np.split(frame.to_ndarray(format="bgr24"), count, axis=1)


def differing(a: Image, b: Image) -> float:
    """The share of pixels that nobody would take for the same."""
    return float((np.abs(a.astype(int) - b).max(axis=2) > 48).mean())


@pytest.mark.long
def test_no_cell_fails_or_warns(executed: list[dict[str, Any]]) -> None:
    kinds = [(out["output_type"], out.get("name")) for cell in executed for out in cell["outputs"]]
    assert len(kinds) > 12
    assert set(kinds) <= {("stream", "stdout"), ("display_data", None)}, "no error, and nothing on stderr"


@pytest.mark.long
def test_the_people_are_gone_and_the_room_is_there(executed: list[dict[str, Any]]) -> None:
    before, after, truth = pictures_of(with_source(executed, 'about="before, after, truth"'), 3)
    assert differing(before, truth) > 0.03
    assert differing(after, truth) < 0.003


@pytest.mark.long
def test_the_report_is_drawn_with_every_stage(executed: list[dict[str, Any]]) -> None:
    cell = with_source(executed, "def bars(")
    (svg,) = ["".join(out["data"]["image/svg+xml"]) for out in cell["outputs"] if "data" in out]
    assert svg.count("<rect") == 6
    assert all(f">{name}</text>" in svg for name in ("ingest", "segmentation", "tracking", "plate", "inpainting"))
    assert "yolov5s-seg torch" in text_of(cell)


@pytest.mark.long
def test_a_setting_acts_while_the_run_goes_on(executed: list[dict[str, Any]]) -> None:
    cell = with_source(executed, 'run.set("segmentation.grow", 40)')
    assert "grow was 8 pixels" in text_of(cell)
    assert "running" in text_of(cell)
    assert "completed 36 frames" in text_of(cell)
    narrow, wide = pictures_of(cell, 2)
    reddish = [float(((one[..., 2].astype(int) - one[..., 1]) > 80).mean()) for one in (narrow, wide)]
    assert reddish[1] > 1.5 * reddish[0], "the mask, in red, is wider then"


@pytest.mark.long
def test_a_video_knows_more_than_a_single_picture(executed: list[dict[str, Any]]) -> None:
    words = text_of(with_source(executed, "in the video {psnr")).replace(",", "").split()
    alone, together = (float(word) for word, unit in pairwise(words) if unit == "dB")
    assert together > alone + 5


@pytest.mark.long
def test_what_is_wrong_is_shown_as_one_line_with_the_way_out(executed: list[dict[str, Any]]) -> None:
    assert text_of(with_source(executed, "gorw")).strip().endswith("did you mean 'grow'?")


@pytest.mark.long
def test_steps_and_models_work_alone(executed: list[dict[str, Any]]) -> None:
    assert "object 1" in text_of(with_source(executed, "found['track']"))
    assert "2 people" in text_of(with_source(executed, "load_segmenter"))


def test_as_it_lies_here_it_was_run_and_is_small_and_names_nobodys_folders() -> None:
    text = NOTEBOOK.read_text()
    assert len(text) < MOST_BYTES
    for cell in code_cells(NOTEBOOK):
        assert cell["execution_count"], "".join(cell["source"])
        assert not cell["metadata"], "when it ran is nobody's business"
    assert not any(word in text for word in ("/root", "/home", "/work", str(Path.home())))


@pytest.mark.long
def test_it_lies_here_as_this_version_would_run_it(executed: list[dict[str, Any]]) -> None:
    def kinds(cell: dict[str, Any]) -> list[str]:
        return sorted({kind for out in cell["outputs"] for kind in out.get("data", {"text": ""})})

    for kept, ours in zip(code_cells(NOTEBOOK), executed, strict=True):
        assert kinds(kept) == kinds(ours), "".join(kept["source"])
