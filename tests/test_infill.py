"""Infill: our own inpainter runs anywhere, answers alike everywhere, and says what is wrong with its file."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from models import weights
from models.base import ModelError
from models.canvas import FIXED
from models.infill import Infill, load
from models.infill_network import InfillNetwork
from models.infill_plan import SHAPES
from models.known import KNOWN
from models.registry import catalogue, load_inpainter
from models.tensors import read, write
from tests.frames import scenery
from tests.test_inpainters import square_hole

ENGINES = ["torch", *(["openvino"] if find_spec("openvino") else [])]
LARGEST = 12_000_000  # bytes by which it makes the package larger, at most


@pytest.fixture(scope="module")
def infill() -> Infill:
    return Infill(engine="torch", device="cpu", precision="float32")


def weighty(path: Path) -> Path:
    """A file of weights that change much: not as trained."""
    torch.manual_seed(1)
    state = InfillNetwork().state_dict()
    state["leave.weight"] *= 20
    write(path, {name: value.numpy().astype(np.float16) for name, value in state.items()})
    return path


def test_it_comes_with_the_package() -> None:
    known = KNOWN["infill"]
    place = weights.locate("infill")
    assert place.parent == Path(weights.__file__).parent
    assert place.stat().st_size == known.size <= LARGEST
    (line,) = (line for line in catalogue() if line.name == "infill")
    assert (line.state, line.checksum, line.task) == ("present", "published", "inpaint")


def test_what_is_said_of_the_network_is_so() -> None:
    assert {name: tuple(value.shape) for name, value in InfillNetwork().state_dict().items()} == SHAPES


def test_on_openvino_no_torch_is_loaded() -> None:
    """A worker starts in a second, and is smaller by some hundred megabytes."""
    pytest.importorskip("openvino")
    code = (
        "import sys, numpy as np; from models.registry import load_inpainter; "
        "model = load_inpainter('infill', device='cpu'); "
        "model.inpaint(np.zeros((64, 64, 3), np.uint8), np.full((64, 64), 255, np.uint8)); "
        "assert model.info.engine == 'openvino'; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_its_weights_are_half_as_long_as_it_reckons_with() -> None:
    assert {array.dtype for array in read(weights.locate("infill")).values()} == {np.dtype(np.float16)}


@pytest.mark.parametrize("shape", [(128, 128), (361, 637), (17, 400), (9, 9), (1, 1)])
def test_a_crop_of_any_size_comes_back_at_that_size_with_what_was_known(infill: Infill, shape: tuple[int, int]) -> None:
    image, hole = scenery(*shape), square_hole(*shape)
    result = infill.inpaint(image, hole)
    assert result.shape == image.shape
    if shape[0] <= 384 and shape[1] <= 384:  # larger ones are worked on at a smaller size
        assert np.array_equal(result[hole == 0], image[hole == 0])


def test_what_the_hole_hides_has_no_part_in_what_is_filled(infill: Infill) -> None:
    image, hole = scenery(128, 128), square_hole(128, 128)
    other = np.where(hole[..., None] > 0, 255 - image, image)
    assert np.array_equal(infill.inpaint(image, hole), infill.inpaint(other, hole))


def test_a_flat_wall_stays_flat(infill: Infill) -> None:
    image, hole = np.full((128, 128, 3), (90, 140, 200), np.uint8), square_hole(128, 128)
    assert np.abs(infill.inpaint(image, hole).astype(int) - image).max() <= 1


def test_a_darker_picture_is_filled_darker_and_otherwise_alike(infill: Infill) -> None:
    image, hole = scenery(128, 128) // 2 + 60, square_hole(128, 128)
    lighter = infill.inpaint(image + np.uint8(30), hole).astype(int)
    assert np.abs(lighter - infill.inpaint(image, hole) - 30).max() <= 1


def test_a_fainter_picture_is_filled_fainter_and_otherwise_alike(infill: Infill) -> None:
    image, hole = scenery(128, 128), square_hole(128, 128)
    faint = (image // 4 + 96).astype(np.uint8)
    strong = (faint.astype(int) - 96) * 4
    found, wanted = infill.inpaint(faint, hole).astype(int), infill.inpaint(strong.astype(np.uint8), hole).astype(int)
    assert np.abs((found - 96) * 4 - wanted).max() <= 4


def test_every_crop_is_filled_alike_in_any_company(infill: Infill) -> None:
    shapes = [(100, 90), (250, 128), (60, 60), (128, 128)]
    crops = [(np.roll(scenery(*shape), at, 2), square_hole(*shape)) for at, shape in enumerate(shapes)]
    found = dict(infill.inpaint_many(crops))
    assert sorted(found) == [0, 1, 2, 3]
    for at, (image, hole) in enumerate(crops):
        picture = found[at]
        assert picture is not None
        assert np.abs(picture.astype(int) - infill.inpaint(image, hole)).max() <= 1


def test_a_picture_that_is_all_hole_is_filled_with_something() -> None:
    network = InfillNetwork().eval()
    with torch.inference_mode():
        (found,) = network(torch.ones(1, 4, 64, 64))
    assert bool(torch.isfinite(found).all())


@pytest.mark.parametrize("name", ENGINES[1:])
@pytest.mark.parametrize("size", [(128, 128), (256, 128), (64, 96)])
def test_every_engine_answers_as_torch_does(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    """With weights that change much: what an untrained network adds could be lost in the rounding."""
    file = str(weighty(tmp_path / "own.safetensors"))
    exact = Infill(file, engine="torch", device="cpu", precision="float32")
    other = Infill(file, engine=name, device="cpu", precision="float32")  # type: ignore[arg-type]
    assert other.info.engine == name
    image, hole = scenery(*size), square_hole(*size)
    assert np.abs(other.inpaint(image, hole).astype(int) - exact.inpaint(image, hole)).max() <= 1


@pytest.mark.parametrize("name", ENGINES)
def test_in_bfloat16_it_answers_within_two_levels(infill: Infill, name: str) -> None:
    short = Infill(engine=name, device="cpu", precision="bfloat16")  # type: ignore[arg-type]
    image, hole = scenery(256, 256), square_hole(256, 256)
    off = np.abs(short.inpaint(image, hole).astype(int) - infill.inpaint(image, hole))
    assert off.mean() <= 0.5
    assert np.quantile(off, 0.999) <= 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_answers_within_two_levels(infill: Infill) -> None:
    fast = Infill(engine="torch", device="cuda")
    fast.warm_up()
    image, hole = scenery(256, 256), square_hole(256, 256)
    off = np.abs(fast.inpaint(image, hole).astype(int) - infill.inpaint(image, hole))
    assert np.quantile(off, 0.999) <= 2


def test_a_warm_up_for_a_file_makes_one_size_ready_and_says_what_the_largest_takes(infill: Infill) -> None:
    infill._seconds.clear()
    slowest = infill.warm_up(every=False)
    assert list(infill._seconds) == [FIXED[0]]
    assert slowest == infill.cost(512, 512) > infill._seconds[FIXED[0]] > 0


def test_a_file_of_something_else_is_told_in_one_line(tmp_path: Path) -> None:
    torn = tmp_path / "torn.safetensors"
    torn.write_bytes(weights.locate("infill").read_bytes()[:1000])
    other = tmp_path / "other.safetensors"
    write(other, {"weight": np.zeros((2, 2), np.float32)})
    for path, said in ((torn, "cut short"), (other, "not the weights of infill"), (tmp_path / "none", "not a file")):
        with pytest.raises(ModelError, match=said) as caught:
            Infill(str(path))
        assert "\n" not in str(caught.value)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    arrays = {name: array.copy() for name, array in read(weights.locate("infill")).items()}
    arrays["leave.bias"][0] = np.nan
    write(tmp_path / "broken.safetensors", arrays)
    with pytest.raises(ModelError, match="not finite"):
        load(tmp_path / "broken.safetensors")


def test_a_number_format_that_is_too_coarse_is_refused() -> None:
    with pytest.raises(ModelError, match="float16"):
        load_inpainter("infill", precision="float16")


def test_a_damaged_file_beside_the_package_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "infill.safetensors").write_bytes(b"cut short")
    monkeypatch.setattr(weights, "__file__", str(tmp_path / "weights.py"))
    with pytest.raises(ModelError, match="damaged, cut short, or another file; next: `pip install --force-reinstall"):
        load_inpainter("infill")
    (tmp_path / "infill.safetensors").unlink()
    monkeypatch.setenv("CLEANPLATE_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"no file .*; next: pip install --force-reinstall cleanplate"):
        load_inpainter("infill")
