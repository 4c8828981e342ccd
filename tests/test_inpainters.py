"""Inpainters give back a picture of exactly the size that they were given, whatever the network wants."""

from __future__ import annotations

import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.base import ModelError
from models.canvas import MAX_PIXELS
from models.lama import Lama
from models.registry import load_inpainter
from models.telea import Telea
from tests.frames import scenery


class Mean(nn.Module):
    """Fills the hole with the mean of what is around it; wants sizes that divide by 8, RGB 0..1, a mask of 0 and 1."""

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        assert image.shape[1] == 3
        assert mask.shape[1] == 1
        assert image.shape[2] % 8 + image.shape[3] % 8 == 0
        assert bool(((mask == 0) | (mask == 1)).all())
        assert bool((image <= 1).all())
        known = 1 - mask
        mean = (image * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True)
        return image * known + mean * mask


class Broken(nn.Module):
    """Answers with something that is no number."""

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        return torch.where(mask > 0, torch.full_like(image, float("nan")), image)


def script(module: nn.Module, path: Path) -> str:
    torch.jit.script(module).save(str(path))
    return str(path)


@pytest.fixture
def mean(tmp_path: Path) -> Lama:
    return Lama(script(Mean(), tmp_path / "mean.pt"), device="cpu")


def square_hole(height: int, width: int) -> np.ndarray:
    hole = np.zeros((height, width), np.uint8)
    hole[height // 4 : height // 2, width // 4 : width // 2] = 255
    return hole


@pytest.mark.parametrize("shape", [(361, 637), (8, 8), (9, 15), (1, 1), (360, 640), (5, 300)])
def test_lama_gives_back_the_size_it_was_given(mean: Lama, shape: tuple[int, int]) -> None:
    picture = scenery(*shape)
    hole = square_hole(*shape)
    result = mean.inpaint(picture, hole)
    assert result.shape == picture.shape
    assert result.dtype == np.uint8
    assert np.abs(result[hole == 0].astype(int) - picture[hole == 0]).max(initial=0) <= 1


def test_lama_s_colours_are_not_swapped(mean: Lama) -> None:
    picture = np.full((64, 64, 3), (10, 100, 200), np.uint8)
    hole = square_hole(64, 64)
    picture[hole > 0] = 0
    assert (mean.inpaint(picture, hole) == (10, 100, 200)).all()


def test_lama_never_sees_what_is_in_the_hole(mean: Lama) -> None:
    picture, hole = scenery(700, 900), square_hole(700, 900)
    other = picture.copy()
    other[hole > 0] = 255 - other[hole > 0]
    inside = hole > 0
    assert np.array_equal(mean.inpaint(picture, hole)[inside], mean.inpaint(other, hole)[inside])


def test_large_crops_are_worked_on_at_a_reduced_size(mean: Lama, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    run = mean._forward
    monkeypatch.setattr(mean, "_forward", lambda images, holes: seen.append(holes[0].size) or run(images, holes))
    picture, hole = np.full((1080, 1920, 3), 90, np.uint8), square_hole(1080, 1920)
    assert mean.inpaint(picture, hole).shape == picture.shape
    assert seen[0] <= MAX_PIXELS


def test_pictures_may_be_read_only(mean: Lama) -> None:
    picture, hole = scenery(64, 64), square_hole(64, 64)
    picture.flags.writeable = hole.flags.writeable = False
    for inpainter in (mean, Telea()):
        assert inpainter.inpaint(picture, hole).flags.writeable


def test_what_is_not_finite_is_an_error(tmp_path: Path) -> None:
    broken = Lama(script(Broken(), tmp_path / "broken.pt"))
    with pytest.raises(FloatingPointError, match="not finite"):
        broken.inpaint(scenery(40, 40), square_hole(40, 40))


def test_lama_is_found_by_its_environment_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = script(Mean(), tmp_path / "own.pt")
    monkeypatch.setenv("LAMA_MODEL", path)
    lama = load_inpainter("lama")
    assert lama.info.source == path
    assert len(lama.info.checksum) == 64
    assert lama.warm_up() > 0


def test_loading_leaves_the_environment_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = script(Mean(), tmp_path / "a.pt")
    monkeypatch.delenv("LAMA_MODEL", raising=False)
    Lama(path)
    assert "LAMA_MODEL" not in os.environ
    monkeypatch.setenv("LAMA_MODEL", "/elsewhere.pt")
    Lama(path)
    assert os.environ["LAMA_MODEL"] == "/elsewhere.pt"


def test_a_file_that_is_no_torchscript_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "page.pt").write_text("<html>404</html>")
    with pytest.raises(ModelError, match=r"page\.pt is no TorchScript") as caught:
        Lama(str(tmp_path / "page.pt"))
    assert "\n" not in str(caught.value)


def test_a_good_file_of_another_kind_is_not_called_damaged(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(ModelError, match=r"other\.pt is no TorchScript file that loads: .*not found$"):
        Lama(str(tmp_path / "other.pt"))


def test_telea_fills_the_hole_from_its_edge() -> None:
    picture = np.full((200, 300, 3), (40, 90, 160), np.uint8)
    hole = square_hole(200, 300)
    picture[hole > 0] = (255, 0, 255)
    result = Telea().inpaint(picture, hole)
    assert np.abs(result.astype(int) - (40, 90, 160)).max() <= 6  # its own rounding


@pytest.mark.parametrize("side", [20, 60, 150])
def test_telea_s_large_holes_keep_what_is_around_and_nothing_of_what_was_in(side: int) -> None:
    picture, hole = scenery(301, 403), np.zeros((301, 403), np.uint8)
    hole[90 : 90 + side, 120 : 120 + side] = 255
    garish = picture.copy()
    garish[hole > 0] = (255, 0, 255)
    results = [Telea().inpaint(each, hole) for each in (picture, garish)]
    assert np.array_equal(*results)
    assert np.array_equal(results[0][hole == 0], picture[hole == 0])


def test_telea_follows_a_gradient_at_any_size_of_hole() -> None:
    ramp = np.repeat(np.linspace(20, 220, 400).astype(np.uint8)[None, :, None], 300, 0).repeat(3, 2)
    for side in (20, 200):
        hole = np.zeros((300, 400), np.uint8)
        hole[50 : 50 + side, 100 : 100 + side] = 255
        result = Telea().inpaint(np.where(hole[..., None] > 0, 0, ramp).astype(np.uint8), hole)
        assert np.abs(result.astype(int) - ramp)[hole > 0].mean() < 25


def test_telea_fills_a_picture_that_is_all_hole() -> None:
    assert Telea().inpaint(scenery(50, 60), np.full((50, 60), 255, np.uint8)).shape == (50, 60, 3)
    assert Telea().inpaint(scenery(500, 600), np.full((500, 600), 255, np.uint8)).shape == (500, 600, 3)


def test_telea_s_cost_does_not_grow_with_the_hole() -> None:
    picture, hole = scenery(1080, 1920), np.zeros((1080, 1920), np.uint8)
    hole[100:1000, 200:1700] = 255
    threads = cv2.getNumThreads()
    started = time.perf_counter()
    Telea().inpaint(picture, hole)
    assert time.perf_counter() - started < 1.0  # at full size: some seconds
    assert cv2.getNumThreads() == threads
