"""How a user points at something, and what is said of what cannot be meant."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
import typer

from pipeline.cli import pointing
from pipeline.config import load_config
from pipeline.errors import ConfigError, SetupError
from pipeline.frame import FrameSpec
from stages.target import Target
from stages.target.wishes import inside_picture, parse_wish


def test_a_box_is_its_corner_its_size_and_a_frame() -> None:
    wish = parse_wish("120, 80,60,200@7")
    assert (wish.frame, wish.box) == (7, (120.0, 80.0, 180.0, 280.0))


def test_a_class_has_a_number_and_a_frame_where_they_are_given() -> None:
    wish = parse_wish("traffic light:3@12")
    assert (wish.name, wish.number, wish.frame, wish.box) == ("traffic light", 3, 12, None)
    assert (parse_wish("car").number, parse_wish("car").frame) == (1, 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,2,3", "is no target"),
        ("1,2,0,5", "width and a height above 0"),
        ("1,2,3,4@x", "number of a frame"),
        ("1,2,3,4@-1", "number of a frame"),
        ("car:0", "number 1"),
        ("", "is no target"),
    ],
)
def test_what_is_no_target_is_said_in_words(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_wish(text)


def test_a_box_is_cut_to_the_picture_and_none_where_it_lies_outside() -> None:
    assert inside_picture(parse_wish("-10,-10,30,30"), 100, 200) == (0, 0, 20, 20)
    assert inside_picture(parse_wish("200,10,30,30"), 100, 200) is None


def test_yaml_users_write_the_same_words() -> None:
    assert Target(targets=["1,2,3,4@5", "car:2@1"]).targets == ["1,2,3,4@5", "car:2@1"]
    with pytest.raises(ConfigError, match=r"target.*targets.*is no target"):
        load_config("remove-target", sets=["target.targets=['1,2']"], given="a.mp4", wanted="b.mp4")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("500,10,20,20", "outside the picture, which is 320x240"),
        ("5,5,20,20@50", "there is no frame 50: the input has 50"),
        ("dgo@3", "no class 'dgo'.*'dog'"),
    ],
)
def test_what_this_stream_cannot_have_ends_the_set_up(text: str, said: str) -> None:
    stage = Target(targets=[text], model="yolov5s-seg", size=128)
    with pytest.raises(SetupError, match=said):
        stage.setup(FrameSpec(width=320, height=240, declared_frames=50))


def test_without_any_target_nothing_is_set_up() -> None:
    with pytest.raises(SetupError, match="--target"):
        Target().setup(FrameSpec(width=320, height=240))


def test_the_option_fills_the_field_of_the_stage_that_follows() -> None:
    assert pointing.as_sets("remove-target", ["1,2,3,4", "car"]) == ['target.targets=["1,2,3,4", "car"]']
    with pytest.raises(ConfigError, match="no stage of remove-people follows targets"):
        pointing.as_sets("remove-people", ["1,2,3,4"])
    with pytest.raises(ConfigError, match="--target '1,2' is no target"):
        pointing.as_sets("remove-target", ["1,2"])


def test_a_run_without_a_target_or_with_one_behind_its_end_is_refused() -> None:
    empty = load_config("remove-target", given="a.mp4", wanted="b.mp4")
    with pytest.raises(ConfigError, match="what is to be followed"):
        pointing.check(empty, None)
    late = load_config("remove-target", sets=["target.targets=[car@9]"], given="a.mp4", wanted="b.mp4")
    pointing.check(late, 10)
    with pytest.raises(ConfigError, match="with --frames 9 there is no frame 9"):
        pointing.check(late, 9)
    pointing.check(load_config("remove-people", given="a.mp4", wanted="b.mp4"), None)


def test_the_shell_offers_the_classes_that_are_looked_for(tmp_path: Path) -> None:
    context = typer.Context(typer.main.get_command(typer.Typer(callback=lambda: None)))
    context.params["config"] = "remove-target"
    assert {"person", "traffic light"} <= {name for name, _ in pointing.offers(context, "")}
    context.params["config"] = str(tmp_path / "none.yaml")
    assert pointing.offers(context, "") == []


def test_a_frame_beyond_an_estimated_end_is_not_refused() -> None:
    part = FrameSpec(width=320, height=240, declared_frames=50, end=Fraction(2))
    Target(targets=["5,5,20,20@50"], model="yolov5s-seg", size=128).setup(part)
