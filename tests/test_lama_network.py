"""big-lama by our own generator: the published architecture, what runs of it, and its weights out of a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.random_lama import big_lama, random_generator
from models import lama_weights, network_inpainter, weights
from models.base import Crop, ModelError
from models.canvas import FIXED, fit_for
from models.device import choose
from models.lama import Lama
from models.lama_folded import Folded
from models.lama_network import PARAMETERS, Generator
from models.lama_script import load
from tests.frames import scenery
from tests.test_inpainters import Mean, script, square_hole
from tests.thorough import rarely

LEVELS = 255
PUBLIC = weights.expected_place(weights.KNOWN["big-lama"])
REAL = os.environ.get("LAMA_MODEL") or (str(PUBLIC) if PUBLIC.is_file() else "")


@pytest.fixture(scope="module")
def generator() -> Generator:
    return random_generator()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(big_lama(tmp_path_factory.mktemp("weights")))


@pytest.fixture(scope="module")
def traced(file: str) -> Any:
    return load(Path(file), torch.device("cpu"))


@pytest.fixture(autouse=True, scope="module")
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEANPLATE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def crop(height: int, width: int) -> Crop:
    """Soft enough for a network that was never trained: between its weights every pixel is noise anyway."""
    return cv2.GaussianBlur(scenery(height, width), (0, 0), 4), square_hole(height, width)


def as_published(network: Any, image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """What the TorchScript says, float RGB [H, W, 3] in levels of 255."""
    pixels = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        answer: Tensor = network(pixels, torch.from_numpy(hole > 0)[None, None].float())
    return answer[0].permute(1, 2, 0).numpy() * LEVELS


def off(found: np.ndarray, wanted: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """By how many levels each value of a BGR picture is off what was wanted in RGB, inside the hole."""
    return np.abs(found[..., ::-1].astype(float) - wanted)[hole > 0]


# The architecture


def test_the_generator_has_the_published_number_of_parameters_and_operations() -> None:
    with torch.device("meta"):
        published = Generator().eval()
        assert sum(part.numel() for part in published.parameters()) == PARAMETERS
        assert round(PARAMETERS / 1e6, 1) == 51.0
        for side, giga in ((512, 440), (256, 110)):
            with FlopCounterMode(display=False) as counted, torch.inference_mode():
                published(torch.zeros(1, 4, side, side))
            assert round(counted.get_total_flops() / 1e9) == giga


@pytest.mark.parametrize(("height", "width"), [(72, 104), *rarely((64, 64), (128, 64), (64, 88))])
def test_what_runs_says_what_the_published_generator_says(generator: Generator, height: int, width: int) -> None:
    """So matrix products equal Fourier transforms, in the place where they are used: 72 by 104 are 9 by 13 inside."""
    image, hole = torch.rand(2, 3, height, width), torch.zeros(2, 1, height, width)
    hole[:, :, 10:40, 20:50] = 1
    with torch.inference_mode():
        wanted = generator(torch.cat([image * (1 - hole), hole], 1))
        (found,) = Folded(generator)(torch.cat([hole, image], 1))
    assert wanted.std() > 0.1, "a picture, not a flat one"
    assert torch.allclose(found, wanted, rtol=0, atol=1e-4)


def test_folding_leaves_the_source_as_it_was(generator: Generator) -> None:
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    with torch.inference_mode():
        Folded(generator).bfloat16()
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())


# Weights


def test_every_weight_of_a_file_is_taken(traced: Any, generator: Generator) -> None:
    network = lama_weights.folded(traced)
    assert network is not None
    same = Folded(generator)
    assert all(map(torch.equal, network.parameters(), same.parameters()))


def spoilt(traced: Any, change: Any, answer: Any = None) -> Any:
    """The network with other weights to its names."""
    state = dict(traced.state_dict())
    change(state)
    named = {"state_dict": lambda: state, "parameters": traced.parameters}
    return type("Spoilt", (SimpleNamespace,), {"__call__": lambda self, *given: (answer or traced)(*given)})(**named)


def test_a_weight_that_is_missing_is_named(traced: Any) -> None:
    name = "model.generator.model.9.conv2.ffc.convg2g.fu.conv_layer.weight"
    with pytest.raises(ModelError, match=r"it lacks model\.9\.conv2\.ffc\.convg2g\.fu\.conv_layer\.weight$"):
        lama_weights.folded(spoilt(traced, lambda state: state.pop(name)))


def test_a_weight_that_nobody_would_use_is_named(traced: Any) -> None:
    extra = {"model.generator.model.40.weight": torch.zeros(3), "model.discriminator.weight": torch.zeros(3)}
    with pytest.raises(ModelError, match=r"it has besides model\.discriminator\.weight and 1 more$"):
        lama_weights.folded(spoilt(traced, lambda state: state.update(extra)))


def test_a_weight_of_another_shape_is_named(traced: Any) -> None:
    extra = {"model.generator.model.34.bias": torch.zeros(4)}
    with pytest.raises(ModelError, match=r"it has another shape of model\.34\.bias$"):
        lama_weights.folded(spoilt(traced, lambda state: state.update(extra)))


@pytest.mark.long
def test_batch_norm_s_counters_are_no_weights(traced: Any) -> None:
    def without(state: dict[str, Tensor]) -> None:
        for name in [name for name in state if name.endswith("num_batches_tracked")]:
            del state[name]

    assert lama_weights.folded(spoilt(traced, without)) is not None


def test_the_same_weights_put_to_another_use_are_refused(traced: Any) -> None:
    inverted = spoilt(traced, lambda state: None, answer=lambda image, hole: 1 - traced(image, hole))
    with pytest.raises(ModelError, match=r"has the weights of big-lama, but its answer is .* off, 0\.0157 allowed$"):
        lama_weights.folded(inverted)


class Begins(nn.Module):
    """Begins as big-lama does, and is another network."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.ModuleDict({"1": nn.ModuleDict({"ffc": nn.ModuleDict({"convl2l": nn.Conv2d(3, 3, 1)})})})
        self.mean = Mean()

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        return self.mean(image, mask)  # type: ignore[no-any-return]


