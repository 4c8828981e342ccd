"""Crops of one frame run together at a few fixed sizes, and no crop's picture depends on its company."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.base import Crop, ModelError
from models.canvas import FIXED, MANY, MAX_PIXELS, Sizes, fit_for
from models.lama import Lama
from tests.frames import scenery
from tests.test_inpainters import Mean, script, square_hole

SHAPES = [(100, 90), (70, 128), (361, 637), (60, 60), (720, 1280), (17, 400), (128, 128), (90, 100), (9, 9)]


class Spectral(nn.Module):
    """Every pixel of the answer depends on every pixel of its own picture, as in LaMa."""

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        low = torch.fft.rfftn(image * (1 - mask), dim=(-2, -1))
        low = low * (low.abs() > low.abs().mean((2, 3), keepdim=True))
        blurred = torch.fft.irfftn(low, s=(image.shape[2], image.shape[3]), dim=(-2, -1))
        return blurred * mask + image * (1 - mask)


class Crosstalk(nn.Module):
    """Wrong for more than one picture: it mixes them."""

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        return image * (1 - mask) + image.mean() * mask


class Single(nn.Module):
    """As if traced for one picture: it takes no more."""

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        return image.reshape(1, 3, image.shape[2], image.shape[3]) * (1 - mask)


class NotWhereBlack(nn.Module):
    """No number for a picture whose first pixel is black."""

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        black = (image[:, :, :1, :1].sum(1, keepdim=True) == 0).to(image.dtype)
        return image + torch.log(1 - black)


class Float32Only(nn.Module):
    """Breaks in anything shorter, as Fourier transforms do."""

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        product = torch.matmul(image, image.transpose(2, 3))
        return image + torch.complex(product, product).abs().mean() * 0


def crops_of(*shapes: tuple[int, int]) -> list[Crop]:
    return [(np.roll(scenery(*shape), at, 2), square_hole(*shape)) for at, shape in enumerate(shapes)]


@pytest.fixture(params=[Mean, Spectral])
def lama(request: pytest.FixtureRequest, tmp_path: Path) -> Lama:
    lama = Lama(script(request.param(), tmp_path / "net.pt"), device="cpu")
    lama._sizes = FIXED  # as on a GPU
    return lama


def watch(lama: Lama, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of all batches from here on."""
    seen: list[tuple[int, ...]] = []
    forward = lama._forward

    def see(images: np.ndarray, holes: np.ndarray) -> Tensor:
        seen.append(holes.shape)
        return forward(images, holes)

    monkeypatch.setattr(lama, "_forward", see)
    return seen


def test_a_crop_s_picture_does_not_depend_on_the_others(lama: Lama) -> None:
    crops = crops_of(*SHAPES)
    together = dict(lama.inpaint_many(crops))
    assert sorted(together) == list(range(len(crops)))
    for at, (image, hole) in enumerate(crops):
        alone = lama.inpaint(image, hole)
        assert together[at].shape == alone.shape == image.shape
        assert np.abs(together[at].astype(int) - alone).max() <= 1, "but for rounding"


def test_it_does_depend_on_its_own_content(lama: Lama) -> None:
    image, hole = crops_of((100, 90))[0]
    other = 255 - image
    assert not np.array_equal(lama.inpaint(image, hole)[hole > 0], lama.inpaint(other, hole)[hole > 0])


