"""The recurrent matting network: its memory travels as arrays, and what is no such network is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from models import rvm_state
from models.base import ModelError
from models.registry import load_matter, weights_needed
from models.rvm import Rvm
from pipeline.frame import FrameSpec
from stages.matting import Matting
from tests.frames import Bench, scenery
from tests.recurrent import Recurrent, Stateless, saved

HEIGHT, WIDTH = 90, 161
SPEC = FrameSpec(width=WIDTH, height=HEIGHT)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> str:
    return saved(Recurrent(), tmp_path_factory.mktemp("rvm") / "rvm.torchscript")


def pictures(count: int) -> list[np.ndarray]:
    return [scenery(HEIGHT, WIDTH, seed) for seed in range(count)]


def alphas_of(torch_model: nn.Module, images: list[np.ndarray], ratio: float) -> list[np.ndarray]:
    """As the authors' own loop does it."""
    states: list[torch.Tensor | None] = [None] * 4
    found = []
    with torch.inference_mode():
        for image in images:
            source = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255
            _, alpha, *states = torch_model(source, *states, ratio)
            found.append(np.rint(alpha[0, 0].clamp(0, 1).numpy() * 255).astype(np.uint8))
    return found


def test_frame_after_frame_is_as_in_the_authors_own_loop(network: str) -> None:
    bench = Bench(Matting(model="rvm", weights=network, device="cpu", ratio=0.5), SPEC)
    right = alphas_of(Recurrent(), pictures(4), 0.5)
    for image, alpha in zip(pictures(4), right, strict=True):
        frame = bench.frame(image=image)
        assert np.abs(frame.alpha.astype(int) - alpha).max() <= 1
        assert np.abs(frame.foreground.astype(int) - image).max() <= 1  # blue, green, red again


def test_what_it_remembers_changes_the_next_frame(network: str) -> None:
    one, other = (Bench(Matting(model="rvm", weights=network, device="cpu"), SPEC) for _ in range(2))
    one.frame(image=np.full((HEIGHT, WIDTH, 3), 255, np.uint8))
    other.frame(image=np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    grey = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    assert one.frame(image=grey).alpha.mean() > other.frame(image=grey).alpha.mean() + 50


def test_a_worker_that_dies_is_followed_by_one_that_goes_on(network: str) -> None:
    straight, broken = (Bench(Matting(model="rvm", weights=network, device="cpu"), SPEC) for _ in range(2))
    for index, image in enumerate(pictures(4)):
        right = straight.frame(image=image)
        if index == 2:
            broken.peek(image=image)
            broken.stage = Matting(model="rvm", weights=network, device="cpu")
            broken.stage.setup(SPEC)
        assert np.array_equal(right.alpha, broken.frame(image=image).alpha)


@pytest.mark.parametrize(("size", "ratio"), [((1080, 1920), 512 / 1920), ((2160, 3840), 512 / 3840), ((288, 512), 1.0)])
def test_the_ratio_is_such_that_the_long_side_has_512_pixels(size: tuple[int, int], ratio: float) -> None:
    assert rvm_state.ratio_for(*size) == pytest.approx(ratio)
    assert rvm_state.ratio_for(*size, 0.4) == 0.4


@pytest.mark.parametrize("channels", [(16, 20, 40, 64), (16, 32, 64, 128)], ids=["mobilenetv3", "resnet50"])
@pytest.mark.parametrize("size", [(1080, 1920), (720, 1281), (1, 1), (2160, 3840), (37, 91)])
def test_the_states_of_the_published_networks_have_room(channels: tuple[int, ...], size: tuple[int, int]) -> None:
    ratio = rvm_state.ratio_for(*size)
    high, wide = (max(1, int(side * ratio)) for side in size)
    after = {name: np.zeros(shape, kind) for name, (shape, kind) in rvm_state.memory(*size).items()}
    rng = np.random.default_rng(0)
    states = tuple(
        rng.normal(size=(1, count, -(-high // (2 << at)), -(-wide // (2 << at)))).astype(np.float32)
        for at, count in enumerate(channels)
    )
    assert rvm_state.recall(after) is None
    rvm_state.keep(states, after)
    again = rvm_state.recall(after)
    assert again is not None
    assert all(np.array_equal(one, other) for one, other in zip(states, again, strict=True))


def test_states_that_find_no_room_are_refused(tmp_path: Path) -> None:
    path = saved(Recurrent((200, 3, 4, 5)), tmp_path / "large.torchscript")
    with pytest.raises(ModelError, match="room for"):
        Rvm(path, device="cpu")


def test_what_is_no_such_network_is_refused_in_one_line(tmp_path: Path) -> None:
    path = saved(Stateless(), tmp_path / "other.torchscript")
    with pytest.raises(ModelError, match="no matting network") as told:
        Rvm(path, device="cpu")
    assert "\n" not in str(told.value)
    broken = tmp_path / "broken.torchscript"
    broken.write_bytes(b"PK" + bytes(100))
    with pytest.raises(ModelError, match="no TorchScript") as told:
        Rvm(str(broken), device="cpu")
    assert "\n" not in str(told.value)


def test_an_answer_that_is_not_finite_is_an_error(tmp_path: Path) -> None:
    module = Recurrent()
    module.gain.data.fill_(float("nan"))
    with pytest.raises(ModelError, match="not finite"):
        Rvm(saved(module, tmp_path / "nan.torchscript"), device="cpu")


def test_the_checksum_beside_a_path_counts(network: str) -> None:
    right = hashlib.sha256(Path(network).read_bytes()).hexdigest()
    assert load_matter("rvm", weights_file=f"{network}#sha256={right}", device="cpu").info.checksum == right
    with pytest.raises(ModelError, match="not 000"):
        load_matter("rvm", weights_file=f"{network}#sha256={'0' * 64}")


def test_an_address_is_fetched_before_the_run_and_only_with_its_checksum() -> None:
    address = "https://example.org/rvm_mobilenetv3_fp32.torchscript"
    assert weights_needed("matte", "rvm", f"{address}#sha256={'0' * 64}") == [f"{address}#sha256={'0' * 64}"]
    assert weights_needed("matte", "rvm", "/models/rvm.torchscript") == []
    assert weights_needed("matte", "refined") == []
    with pytest.raises(ModelError, match="without a checksum"):
        weights_needed("matte", "rvm", address)