def test_a_file_that_only_begins_like_it_runs_as_it_is_and_says_why(tmp_path: Path) -> None:
    mine = Lama(script(Begins(), tmp_path / "other.pt"), device="cpu")
    assert (mine.info.engine, mine.info.precision) == ("torchscript", "float32")
    assert "other.pt runs as it is, not several times as fast: its weights are not those of big-lama" in mine.info.note
    assert "\n" not in mine.info.note
    picture, hole = np.full((64, 64, 3), (10, 100, 200), np.uint8), square_hole(64, 64)
    assert (mine.inpaint(np.where(hole[..., None] > 0, 0, picture).astype(np.uint8), hole) == (10, 100, 200)).all()


@pytest.mark.parametrize("network", [Mean, Begins])
def test_an_engine_that_only_runs_big_lama_is_refused_to_another_network(
    network: type[nn.Module], tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=r"engine = 'openvino' runs big-lama only; .*next: engine auto or torch"):
        Lama(script(network(), tmp_path / "other.pt"), device="cpu", engine="openvino")


# Answers


@pytest.fixture(scope="module", params=["openvino", *rarely("torch")])
def exact(request: pytest.FixtureRequest, file: str) -> Lama:
    return Lama(file, device="cpu", engine=request.param, precision="float32")


@pytest.mark.parametrize("shape", [(128, 128), (90, 121), (130, 250)])
def test_every_engine_gives_the_picture_of_the_file(exact: Lama, traced: Any, shape: tuple[int, int]) -> None:
    image, hole = crop(*shape)
    laid = fit_for(*shape, exact._sizes).lay(image, hole)
    wanted = as_published(traced, *laid)[: shape[0], : shape[1]]
    assert wanted[hole > 0].std() > 10, "a picture, not a flat one"
    assert off(exact.inpaint(image, hole), wanted, hole).max() < 1, "but for rounding"


