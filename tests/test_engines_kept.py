"""What engines keep between two starts, what they must not do at a start, and what loading them brings in."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import torch

from models.base import ModelError
from models.engines import Engine, exported, load_engine
from tests.networks import ENGINES, Toy, noise, plain, worst
from tests.thorough import rarely


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of converted networks, empty."""
    monkeypatch.setenv("CLEANPLATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "engines"


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each network that was exported: its size in bytes."""
    sizes: list[int] = []
    export = exported._export

    def counting(network: torch.nn.Module) -> bytes:
        content = export(network)
        sizes.append(len(content))
        return content

    monkeypatch.setattr(exported, "_export", counting)
    return sizes


def load(engine: str = "openvino", key: str = "toy", seed: int = 0) -> Engine:
    made = load_engine(Toy(seed), engine=engine, precision="float32", key=key)  # type: ignore[arg-type]
    assert worst(made(noise(64, 96)), plain(Toy(seed), noise(64, 96))) < 1e-4
    return made


def test_a_network_is_converted_once_for_all_engines_and_starts(kept: Path, exports: list[int]) -> None:
    for engine in (*ENGINES[1:], *ENGINES[1:]):
        assert load(engine).note == ""
    assert len(exports) == len(list(kept.iterdir())) == 1
    load(key="another", seed=1)
    assert len(exports) == len(list(kept.iterdir())) == 2


def test_what_is_kept_may_be_read_by_whoever_the_user_lets_read(kept: Path) -> None:
    before = os.umask(0o027)
    try:
        load()
    finally:
        os.umask(before)
    (path,) = kept.iterdir()
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("damage", ["a bit", *rarely("cut short", "empty")])
def test_a_damaged_file_is_made_anew(damage: str, kept: Path, exports: list[int]) -> None:
    load()
    (path,) = kept.iterdir()
    whole = path.read_bytes()
    middle = len(whole) // 2
    damaged = {"cut short": whole[:middle], "empty": b""}
    turned = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    path.write_bytes(damaged.get(damage, turned))
    load()
    assert len(exports) == 2
    (path,) = kept.iterdir()
    load()
    assert len(exports) == 2


@pytest.mark.long
def test_what_older_versions_made_goes_when_it_is_replaced(
    kept: Path, exports: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    load()
    (old,) = kept.iterdir()
    monkeypatch.setattr(exported, "FORMAT", "another")
    load()
    (new,) = kept.iterdir()
    assert new != old
    assert len(exports) == 2


@pytest.mark.long
def test_only_those_used_last_are_kept(kept: Path) -> None:
    kept.mkdir(parents=True)
    for number in range(12):
        path = kept / f"left-{number}.part"
        path.touch()
        os.utime(path, (number, number))
    load()
    names = {path.name for path in kept.iterdir()}
    assert len(names) == exported.KEPT == 8
    assert {f"left-{number}.part" for number in range(5, 12)} < names


def test_what_is_used_is_not_the_oldest(kept: Path) -> None:
    load()
    (path,) = kept.iterdir()
    os.utime(path, (1, 1))
    load()
    assert path.stat().st_mtime > 1


def test_a_folder_that_cannot_be_written_is_said_and_does_no_harm(kept: Path, exports: list[int]) -> None:
    kept.parent.mkdir()
    kept.write_text("a file where the folder should be")
    assert load().note.startswith("the converted network was not kept: ")
    assert kept.is_file()


def test_a_full_disk_is_said_and_leaves_nothing_behind(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert "No space left on device" in load().note
    assert list(kept.iterdir()) == []


@pytest.mark.parametrize("engine", ENGINES[1:])
def test_what_was_kept_of_another_network_is_not_trusted(engine: str, kept: Path) -> None:
    load(seed=1)
    with pytest.raises(ModelError, match=rf"engine {engine} in float32: output 1 is .* off torch's"):
        load(engine, seed=2)
    made = load_engine(Toy(2), precision="float32", key="toy")
    assert made.name == "torch"
    assert "engine openvino in float32: output 1 is" in made.note
    assert "engine onnxruntime in float32: output 1 is" in made.note


def test_a_whole_file_that_holds_no_network_is_refused(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported, "_export", lambda network: b"no network")
    made = load_engine(Toy(), precision="float32", key="toy")
    assert made.name == "torch"
    assert "engine openvino cannot read the network: " in made.note
    assert "engine onnxruntime cannot load the network: " in made.note
    assert "\n" not in made.note


@pytest.mark.long
def test_converting_leaves_the_network_as_it_was(kept: Path) -> None:
    network = Toy()
    before = plain(network, noise(64, 96))
    load_engine(network, engine="openvino", precision="float32", key="toy")
    assert all(map(torch.equal, plain(network, noise(64, 96)), before))


def test_engines_are_loaded_when_they_are_asked_for() -> None:
    code = """
import sys
from models import engines
from tests.networks import Toy
engines.load_engine(Toy(), engine="torch", key="toy")
assert not {"openvino", "onnxruntime", "onnx", "onnxscript", "torch.onnx._internal.exporter"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)


WATCHED = """
import socket, sys
tried = []
def refuse(*args, **kwargs):
    tried.append(args)
    raise OSError("no network here")
socket.getaddrinfo = socket.create_connection = socket.socket.connect = refuse
"""


@pytest.mark.parametrize("engine", [ENGINES[1], *rarely(*ENGINES[2:])])
def test_no_engine_phones_home_or_changes_the_process(engine: str, kept: Path, tmp_path: Path) -> None:
    code = f"""{WATCHED}
import cv2, torch
before = cv2.getNumThreads(), torch.get_num_threads()
from tests.networks import Toy, noise
from models.engines import load_engine
engine = load_engine(Toy(), engine={engine!r}, key="toy")
engine(noise(64, 64))
assert (cv2.getNumThreads(), torch.get_num_threads()) == before
assert "torchvision" not in sys.modules
assert not sys.modules.get("openvino_telemetry")
assert tried == [], tried
"""
    home = alone(code, tmp_path)
    assert list(home.iterdir()) == []


@pytest.mark.skipif("openvino" not in ENGINES, reason="openvino is not installed")
def test_a_network_that_is_drawn_does_not_phone_home_either(tmp_path: Path) -> None:
    code = f"""{WATCHED}
from models.registry import load_inpainter
load_inpainter("infill", engine="openvino", device="cpu").warm_up(every=False)
assert "openvino" in sys.modules
assert not sys.modules.get("openvino_telemetry")
assert tried == [], tried
"""
    home = alone(code, tmp_path)
    assert list(home.iterdir()) == []


def test_without_that_care_openvino_would_phone_home(tmp_path: Path) -> None:
    try:
        version("openvino-telemetry")
    except PackageNotFoundError:
        pytest.skip("openvino-telemetry is not installed")
    home = alone(f"{WATCHED}\nimport openvino", tmp_path)
    assert (home / "intel").is_dir()  # where it notes whom it counts


def alone(code: str, folder: Path) -> Path:
    """Run `code` with a home folder of its own, and return that."""
    home = folder / "home"
    home.mkdir()
    clean = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD", "JENKINS_URL")}
    environment = {**clean, "HOME": str(home), "XDG_CACHE_HOME": str(folder / "xdg")}
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120, env=environment)
    return home
