"""Checkpoints are read as data: nothing in them runs."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from models.base import ModelError
from models.restricted_pickle import Record, TensorRef, read_checkpoint


class Hostile:
    """Runs a command wherever it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.canary}",)


class Network(nn.Module):
    """A module of a class that the reader does not know."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.scale = nn.Parameter(torch.arange(3.0))
        self.register_buffer("anchors", torch.rand(2, 3).half())
        self.register_buffer("scratch", torch.rand(5), persistent=False)
        self.names = {0: "person", 1: "dog"}


def saved(folder: Path, content: Any) -> Path:
    path = folder / "checkpoint.pt"
    torch.save(content, path)
    return path


def rewritten(path: Path, change: dict[str, bytes | None], compression: int = zipfile.ZIP_STORED) -> Path:
    """The archive with some members replaced, or left out where None."""
    other = path.with_name("other.pt")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w", compression) as new:
        for info in old.infolist():
            short = info.filename.split("/", 1)[1]
            content = change.get(short, old.read(info))
            if content is not None:
                new.writestr(info.filename, content)
    return other


def test_a_hostile_checkpoint_runs_nothing(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    path = saved(tmp_path, {"model": Hostile(canary), "weights": torch.ones(3)})
    checkpoint = read_checkpoint(path)
    assert not canary.exists()
    assert isinstance(checkpoint.root["model"], Record)
    assert checkpoint.root["model"].kind.endswith(".system")
    assert checkpoint.tensor(checkpoint.root["weights"]).tolist() == [1, 1, 1]


def test_the_canary_would_have_been_seen(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Hostile(tmp_path / "canary")))
    assert (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    "name", ["builtins eval", "__builtin__ getattr", "torch._utils _rebuild_sparse_tensor", "torch load"]
)
def test_no_callable_is_handed_out(tmp_path: Path, name: str) -> None:
    module, _, function = name.partition(" ")
    program = f"c{module}\n{function}\n(S'1+1'\nS'x'\ntR.".encode()
    path = rewritten(saved(tmp_path, {}), {"data.pkl": program})
    record = read_checkpoint(path).root
    assert isinstance(record, Record)
    assert record.args == ("1+1", "x")


def test_a_pickled_module_yields_its_state_dict(tmp_path: Path) -> None:
    network = Network()
    checkpoint = read_checkpoint(saved(tmp_path, {"model": network}))
    state = checkpoint.state_dict(checkpoint.root["model"])
    assert state.keys() == network.state_dict().keys()
    assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())


def test_attributes_of_a_pickled_module_can_be_read(tmp_path: Path) -> None:
    model = read_checkpoint(saved(tmp_path, Network())).root
    assert model.get("names") == {0: "person", 1: "dog"}
    assert isinstance(model.get("anchors"), TensorRef)
    assert isinstance(model.get("scale"), TensorRef)
    assert model.get("nothing", 7) == 7


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.float32, torch.float64, torch.int64, torch.uint8, torch.bool, torch.bfloat16]
)
def test_every_element_type_survives(tmp_path: Path, dtype: torch.dtype) -> None:
    tensor = (torch.arange(12) % 2).to(dtype).reshape(3, 4)
    checkpoint = read_checkpoint(saved(tmp_path, tensor))
    assert torch.equal(checkpoint.tensor(checkpoint.root), tensor)


def test_views_of_one_storage_come_back_as_they_were(tmp_path: Path) -> None:
    base = torch.arange(20.0).reshape(4, 5)
    views = [base, base.T, base[1:3, 2], base[:0]]
    checkpoint = read_checkpoint(saved(tmp_path, views))
    assert all(torch.equal(checkpoint.tensor(ref), view) for ref, view in zip(checkpoint.root, views, strict=True))


def test_a_tensor_larger_than_its_storage_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, torch.ones(64))
    checkpoint = read_checkpoint(rewritten(path, {"data/0": b"\0" * 8}))
    with pytest.raises(ModelError, match="too short"):
        checkpoint.tensor(checkpoint.root)


def test_a_tensor_of_zero_stride_cannot_fill_the_memory(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(saved(tmp_path, torch.ones(1)))
    with pytest.raises(ModelError, match="too short"):
        checkpoint.tensor(TensorRef("0", torch.float32, 0, (1 << 40,), (0,)))


def test_a_missing_storage_is_named(tmp_path: Path) -> None:
    checkpoint = read_checkpoint(rewritten(saved(tmp_path, torch.ones(3)), {"data/0": None}))
    with pytest.raises(ModelError, match="storage '0' is missing"):
        checkpoint.tensor(checkpoint.root)


@pytest.mark.parametrize(
    "program", [b"", b".", b"garbage", b"\x80\x02]", b"\x80\x02K\x01Q.", b"ccollections\nOrderedDict\nK\x01b."]
)
def test_a_malformed_pickle_is_refused_in_one_line(tmp_path: Path, program: bytes) -> None:
    path = rewritten(saved(tmp_path, {}), {"data.pkl": program})
    with pytest.raises(ModelError, match=r"other\.pt") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("404: Not Found")
    with pytest.raises(ModelError, match=r"text\.pt"):
        read_checkpoint(tmp_path / "text.pt")
    with pytest.raises(ModelError, match=r"absent\.pt"):
        read_checkpoint(tmp_path / "absent.pt")


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    path = saved(tmp_path, Network())
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelError):
        read_checkpoint(path)


def test_a_compressed_archive_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = rewritten(saved(tmp_path, torch.zeros(100_000)), {}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelError, match="compressed"):
        read_checkpoint(path)