def test_what_is_known_comes_back_exactly(exact: Lama) -> None:
    image, hole = crop(100, 120)
    result = exact.inpaint(image, hole)
    assert np.array_equal(result[hole == 0], image[hole == 0])
    assert not np.array_equal(result, image)


def test_what_is_in_the_hole_is_not_seen(exact: Lama) -> None:
    image, hole = crop(100, 120)
    garish = np.where(hole[..., None] > 0, np.uint8(255), image)
    assert np.array_equal(exact.inpaint(image, hole), exact.inpaint(garish, hole))


def test_several_crops_get_what_each_would_alone(exact: Lama) -> None:
    crops = [crop(100, 120), crop(128, 64), crop(60, 90)]
    together = dict(exact.inpaint_many(crops))
    assert all(np.array_equal(together[at], exact.inpaint(*each)) for at, each in enumerate(crops))
    assert not np.array_equal(together[0][:60, :64], together[2][:60, :64])


def test_what_runs_where_nothing_is_asked_for_is_near_the_file(file: str, traced: Any) -> None:
    mine = Lama(file, device="cpu")
    assert (mine.info.engine, mine.info.note) == ("openvino", "")
    assert mine.info.precision == ("float32" if choose("cpu")[1] == torch.float32 else "bfloat16")
    image, hole = crop(128, 128)
    levels = off(mine.inpaint(image, hole), as_published(traced, image, hole), hole)
    assert levels.mean() < 3, "short numbers round; weights drawn at random make the most of it"
    assert levels.max() < 30


@pytest.mark.skipif(not REAL, reason="needs the public weights: LAMA_MODEL, or `cleanplate models fetch big-lama`")
def test_the_public_weights_give_the_picture_of_their_file() -> None:
    mine = Lama(REAL, device="cpu", precision="float32")
    assert mine.info.engine != "torchscript", mine.info.note
    image, hole = crop(256, 256)
    wanted = as_published(load(Path(REAL), torch.device("cpu")), image, hole)
    assert off(mine.inpaint(image, hole), wanted, hole).max() <= 4


# Time


def test_a_crop_s_cost_is_what_was_measured_for_its_size(exact: Lama, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "_seconds", {})
    guessed = exact.cost(256, 256)
    assert 0 < guessed < exact.cost(300, 300) < exact.cost(2000, 2000)
    monkeypatch.setattr(exact, "_seconds", {(256, 256): 10.0, (512, 512): 70.0})
    assert exact.cost(100, 200) == exact.cost(256, 256) == 10
    assert exact.cost(500, 500) == exact.cost(4000, 4000) == 70
    assert exact.cost(128, 128) == 2.5
    assert exact.cost(384, 384) == pytest.approx(70 * 0.5625), "by the nearer of both"


@pytest.mark.long
def test_a_start_takes_no_longer_than_it_may(exact: Lama, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "_seconds", {})
    monkeypatch.setattr(exact, "_sizes", ((64, 64), (64, 96)))
    monkeypatch.setattr(network_inpainter, "WARM_S", 0.0)
    assert exact.warm_up() == exact._seconds[64, 64] > 0
    assert len(exact._seconds) == 1
    monkeypatch.setattr(network_inpainter, "WARM_S", 100.0)
    exact.warm_up()
    assert list(exact._seconds) == [(64, 64), (64, 96)]


# A GPU


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available() and os.environ.get("REQUIRE_GPU") != "1", reason="needs a GPU")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_gpu_replays_every_size_and_batch_as_the_processor_computes_it(file: str, precision: Any) -> None:
    mine, right = Lama(file, device="cuda", precision=precision), Lama(file, device="cpu", precision="float32")
    assert (mine.info.engine, mine.info.device, mine.info.precision) == ("torch", "cuda", precision)
    crops = [crop(100 + 3 * at, 120) for at in range(3)] + [crop(*FIXED[1])] + [crop(90 + at, 100) for at in range(3)]
    for _ in range(2):  # recorded, then replayed
        for at, found in mine.inpaint_many(crops):
            image, hole = crops[at]
            levels = off(found, right.inpaint(image, hole)[..., ::-1].astype(float), hole)
            assert levels.max() < (2 if precision == "float32" else 30)
