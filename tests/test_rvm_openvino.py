"""The recurrent matting network on OpenVINO: it answers as torch does, and where it cannot, torch does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import random_rvm
from models import rvm_openvino, rvm_state
from models.base import ModelError
from models.rvm import Rvm, _load
from tests.frames import scenery
from tests.recurrent import Recurrent, saved

HEIGHT, WIDTH = 120, 212
FORMATS = [("float32", 1), pytest.param("bfloat16", 8, marks=pytest.mark.long)]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The architecture of the published network: its script has loops and conditions."""
    return str(random_rvm.write(tmp_path_factory.mktemp("rvm") / "random.torchscript"))


def mattes(rvm: Rvm, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Alpha and colours of so many frames, one after the other."""
    layout = rvm_state.memory(HEIGHT, WIDTH)
    turns = [{name: np.zeros(shape, kind) for name, (shape, kind) in layout.items()} for _ in range(2)]
    found = []
    for seed in range(count):
        alpha, colours = np.empty((HEIGHT, WIDTH), np.uint8), np.empty((HEIGHT, WIDTH, 3), np.uint8)
        rvm.matte(scenery(HEIGHT, WIDTH, seed), None, turns[0], turns[1], alpha, colours)
        turns.reverse()
        found.append((alpha, colours))
    return found


@pytest.mark.parametrize(
    ("precision", "allowed"), [("float32", 1), pytest.param("bfloat16", 8, marks=pytest.mark.long)]
)
def test_the_published_architecture_answers_as_in_torch(published: str, precision: str, allowed: int) -> None:
    fast = Rvm(published, device="cpu", precision=precision, engine="openvino")  # type: ignore[arg-type]
    slow = Rvm(published, device="cpu", engine="torch")
    for one, other in zip(mattes(fast, 4), mattes(slow, 4), strict=True):
        assert one[0].std() > 0.5, "there is something to see"
        for found, right in zip(one, other, strict=True):
            assert np.abs(found.astype(int) - right).max() <= allowed
    assert (fast.info.engine, slow.info.engine) == ("openvino", "torchscript")


def test_it_is_chosen_by_itself_on_a_processor(tmp_path: Path) -> None:
    rvm = Rvm(saved(Recurrent(), tmp_path / "a.torchscript"), device="cpu")
    rvm.warm_up(HEIGHT, WIDTH)
    assert (rvm.info.engine, rvm.info.note) == ("openvino", "")


def test_what_does_not_convert_runs_in_torch_and_it_is_said_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("unknown operation\nand more")

    monkeypatch.setattr(rvm_openvino, "_converted", refuse)
    path = saved(Recurrent(), tmp_path / "a.torchscript")
    rvm = Rvm(path, device="cpu")
    found = mattes(rvm, 3)
    assert rvm.info.engine == "torchscript"
    assert rvm.info.note == "engine openvino: the network does not convert: RuntimeError: unknown operation"
    for one, other in zip(found, mattes(Rvm(path, device="cpu", engine="torch"), 3), strict=True):
        assert np.array_equal(one[0], other[0])
    with pytest.raises(ModelError, match="unknown operation"):
        mattes(Rvm(path, device="cpu", engine="openvino"), 2)


def test_a_conversion_that_answers_otherwise_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    convert = rvm_openvino._converted
    other = Recurrent()
    other.gain.data.fill_(0.9)
    wrong = _load(Path(saved(other, tmp_path / "b.torchscript")), torch.device("cpu"), torch.float32)
    monkeypatch.setattr(rvm_openvino, "_converted", lambda script, *rest: convert(wrong, *rest))
    rvm = Rvm(saved(Recurrent(), tmp_path / "c.torchscript"), device="cpu")
    mattes(rvm, 2)
    assert rvm.info.engine == "torchscript"
    assert "of 255 off torch's" in rvm.info.note


def test_states_that_are_not_finite_are_an_error(tmp_path: Path) -> None:
    rvm = Rvm(saved(Recurrent(), tmp_path / "a.torchscript"), device="cpu", engine="openvino")
    layout = rvm_state.memory(HEIGHT, WIDTH)
    before, after = ({name: np.zeros(shape, kind) for name, (shape, kind) in layout.items()} for _ in range(2))
    alpha, colours = np.empty((HEIGHT, WIDTH), np.uint8), np.empty((HEIGHT, WIDTH, 3), np.uint8)
    for turn in ((before, after), (after, before)):
        rvm.matte(scenery(HEIGHT, WIDTH, 1), None, *turn, alpha, colours)
    before["floats"][:] = np.nan
    with pytest.raises(FloatingPointError, match="not finite"):
        rvm.matte(scenery(HEIGHT, WIDTH, 2), None, before, after, alpha, colours)


def test_what_cannot_run_it_is_refused(published: str) -> None:
    with pytest.raises(ModelError, match="onnxruntime: runs no TorchScript"):
        Rvm(published, device="cpu", engine="onnxruntime")
