"""The usual loop that removal is compared with, and what our own side of that comparison runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from benchmarks import baseline, removal
from benchmarks.quality_clips import OWN, files
from benchmarks.removal_clip import Clip, make_clip, read_clip
from benchmarks.removal_runs import Variant, plated, random_yolo, unremembered, with_segmenter
from benchmarks.removal_stages import Counter, TrueInstances, Unremembered
from benchmarks.scenarios_judge import grown, psnr
from models import weights
from pipeline.config import Plan, load_config
from pipeline.frame import FrameSpec
from tests.frames import blank_frame

WIDTH, HEIGHT = 320, 180


class Flat(nn.Module):
    """Answers with one colour, whatever it is shown: RGB 0..1 in and out."""

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        flat = torch.tensor([1.0, 0.0, 0.0])[None, :, None, None]
        return flat.expand(image.shape[0], 3, image.shape[2], image.shape[3])


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return make_clip(tmp_path_factory.mktemp("clip") / "two.mp4", people=2, frames=30, size=(WIDTH, HEIGHT))


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> baseline.Usual:
    path = tmp_path_factory.mktemp("flat") / "flat.pt"
    torch.jit.script(Flat()).save(str(path))
    return baseline.Usual(path)


def red(picture: np.ndarray) -> np.ndarray:
    return np.asarray((picture == (0, 0, 255)).all(2))


def test_one_region_around_everybody_is_pasted_back_whole(clip: Clip, usual: baseline.Usual) -> None:
    index = 16
    filled = red(usual.clean(clip.frame(index)))
    rows, columns = np.flatnonzero(filled.any(1)), np.flatnonzero(filled.any(0))
    assert filled[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all(), "a box, and all of it"
    person = np.flatnonzero(clip.mask(index).any(0))
    assert columns[0] <= max(0, person[0] - 40)
    assert columns[-1] >= min(WIDTH - 1, person[-1] + 40)
    assert not filled.all()


def test_an_empty_room_is_left_as_it_is(clip: Clip, usual: baseline.Usual) -> None:
    before = usual.calls
    assert np.array_equal(usual.clean(clip.room), clip.room)
    assert usual.calls == before


def test_the_loop_writes_every_frame_that_it_looked_at(clip: Clip, usual: baseline.Usual, tmp_path: Path) -> None:
    ran = baseline.run(usual, clip.path, tmp_path / "out.mp4", every=7, most=4)
    with av.open(str(tmp_path / "out.mp4")) as box:
        frames = [frame.to_ndarray(format="bgr24") for frame in box.decode(video=0)]
    assert len(frames) == len(ran.seconds) == 4
    assert ran.inpainted >= 2
    assert ran.fps == pytest.approx(4 / sum(ran.seconds))


def test_the_people_of_the_clip_are_where_it_says(clip: Clip) -> None:
    with av.open(str(clip.path)) as box:
        frames = [frame.to_ndarray(format="bgr24") for frame in box.decode(video=0)]
    assert len(frames) == 30
    for index in (12, 20, 28):
        mask = clip.mask(index)
        assert psnr(frames[index], clip.room, ~grown(mask, 15)) > 32
        assert psnr(frames[index], clip.room, mask > 0) < 20
    assert not clip.mask(0).any(), "the room is empty at first"


def test_a_clip_is_read_back_as_it_was_made(clip: Clip) -> None:
    again = read_clip(clip.path)
    assert all(np.array_equal(again.mask(index), clip.mask(index)) for index in range(30))
    assert np.array_equal(again.frame(14), clip.frame(14))


def test_a_network_that_knows_nothing_answers_with_the_truth(clip: Clip, tmp_path: Path) -> None:
    stage = TrueInstances(
        model=str(random_yolo("yolo11n-seg", tmp_path)), clip=str(clip.path), engine="torch", grow=0, size=64, tiles=0
    )
    spec = FrameSpec(width=WIDTH, height=HEIGHT)
    stage.setup(spec)
    frame = blank_frame(spec, 18)
    frame.image[:] = clip.frame(18)
    stage.process(frame)
    assert np.array_equal(frame.labels > 0, clip.mask(18) > 0)
    assert len(frame.found) == len(clip.instances(18)) > 0


def variants(folder: Path, clip: Clip) -> Iterator[tuple[str, Variant]]:
    lama = folder / "lama.pt"
    yield "shipped", plated(lama)
    yield "counted", plated(lama, counted=True)
    yield "unremembered", unremembered(lama)
    yield "quick", with_segmenter(plated(lama), "yolo11n-seg", folder, clip.path)


def plan_of(variant: Variant, folder: Path) -> Plan:
    return load_config(str(variant.write(folder / "x.yaml")), given="x.mp4", wanted="y.mp4", environment={})


def test_every_variant_of_the_shipped_pipeline_is_a_valid_one(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "cache_folder", lambda: tmp_path)
    plans = {name: plan_of(variant, tmp_path) for name, variant in variants(tmp_path, clip)}
    stages = {name: {built.name: built.stage for built in plan.stages} for name, plan in plans.items()}
    assert isinstance(stages["unremembered"]["plate"], Unremembered)
    assert isinstance(stages["quick"]["segmentation"], TrueInstances)
    assert isinstance(stages["counted"]["counter"], Counter)
    assert all(found["inpainting"].model == "lama" for found in stages.values())
    assert stages["shipped"].keys() == stages["unremembered"].keys()


def test_without_a_plate_every_hole_is_left_to_the_inpainter() -> None:
    spec = FrameSpec(width=32, height=16)
    frame = blank_frame(spec)
    frame.image[:], frame.mask[4:9, 3:20] = 70, 255
    Unremembered().process(frame)
    assert np.array_equal(frame.rest, frame.mask)
    assert np.array_equal(frame.filled, frame.image)


def test_calls_are_counted_after_two_seconds() -> None:
    counter, spec = Counter(), FrameSpec(width=32, height=16, rate=10)
    counter.setup(spec)
    for index in range(50):
        frame = blank_frame(spec, index)
        frame.rest[:] = 255 * (index < 25)
        counter.write(frame)
    assert counter.finish() == {"frames": 30, "calls": 5}


def test_a_goal_is_met_at_its_very_value() -> None:
    least, most = removal.Goal("a", "", least=40), removal.Goal("b", "", most=0.02)
    assert least.met(40)
    assert not least.met(39.99)
    assert most.met(0.02)
    assert not most.met(0.021)
    assert (least.asked, most.asked) == ("at least 40", "at most 0.02")


def test_clips_of_a_folder_come_with_their_truth_and_their_floor(clip: Clip, tmp_path: Path) -> None:
    place = tmp_path / "clips" / "small_dog"
    place.mkdir(parents=True)
    for name in ("input.mp4", "bg.mp4", "mask.mkv"):
        (place / name).write_bytes(clip.path.read_bytes())
    (place / "meta.json").write_text(json.dumps({"shows": "a dog", "codec_floor_psnr_outside_mask_db": 44.5}))
    own, found = files(tmp_path / "clips", tmp_path)
    assert (own.name, own.ours, found.ours) == (OWN, True, False)
    assert (found.name, found.classes, found.floor_db) == ("small_dog", "dog", 44.5)
    assert len(found.truth) == len(found.hidden) == 30
    assert found.hidden[0].ndim == 2
