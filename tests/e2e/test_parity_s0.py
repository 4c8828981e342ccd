"""What the users of the first prototype had (raw video, YOLOv8n-seg, LaMa, window and files), point by point.

The numbers are those of the list of its features. Live inputs (S0-01 to S0-06, S0-32 to S0-37) and the window (S0-12,
S0-17) are in test_parity_s0_live.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from models import weights
from models.registry import catalogue, load_segmenter
from pipeline.api import process_video
from pipeline.frame import FrameSpec
from pipeline.inline import Inline
from stages.inpainting import Inpainting
from tests.checkpoints import save_checkpoint
from tests.clips import decode, make_clip, picture
from tests.commands import cleanplate
from tests.frames import blank_frame, scenery
from tests.scenes import Scene, asset, frames_of, make_scene
from tests.test_inpainters import Mean, script

QUICK = ("segmentation.size=64", "segmentation.engine=torch", "inpainting.model=telea")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return make_scene(tmp_path_factory.mktemp("s0") / "walk.mp4", 16)


@pytest.fixture(scope="module")
def mean_lama(tmp_path_factory: pytest.TempPathFactory) -> str:
    return script(Mean(), tmp_path_factory.mktemp("lama") / "mean.pt")


def test_s0_07_yolov8n_seg_finds_the_wanted_class_only(tmp_path: Path) -> None:
    """Its architecture with random weights: what they find is nonsense, but it is something, and of many classes."""
    path = str(tmp_path / "yolov8n-seg.pt")
    save_checkpoint(tmp_path / "yolov8n-seg.pt", "yolov8n-seg")
    names = load_segmenter(path, classes=["person"], device="cpu", engine="torch").names
    everything = load_segmenter(path, classes=list(names), device="cpu", engine="torch").segment(asset("bus.jpg"))
    wanted = int(everything.classes[0])
    assert len(set(everything.classes)) > 1
    only = load_segmenter(path, classes=[names[wanted]], device="cpu", engine="torch").segment(asset("bus.jpg"))
    assert set(only.classes) == {wanted}


@pytest.mark.long
def test_s0_08_and_29_lama_fills_the_holes_in_workers_of_its_own(scene: Scene, mean_lama: str, tmp_path: Path) -> None:
    sets = [f"inpainting.weights={mean_lama}", "inpainting.model=lama", "inpainting.workers=2"]
    report = process_video(scene.path, tmp_path / "out.mkv", sets=sets, frames=8)
    assert {model["name"] for model in report["models"]} == {"yolov5s-seg", "big-lama"}
    assert report["stages"]["inpainting"]["workers"] == 2
    assert report["frames"]["output"] == 8


@pytest.mark.long
def test_s0_09_and_31_frames_of_4k_go_through_and_colours_come_out_as_they_went_in(tmp_path: Path) -> None:
    """Blue stays blue: the ring is BGR from end to end, and adapters that want RGB turn it round for themselves."""
    large = cv2.resize(picture(1), (3840, 2160), interpolation=cv2.INTER_NEAREST)
    large[:1080] = (200, 0, 0)
    clip = make_clip(tmp_path / "in.mkv", [large] * 3, codec="ffv1", pixels="bgr0")
    report = process_video(clip, tmp_path / "out.mkv", sets=[*QUICK, "output.codec=ffv1"])
    assert report["frames"]["output"] == 3
    assert all(np.array_equal(image, large) for image in decode(tmp_path / "out.mkv"))


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "auto"])
def test_s0_10_half_precision_and_engines_are_a_setting(precision: str) -> None:
    model = load_segmenter("yolov5s-seg", classes=["person"], device="cpu", precision=precision, engine="torch")
    assert len(model.segment(asset("bus.jpg"))) == 4
    assert model.info.precision == precision or precision == "auto"


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_s0_11_21_and_30_holes_are_filled_together_from_crops_of_their_own_at_a_scale_of_ones_choice(
    mean_lama: str, scale: float
) -> None:
    """Two people far apart are two crops in one batch, not their union; and only hole pixels are pasted back."""
    spec = FrameSpec(width=640, height=240)
    stage = Inpainting(model="lama", weights=mean_lama, device="cpu", scale=scale)
    assert stage.margin == 48
    stage.setup(spec)
    frame = blank_frame(spec)
    frame.filled[:] = scenery(spec.height, spec.width)
    frame.rest[100:140, 60:100] = frame.rest[100:140, 540:580] = 255
    seen: list[tuple[int, ...]] = []
    network = stage._inpainter._runner._model  # type: ignore[attr-defined]

    def watched(image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(image.shape))
        return network(image, mask)

    stage._inpainter._runner._model = watched  # type: ignore[attr-defined]
    stage.process(frame)
    ((batch, _, height, width),) = seen
    assert batch == 2
    assert width <= 160, "the union would be 616 wide"
    assert height * width <= (160 * scale) ** 2 * 1.7
    untouched = frame.rest == 0
    assert np.array_equal(frame.clean[untouched], frame.filled[untouched])
    assert not np.array_equal(frame.clean[~untouched], frame.filled[~untouched])


@pytest.mark.long
def test_s0_13_and_14_original_result_and_comparison_are_kept_as_mjpg_avi_with_free_numbers(
    scene: Scene, tmp_path: Path
) -> None:
    sets = [f"--set={each}" for each in QUICK]
    sets += [f"--set={sink}.codec=mjpeg" for sink in ("original", "side-by-side", "output")]
    for frames in ("1", "6"):
        pattern = str(tmp_path / "clean_{n}.avi")
        done = cleanplate("run", "compare", "-i", str(scene.path), "-o", pattern, "--frames", frames, *sets, "-q")
        assert done.returncode == 0, done.stderr
    names = {path.name for path in tmp_path.iterdir()}
    ends = ("", "-original", "-side-by-side")
    assert names == {f"clean_{number}{end}.avi" for number in (1, 2) for end in ends}
    clean, original, both = (frames_of(tmp_path / f"clean_2{end}.avi") for end in ends)
    assert len(clean) == len(original) == len(both) == 6
    assert both[0].shape[1] == 2 * clean[0].shape[1]
    assert np.abs(both[5][:, : clean[0].shape[1]].astype(int) - original[5]).mean() < 3


def test_s0_15_it_runs_without_a_screen_and_in_a_notebook(scene: Scene) -> None:
    largest = int(np.argmax([mask.sum() for mask in scene.masks]))
    image, hole = frames_of(scene.path)[largest], scene.masks[largest] > 0
    height, width = image.shape[:2]
    with Inline.of("remove-people", width=width, height=height, sets=["inpainting.model=telea"]) as steps:
        clean = steps.process(image).clean
    assert np.abs(clean[hole].astype(int) - image[hole]).mean() > 20, "the person is gone"


@pytest.fixture(scope="module")
def unsaved(scene: Scene) -> dict[str, Any]:
    """The report of a run of five frames whose result nobody wants."""
    return process_video(scene.path, "null:", sets=QUICK, frames=5)


def test_s0_16_and_18_nothing_is_saved_where_nobody_wants_it_and_frames_are_limited(unsaved: dict[str, Any]) -> None:
    assert unsaved["frames"]["output"] == 5
    assert unsaved["output"]["output"] == ""


@pytest.mark.long
def test_s0_19_20_and_27_the_size_of_frames_and_of_the_network_s_input_is_chosen(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", 3)
    sets = ["ingest.width=64", "ingest.height=48", "segmentation.size=320", "inpainting.model=telea"]
    report = process_video(clip, tmp_path / "out.mp4", sets=sets)
    assert (report["video"]["width"], report["video"]["height"]) == (64, 48)
    assert decode(tmp_path / "out.mp4")[0].shape == (48, 64, 3)


def test_s0_22_to_26_rate_latency_memory_and_hop_are_in_the_report(unsaved: dict[str, Any]) -> None:
    assert unsaved["fps"] > 0
    assert 0 < unsaved["latency_ms"]["p50"] <= unsaved["latency_ms"]["p99"]
    assert 0 < unsaved["runtime"]["hop_us"]["p50"] < 100_000
    assert unsaved["runtime"]["ring_bytes"] > 0


def test_s0_28_there_are_smaller_and_larger_models() -> None:
    names = {entry.name for entry in catalogue() if entry.task == "segment"}
    for family in ("yolov8", "yolo11", "yolo26"):
        assert {f"{family}{size}-seg" for size in "nsmlx"} <= names
    assert {"yolov5s-seg", "yolov7-seg"} <= names
    assert weights.KNOWN["yolo11n-seg"].size < weights.KNOWN["yolo11x-seg"].size
