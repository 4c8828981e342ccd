"""Promptable models: the network's steps with random weights, and the real ones where their weights are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from models import weights
from models.base import ModelError
from models.promptable import Promptable, answer, build
from models.registry import load_promptable

BOX = np.array([50, 40, 120, 110], np.float32)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MobileSAM with random weights."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("sam") / "mobile_sam.pt"
    torch.save(build("mobile_sam").state_dict(), path)
    return path


def test_a_box_comes_back_as_a_mask_of_the_picture(file: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (150, 220, 3), np.uint8)
    model = Promptable(str(file), device="cpu", side=256)
    masks = [model.cut(picture, BOX) for _ in range(2)]
    assert masks[0].shape == (150, 220)
    assert set(np.unique(masks[0])) <= {0, 255}
    assert np.array_equal(*masks)
    far = masks[0].copy()
    far[:, :170] = 0
    assert not far.any(), "it is shown the box and half as much around it"
    assert model.info.checksum


def test_sam_2_answers_one_mask_for_one_box() -> None:
    torch.manual_seed(0)
    network = build("sam2")
    network.set_imgsz((256, 256))
    with torch.inference_mode():
        logits = answer(network, torch.randn(1, 3, 256, 256), torch.tensor([[40.0, 40.0, 120.0, 130.0]]))
    assert logits.shape == (64, 64)
    assert torch.isfinite(logits).all()


def test_other_checkpoints_are_refused_in_words(tmp_path: Path) -> None:
    other = tmp_path / "other.pt"
    torch.save({"weight": torch.zeros(2)}, other)
    with pytest.raises(ModelError, match="no MobileSAM and no tiny SAM 2"):
        Promptable(str(other))
    torch.save([1, 2], other)
    with pytest.raises(ModelError, match="no tensors by name"):
        Promptable(str(other))


def test_missing_weights_say_where_they_come_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLEANPLATE_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"sam2\.1_t: no file .*next: `cleanplate models fetch sam2\.1_t`"):
        load_promptable("sam2")
    with pytest.raises(ModelError, match="did you mean 'sam2'"):
        load_promptable("sam")


def test_torchvision_is_not_needed(file: Path) -> None:
    code = f"""
import sys
sys.modules["torchvision"] = None
from models.promptable import Promptable
Promptable({str(file)!r}, device="cpu", side=256)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("name", ["mobile_sam", "sam2"])
def test_with_its_real_weights_it_cuts_out_what_the_box_is_around(name: str) -> None:
    needed = {"mobile_sam": "mobile_sam", "sam2": "sam2.1_t"}[name]
    if weights.status(needed).state != "present":
        pytest.skip(f"the weights {needed} are not on this machine: `cleanplate models fetch {needed}`")
    picture = np.full((240, 320, 3), (60, 120, 60), np.uint8)
    truth = np.zeros((240, 320), np.uint8)
    cv2.circle(truth, (160, 120), 50, 255, -1)
    picture[truth > 0] = (40, 40, 210)
    mask = load_promptable(name).cut(picture, np.array([105, 65, 215, 175], np.float32))
    assert np.count_nonzero(mask & truth) / np.count_nonzero(mask | truth) > 0.9
