"""A pipeline's steps in this very process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from pipeline.config import BuiltStage, StageConfig, load_config
from pipeline.errors import ConfigError
from pipeline.frame import FrameSpec
from pipeline.inline import Inline
from stages.ingest.file import File
from stages.inpainting import Inpainting
from stages.segmentation import InstanceSegmentation
from tests.clips import make_clip, picture, read_all
from tests.runs import Run, toy
from tests.toys import Numbers
from tests.toys import picture as toy_picture
from tests.toys_memory import Shelves


def test_a_picture_goes_through_all_transforms() -> None:
    with Inline.of("remove-people", width=96, height=64, sets=["segmentation.engine=torch"]) as steps:
        frame = steps.process(picture(3))
    found, removed = {"found", "labels", "objects", "mask"}, {"filled", "rest", "clean", "level"}
    assert set(frame.planes) == {"image"} | found | removed
    assert np.array_equal(frame.clean, picture(3)), "nobody is in it, so nothing changes"


def test_what_runs_is_named() -> None:
    with Inline.of(
        "remove-people", width=96, height=64, sets=["segmentation.engine=torch", "inpainting.model=telea"]
    ) as steps:
        assert [facts["name"] for facts in steps.facts()] == ["yolov5s-seg", "telea"]


def test_a_size_that_is_none_is_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"width = 0, height = 64: a frame is 1 to 16384 pixels"):
        Inline.of("remove-people", width=0, height=64)


def test_steps_that_are_not_set_up_say_how_they_are() -> None:
    steps = Inline.of("remove-people", width=96, height=64)
    with pytest.raises(ConfigError, match=r"with Inline\.of"):
        steps.process(picture(1))


def test_steps_that_were_set_up_are_closed_where_a_later_one_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Inline.of("remove-people", width=96, height=64)
    closed = []
    monkeypatch.setattr(InstanceSegmentation, "setup", lambda self, spec: None)
    monkeypatch.setattr(InstanceSegmentation, "close", lambda self: closed.append("segmentation"))
    monkeypatch.setattr(Inpainting, "setup", lambda self, spec: 1 / 0)
    with pytest.raises(ZeroDivisionError), steps:
        pass
    assert closed == ["segmentation"]


@pytest.mark.parametrize("image", [np.zeros((64, 95, 3), np.uint8), np.zeros((64, 96, 3), np.float32), [1, 2]])
def test_a_picture_of_another_size_or_kind_is_refused(image: np.ndarray) -> None:
    steps = Inline.of("remove-people", width=96, height=64)
    with pytest.raises(ConfigError, match="these steps are for uint8"):
        steps.process(image)


def test_planes_that_a_stage_reads_are_locked() -> None:
    plan = load_config("remove-people", given="in.mp4", wanted="null:")
    steps = Inline.whole(plan, FrameSpec(width=96, height=64))
    frame = steps._steps[0].frame
    assert not frame.image.flags.writeable
    assert frame.labels.flags.writeable


def test_each_step_is_timed(tmp_path: Path) -> None:
    sets = ["segmentation.engine=torch"]
    plan = load_config("remove-people", sets=sets, given="in.mp4", wanted=str(tmp_path / "out.mkv"))
    with Inline.whole(plan, FrameSpec(width=96, height=64)) as steps:
        times = dict(steps.timed(picture(1), pts=1))
    assert list(times) == ["segmentation", "tracking", "plate", "inpainting", "output"]
    assert all(seconds > 0 for seconds in times.values())
    assert (tmp_path / "out.mkv").exists()


@pytest.mark.long
@pytest.mark.real
def test_the_result_is_that_of_a_run(tmp_path: Path) -> None:
    """Memory from frame to frame included: a still disc that the background remembers behind a moving mask."""
    clip = make_clip(tmp_path / "in.mkv", 20, codec="ffv1", pixels="bgr0")
    sets = ["segmentation.precision=float32", "segmentation.engine=torch", "segmentation.size=320", "output.codec=ffv1"]
    out = tmp_path / "out.mkv"
    run = Run(tmp_path, "remove-people", "-i", str(clip), "-o", str(out), *(a for s in sets for a in ("--set", s)))
    assert run.end(120).code == 0
    _, images, _ = read_all(File(input=str(clip)))
    _, wanted, _ = read_all(File(input=str(out)))
    with Inline.of("remove-people", width=96, height=64, sets=sets[:3]) as steps:
        for image, clean in zip(images, wanted, strict=True):
            assert np.array_equal(steps.process(image).clean, clean)


def test_a_pool_is_carried_from_picture_to_picture() -> None:
    stage = Shelves()
    built = BuiltStage("shelves", "", {}, stage, StageConfig(name="shelves", uses="a:B"), "ingest", "blank")
    source = BuiltStage("ingest", "", {}, Numbers(), StageConfig(name="ingest", uses="a:B"), None, "blank")
    pictures = [toy_picture(index, 48, 64) for index in range(6)]
    with Inline([source, built], FrameSpec(width=64, height=48)) as steps:
        masks = [int(steps.process(image).mask[0, 0]) for image in pictures]
    assert masks == [0, 0, *(int(image[0, 0, 0]) for image in pictures[:4])]


def test_what_a_stage_recalls_is_that_of_the_frame_so_long_before(tmp_path: Path) -> None:
    """As in a run (tests/e2e/test_loans.py): the stage itself looks at what it is lent."""
    names = {"learn": "toys_memory:Learn", "invert": "toys:Invert"}
    stages = [{"name": name, "uses": f"tests.{cls}"} for name, cls in names.items()]
    config = toy(tmp_path, *stages, sink="CollectWithMask")
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(config))
    with Inline.of(str(tmp_path / "toy.yaml"), width=64, height=48) as steps:
        masks = [int(steps.process(toy_picture(index, 48, 64)).mask[0, 0]) for index in range(7)]
    assert masks == [0, 0, 0, 1, 3, 6, 10]


def test_what_is_configured_for_a_file_is_no_mistake_where_nothing_is_kept() -> None:
    plan = load_config("remove-people", given="in.mp4", wanted="null:")
    assert plan.stages[-1].uses == "stages.output.null:Null"
    with pytest.raises(ConfigError, match="codek: no such field"):
        load_config("remove-people", sets=["output.codek=av1"], given="in.mp4", wanted="null:")
