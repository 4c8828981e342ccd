"""What a session makes of a configuration, how pipelines are described, and what is plotted of a run."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.reading import read_yaml, shipped
from pipeline.web.catalogue import Catalogue, Offer
from pipeline.web.choosing import _still_known, hit
from pipeline.web.describe import pipeline as described
from pipeline.web.describe import resolved
from pipeline.web.orders import Outlet, assembled
from pipeline.web.refusal import Refused
from pipeline.web.stats import Statistics
from tests.web.served import COVER, FOUND, toy

PAGE = Outlet(name="page", output="null:")
FILE = Outlet(name="output", output="/tmp/x.mp4", as_configured=True)


def stages(raw: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(stage["name"], stage.get("after")) for stage in raw["stages"]]


# The pipeline of a session


def test_a_session_has_sinks_of_its_own_in_the_place_of_a_configurations(tmp_path: Path) -> None:
    made = assembled(read_yaml(toy(tmp_path))[1], {}, (PAGE, FILE))
    assert stages(made) == [
        ("ingest", None), ("found", "ingest"), ("cover", "found"), ("page", "cover"), ("output", "cover"),
    ]  # fmt: skip
    assert made["stages"][-2]["with"] == {"output": "null:"}
    assert made["stages"][-1]["with"] == {"output": "/tmp/x.mp4"}  # the window's title is no business of a file


def test_a_file_keeps_the_codec_that_is_configured() -> None:
    made = assembled(read_yaml("remove-people")[1], {"output.crf": 30}, (PAGE, FILE))
    assert made["stages"][-1]["with"] == {"codec": "h264", "audio": "copy", "crf": 30, "output": "/tmp/x.mp4"}


def test_branches_that_lead_to_other_sinks_are_left_out() -> None:
    names = [name for name, _ in stages(assembled(read_yaml("compare")[1], {}, (PAGE,)))]
    assert names == ["ingest", "segmentation", "tracking", "plate", "inpainting", "page"]
    names = [name for name, _ in stages(assembled(read_yaml("remove-target")[1], {}, (PAGE,)))]
    assert names == ["ingest", "segmentation", "target", "plate", "inpainting", "page"]


def test_settings_go_to_their_stages_and_the_configuration_itself_stays_as_it_is(tmp_path: Path) -> None:
    raw = read_yaml(toy(tmp_path))[1]
    before = json.dumps(raw)
    made = assembled(raw, {"cover.level": 3, "cover.workers": 2, "output.codec": "h265"}, (PAGE,))
    assert made["stages"][2]["with"] == {"level": 3}
    assert made["stages"][2]["workers"] == 2
    assert json.dumps(raw) == before
    with pytest.raises(ConfigError, match="there is no stage 'kover'; did you mean 'cover'"):
        assembled(raw, {"kover.level": 3}, (PAGE,))


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_shipped_configuration_can_be_a_session(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.yaml"
    path.write_text(json.dumps(assembled(read_yaml(name)[1], {}, (PAGE,))))
    plan = load_config(str(path), given="cam:test")
    assert plan.stages[-1].name == "page"


@pytest.mark.parametrize("raw", [{}, {"stages": 3}, {"stages": []}, {"stages": [{}]}, {"stages": ["a", "b"]}])
def test_what_is_no_pipeline_is_passed_on_to_who_says_what_is_wrong(raw: dict[str, Any]) -> None:
    assert assembled(raw, {}, (PAGE,)) == raw


# Descriptions


def offer_of(told: dict[str, Any]) -> Offer:
    return Offer(told, **{name: told.pop(name) for name in ("where", "steer", "sink", "source")})


def test_every_shipped_pipeline_is_described_without_what_is_not_for_pages() -> None:
    for name in shipped():
        told = described(name)
        assert told["about"].endswith(".")
        fields = [field for stage in told["stages"] for field in stage["fields"]]
        assert not {"input", "output", "weights", "engine", "device", "hide", "kept"} & {one["name"] for one in fields}
        assert "$ref" not in json.dumps(told)
        models = [field for field in fields if field["name"] == "model"]
        assert all(model["value"] in model["schema"]["enum"] for model in models)


def test_a_privacy_pipeline_and_one_without_a_mask_say_what_can_be_seen(tmp_path: Path) -> None:
    closed = described(toy(tmp_path, FOUND, COVER, name="closed", fail="closed"))
    assert (closed["privacy"], closed["views"]) == (True, ["result"])
    plain = described(toy(tmp_path, {"name": "plain", "uses": "tests.web.toys:Plain"}, name="plain"))
    assert (plain["views"], plain["choose"], plain["zones"]) == (["input", "result"], False, False)
    assert described(toy(tmp_path))["views"] == ["input", "result", "overlay", "mask"]


def test_a_model_is_chosen_from_the_known_ones_never_as_a_file() -> None:
    offer = offer_of(described("remove-people"))
    offer.check({"segmentation.model": "yolo26n-seg", "segmentation.workers": 1, "output.codec": "h265"})
    for path, value in (
        ("segmentation.model", "/etc/passwd.pt"),
        ("segmentation.weights", "/tmp/evil.pt"),
        ("tracking.workers", 2),
        ("tracking.kept", [1]),
        ("ingest.input", "/etc/passwd"),
        ("output.output", "/tmp/x"),
        ("output.view", "input"),
        ("on_error", "stop"),
    ):
        with pytest.raises(Refused) as refused:
            offer.check({path: value})
        assert refused.value.status == 422


def test_references_are_resolved_wherever_they_stand() -> None:
    schema = {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}], "description": "here"}
    definitions = {"A": {"items": {"$ref": "#/$defs/B"}, "description": "there"}, "B": {"type": "integer"}}
    assert resolved(schema, definitions) == {
        "anyOf": [{"items": {"type": "integer"}, "description": "there"}, {"type": "null"}], "description": "here",
    }  # fmt: skip


def test_a_pipeline_that_is_wrong_is_left_out_and_said_and_the_others_are_offered(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("name: wrong\n")

    async def offered(*configurations: str) -> tuple[list[str], list[str]]:
        catalogue = Catalogue(configurations)
        catalogue.start()
        try:
            return list(await catalogue.offers()), catalogue.problems
        finally:
            await catalogue.close()

    names, problems = asyncio.run(offered(str(wrong), toy(tmp_path)))
    assert names == ["toy"]
    assert problems == ["wrong.yaml: stages: is missing"]


# Whom a click means

OBJECTS = [
    {"track": 1, "box": [0.1, 0.1, 0.9, 0.9]},
    {"track": 2, "box": [0.4, 0.4, 0.6, 0.6]},
    {"track": -1, "box": [0.45, 0.45, 0.5, 0.5]},
]


@pytest.mark.parametrize(
    ("x", "y", "track"),
    [(0.5, 0.5, 2), (0.47, 0.47, 2), (0.2, 0.2, 1), (0.91, 0.5, 1), (0.05, 0.5, None), (1, 1, None)],
)
def test_a_click_means_the_smallest_box_around_it_or_the_nearest_one(x: float, y: float, track: int | None) -> None:
    found = hit(OBJECTS, x, y)
    assert (found and found["track"]) == track


def test_who_is_out_of_sight_for_longest_makes_room_in_a_full_list_and_nobody_else() -> None:
    seen = [{"track": 1}, {"track": 3}]
    assert _still_known(range(1, 256), seen) == list(range(1, 256))
    assert _still_known(range(1, 257), seen) == [1, *range(3, 257)]
    assert _still_known(range(1, 259), seen) == [1, 3, *range(6, 259)]


# What is plotted


def snapshot(seconds: float, output: int, *, busy: float, level: int = 0) -> dict[str, Any]:
    stage = {"queue": 2, "frames": output, "busy_s": busy, "wanted": 1, "state": "", "dropped": 3, "counts": {}}
    counts = {"inpainted": output, "level: small": level, "level: solid": level // 4}
    return {
        "seconds": seconds,
        "frames": {"accepted": output + 4, "output": output, "blanked": 1, "rejected": 0, "dropped": {"a": 3}},
        "latency_ms": {"p50": 20.0, "p95": 50.0, "p99": 60.0},
        "stages": {"a": stage, "b": {**stage, "counts": counts}},
    }


def test_rates_are_of_the_last_seconds_and_not_of_the_whole_run() -> None:
    statistics = Statistics()
    for second in range(10):
        statistics.add(
            100.0 + second, snapshot(second, 10 * second if second < 7 else 60 + 20 * (second - 6), busy=second)
        )
    said = statistics.message(5)
    assert said["rate"] == 20.0
    assert (said["t"], said["objects"], said["dropped"], said["latency_ms"]) == (9, 5, 3, {"p50": 20.0, "p95": 50.0})
    assert said["stages"][0] == {
        "name": "a", "queue": 2, "busy_ms": 50.0, "workers": 1, "state": "", "dropped": 3,
    }  # fmt: skip


def test_the_level_is_that_of_most_holes_lately_where_it_was_not_the_best() -> None:
    statistics = Statistics()
    statistics.add(0.0, snapshot(0, 100, busy=1, level=40))
    assert statistics.message(0)["level"] is None
    statistics.add(1.0, snapshot(1, 110, busy=2, level=42))
    assert statistics.message(0)["level"] is None
    statistics.add(2.0, snapshot(2, 120, busy=3, level=60))
    assert statistics.message(0)["level"] == "small"


def test_the_first_snapshot_makes_no_rate() -> None:
    statistics = Statistics()
    statistics.add(5.0, snapshot(1, 100, busy=1))
    assert statistics.message(0)["rate"] == 0.0


def test_a_session_keeps_no_log_in_a_folder_of_the_server_and_exports_nothing() -> None:
    made = assembled(read_yaml("semantic-codec")[1], {"codec.bandwidth": 0.2}, (PAGE,))
    names = [stage["name"] for stage in made["stages"]]
    assert "export" not in names
    codec = made["stages"][names.index("codec")]["with"]
    assert (codec["log"], codec["bandwidth"]) == (None, 0.2)