def test_crops_of_one_size_run_together_in_batches_that_repeat(lama: Lama, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watch(lama, monkeypatch)
    list(lama.inpaint_many(crops_of(*[(100 + at, 120) for at in range(7)])))
    assert seen == [(4, 128, 128), (2, 128, 128), (1, 128, 128)]


def test_a_batch_is_bounded_by_its_pixels(lama: Lama, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watch(lama, monkeypatch)
    list(lama.inpaint_many(crops_of(*[(120, 120)] * 40, *[(500, 500)] * 2)))
    assert max(np.prod(shape) for shape in seen) == MAX_PIXELS
    assert seen.count((1, 512, 512)) == 2


def test_whatever_the_crops_only_few_sizes_reach_the_network(lama: Lama, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watch(lama, monkeypatch)
    random = np.random.default_rng(1)
    for _ in range(20):
        list(lama.inpaint_many(crops_of(tuple(random.integers(1, 200, 2)))))
    assert {shape[1:] for shape in seen} <= {(128, 128), (256, 256)}


def test_no_crops_are_no_work(lama: Lama, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watch(lama, monkeypatch)
    assert list(lama.inpaint_many([])) == []
    assert seen == []


@pytest.mark.parametrize("network", [Crosstalk, Single])
def test_a_network_that_cannot_take_several_pictures_gets_them_one_by_one(
    network: type[nn.Module], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lama = Lama(script(network(), tmp_path / "net.pt"), device="cpu")
    seen = watch(lama, monkeypatch)
    crops = crops_of((100, 100), (110, 110))
    together = dict(lama.inpaint_many(crops))
    assert [shape[0] for shape in seen] == [1, 1]
    assert all(np.array_equal(together[at], lama.inpaint(*crop)) for at, crop in enumerate(crops))


def test_one_answer_that_is_not_finite_does_not_spoil_the_others(tmp_path: Path) -> None:
    lama = Lama(script(NotWhereBlack(), tmp_path / "net.pt"), device="cpu")
    crops = [(np.full((100, 100, 3), level, np.uint8), square_hole(100, 100)) for level in (90, 0, 200, 30)]
    found = dict(lama.inpaint_many(crops))
    assert found[1] is None
    assert [int(found[at][0, 0, 0]) for at in (0, 2, 3)] == [90, 200, 30]
    with pytest.raises(FloatingPointError):
        lama.inpaint(*crops[1])


def short_of_memory(lama: Lama, monkeypatch: pytest.MonkeyPatch, most: int) -> list[int]:
    """From here on more than so many pictures at once are too many."""
    tried: list[int] = []
    forward = lama._forward

    def run(images: np.ndarray, holes: np.ndarray) -> Tensor:
        tried.append(len(images))
        if len(images) > most:
            raise MemoryError("CUDA out of memory")
        return forward(images, holes)

    monkeypatch.setattr(lama, "_forward", run)
    return tried


def test_where_memory_runs_out_the_batch_is_halved_once_and_stays_so(
    lama: Lama, monkeypatch: pytest.MonkeyPatch
) -> None:
    crops = crops_of(*[(100, 100)] * 16)
    expected = dict(lama.inpaint_many(crops))
    tried = short_of_memory(lama, monkeypatch, most=8)
    found = dict(lama.inpaint_many(crops))
    assert tried == [16, 8, 8]
    assert all(np.array_equal(found[at], expected[at]) for at in range(16))
    tried.clear()
    list(lama.inpaint_many(crops))
    assert tried == [8, 8]


def test_where_half_a_batch_is_too_much_the_error_travels(lama: Lama, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = short_of_memory(lama, monkeypatch, most=0)
    with pytest.raises(MemoryError):
        list(lama.inpaint_many(crops_of((100, 100), (100, 100))))
    assert tried == [2, 1], "one retry, not a loop"


def test_what_does_not_take_an_image_and_a_mask_is_refused(tmp_path: Path) -> None:
    class Alone(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return image

    class Small(nn.Module):
        def forward(self, image: Tensor, mask: Tensor) -> Tensor:
            return image[:, :, ::2, ::2]

    for network, said in ((Alone(), "does not take an image and a mask"), (Small(), r"shape \(2, 3, 32, 32\)")):
        with pytest.raises(ModelError, match=said) as caught:
            Lama(script(network, tmp_path / "net.pt"), device="cpu")
        assert "\n" not in str(caught.value)


def test_bfloat16_is_refused_where_the_network_cannot(tmp_path: Path) -> None:
    path = script(Float32Only(), tmp_path / "net.pt")
    assert Lama(path, device="cpu").info.precision == "float32"
    with pytest.raises(ModelError, match=r"cannot run in bfloat16 .*next: precision float32"):
        Lama(path, device="cpu", precision="bfloat16")


def test_bfloat16_is_taken_where_the_network_can(tmp_path: Path) -> None:
    lama = Lama(script(Mean(), tmp_path / "net.pt"), device="cpu", precision="bfloat16")
    assert (lama.info.precision, lama.info.engine) == ("bfloat16", "torchscript")
    picture, hole = scenery(64, 64), square_hole(64, 64)
    assert np.abs(lama.inpaint(picture, hole).astype(int) - picture)[hole == 0].max() <= 4


def test_float16_is_refused_because_it_collapses(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="next: bfloat16 or float32"):
        Lama(script(Mean(), tmp_path / "net.pt"), precision="float16")


def test_the_window_is_what_would_be_padded_anyway(lama: Lama) -> None:
    assert lama.window(100, 130) == (256, 256)
    assert lama.window(256, 260) == (256, 512)
    assert lama.window(1080, 1920) == (1080, 1920), "reduced, so more of the picture would reduce it further"
    lama._sizes = MANY
    assert lama.window(100, 130) == (128, 160)


@pytest.mark.parametrize("sizes", [FIXED, MANY])
@pytest.mark.parametrize("shape", [(1, 1), (128, 128), (129, 128), (360, 640), (512, 512), (17, 640)])
def test_what_fits_is_not_reduced(shape: tuple[int, int], sizes: Sizes) -> None:
    fit = fit_for(*shape, sizes)
    assert not fit.scaled
    assert fit.size in sizes
    assert all(side >= need for side, need in zip(fit.size, shape, strict=True))


@pytest.mark.parametrize("shape", [(513, 513), (720, 1280), (1080, 1920), (2160, 3840), (3, 16384), (16384, 16384)])
@pytest.mark.parametrize("sizes", [FIXED, MANY])
def test_what_does_not_fit_is_reduced_as_little_as_possible(shape: tuple[int, int], sizes: Sizes) -> None:
    fit = fit_for(*shape, sizes)
    assert fit.scaled
    assert all(1 <= inner <= side for inner, side in zip(fit.inner, fit.size, strict=True))
    best = max(min(tall / shape[0], wide / shape[1]) for tall, wide in sizes)
    assert fit.inner == tuple(max(1, int(side * best)) for side in shape)


def test_the_sizes_divide_by_what_networks_want_and_those_made_ready_are_few() -> None:
    assert len(FIXED) <= 10, "each is compiled, and takes 200 MB"
    assert all(side % 64 == 0 for size in FIXED for side in size)
    assert all(side % 32 == 0 for size in MANY for side in size)
    assert max(tall * wide for tall, wide in FIXED + MANY) == MAX_PIXELS


@pytest.mark.parametrize("shape", [(64, 64), (200, 97), (300, 310), (411, 129)])
def test_on_a_processor_few_pixels_are_wasted(shape: tuple[int, int]) -> None:
    tall, wide = fit_for(*shape, MANY).size
    assert tall * wide <= (shape[0] + 31) * (shape[1] + 31)


def test_a_crop_is_mirrored_onto_its_canvas_and_comes_back_as_it_was() -> None:
    image, hole = scenery(100, 90), square_hole(100, 90)
    fit = fit_for(100, 90)
    laid, holes = fit.lay(image, hole)
    assert laid.shape == (128, 128, 3)
    assert np.array_equal(laid[100:], np.concatenate([image, image[:, ::-1]], 1)[99:71:-1, :128])
    assert np.array_equal(holes[:100, :90], hole)
    assert np.array_equal(fit.take(laid[:100, :90]), image)


def test_what_holds_any_of_the_hole_is_hole_on_a_reduced_canvas() -> None:
    hole = np.zeros((2000, 3001), np.uint8)
    hole[7::50, 11::50] = 255
    laid, holes = fit_for(2000, 3001).lay(np.where(hole[..., None] > 0, 255, np.zeros((2000, 3001, 3), np.uint8)), hole)
    assert not laid[holes == 0].any(), "nothing of what is in the hole shows outside it"
