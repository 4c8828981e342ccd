"""Model files of one's own: what may stand behind #, what is fetched and what is not, and what things are called."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from pydantic import ValidationError

from models import weights
from models.base import ModelError
from models.classes import NAMES, ours
from models.own import Own, is_own, read_own
from models.registry import knows, load_detector, weights_needed
from pipeline.cli.weights import bring, names_of, transfer
from pipeline.errors import ConfigError, RunError, SetupError
from stages.privacy import Detection
from tests.bright import bright
from tests.shelves import shelf

HEX = "0123456789abcdef" * 4
PLATE = {"names": "['lp']"}


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("plates.onnx", Own("plates.onnx")),
        ("./a b#c/faces.pt", Own("./a b#c/faces.pt")),
        ("plates.onnx#names=plate", Own("plates.onnx", names=("plate",))),
        ("/m/p.onnx#names=License Plate, car%2C old", Own("/m/p.onnx", names=("License Plate", "car, old"))),
        (f"p.pt#names=a,b&sha256={HEX.upper()}", Own("p.pt", HEX, ("a", "b"))),
        (f"https://h/p.onnx?x=1#sha256={HEX}", Own("https://h/p.onnx?x=1", HEX)),
    ],
)
def test_a_file_is_read_with_what_is_said_of_it(text: str, own: Own) -> None:
    assert is_own(text)
    assert read_own(text) == own
    assert read_own(text).suffix in (".onnx", ".pt")


@pytest.mark.parametrize("name", ["centerface", "yolov5s-seg", "plate-search", ""])
def test_a_name_of_ours_is_no_file(name: str) -> None:
    assert not is_own(name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://h/p.onnx", "nothing is fetched without a checksum; next: add #sha256=HEX"),
        ("https://h/p.onnx#names=plate", "nothing is fetched without a checksum"),
        ("p.onnx#sha256=12ab", "64 hexadecimal digits, this is '12ab'"),
        ("p.onnx#names=", "'names=' is neither"),
        ("p.onnx#names=a&colour=red", "'colour=red' is neither sha256=HEX nor names=A,B"),
        ("p.onnx#names=a&names=b", "'names=b' is neither .* once"),
    ],
)
def test_what_is_said_wrongly_is_refused_before_anything_runs(text: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        read_own(text)
    with pytest.raises(ValidationError, match=said):
        Detection(detectors=[text], classes=["plate"])


def test_a_file_of_another_kind_is_no_detector() -> None:
    with pytest.raises(ValidationError, match=r"a file \.onnx or \.pt"):
        Detection(detectors=["./plates.tflite"])


@pytest.mark.parametrize(
    ("theirs", "name"),
    [
        ("License_Plate", "plate"),
        ("licence-plate", "plate"),
        ("Vehicle registration plate", "plate"),
        ("LP", "plate"),
        ("Human face", "face"),
        ("head", "face"),
        ("Pedestrian", "person"),
        ("traffic_light", "traffic light"),
        ("sunglasses", "sunglasses"),
    ],
)
def test_the_words_of_others_are_understood(theirs: str, name: str) -> None:
    assert ours(theirs) == name


def test_every_name_of_ours_is_its_own() -> None:
    assert [ours(name) for name in NAMES] == list(NAMES)


def test_a_file_that_is_not_what_was_said_is_not_loaded(tmp_path: Path) -> None:
    path = bright(tmp_path / "p.onnx", canvas=(64, 96), notes=PLATE)
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    assert load_detector(f"{path}#sha256={right}").names == ("plate",)
    with pytest.raises(ModelError, match=f"has sha256 {right}, not {HEX}"):
        load_detector(f"{path}#sha256={HEX}")


def test_a_detector_that_is_not_there_is_told() -> None:
    with pytest.raises(ModelError, match=r"/no/such\.onnx is not a file"):
        load_detector("/no/such.onnx")


def test_a_file_beside_a_file_is_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="give one of them"):
        load_detector("a.onnx", weights_file="b.onnx")


def test_an_onnx_file_detects_and_does_not_segment() -> None:
    assert knows("detect", "p.onnx#names=plate")
    assert not knows("segment", "p.onnx")


def test_a_detector_on_the_web_is_fetched_once_checked_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEANPLATE_CACHE", str(tmp_path / "cache"))
    content = bright(tmp_path / "p.onnx", canvas=(64, 96)).read_bytes()
    right = hashlib.sha256(content).hexdigest()
    with shelf(content=content) as server:
        address = server.url.replace("weights.pt", "plates%20v1.onnx")
        name = f"{address}#sha256={right}&names=number plate"
        assert Detection(detectors=[name], classes=["plate"]).weights_needed() == [name]
        assert names_of([name]) == [name]
        with pytest.raises(ModelError, match="models fetch 'http"):
            load_detector(name)
        place = bring(name, quiet=True)
        assert bring(name, quiet=True) == place == weights.locate(name)
        assert len(server.ranges) == 1
    assert place.name == f"{right[:16]}-plates_v1.onnx"
    assert load_detector(name).names == ("plate",)
    place.write_bytes(content[:-1])
    with pytest.raises(ModelError, match="damaged, cut short"):
        load_detector(name)


def test_what_is_not_what_was_said_is_neither_kept_nor_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEANPLATE_CACHE", str(tmp_path / "cache"))
    with shelf() as server:
        name = f"{server.url.replace('weights.pt', 'plates.onnx')}#sha256={HEX}"
        with pytest.raises(RunError, match="another file"):
            bring(name, quiet=True)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.stat().st_size] == []


def test_nothing_is_fetched_where_that_is_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEANPLATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CLEANPLATE_OFFLINE", "1")
    with pytest.raises(SetupError, match="may not be fetched"):
        bring(f"https://example.invalid/p.onnx#sha256={HEX}", offline=True, quiet=True)


def test_the_password_in_an_address_is_shown_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLEANPLATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CLEANPLATE_OFFLINE", "1")
    name = f"https://example.invalid/p.onnx?token=geheim#sha256={HEX}"
    with transfer(name, 0, "example.invalid"), pytest.raises(SetupError) as refused:
        bring(name, offline=True, quiet=True)
    with pytest.raises(ConfigError) as unusable:
        names_of([name.partition("#")[0]])
    said = f"{capsys.readouterr().err} {refused.value} {unusable.value}"
    assert said.count("token=***") >= 3
    assert "geheim" not in said


def test_an_address_without_a_checksum_is_a_bad_usage_of_fetch() -> None:
    with pytest.raises(ConfigError, match="without a checksum"):
        names_of(["https://example.invalid/p.onnx"])


def test_a_file_that_is_here_needs_nothing_fetched() -> None:
    assert weights_needed("detect", "p.onnx#names=plate") == []
    assert weights_needed("segment", "own.pt") == []
