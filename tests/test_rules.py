"""Rules: which one fits whom, that keeping asks for more than covering, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from models.classes import NAMES
from pipeline.config import MAX_OPTIONS
from pipeline.frame import EFFECT_SHIFT, EFFECTS, KEPT
from pipeline.reading import explain
from stages.box import Box
from stages.rules import MOST_SAID, NOBODY, UNKNOWN, Rules, Somebody
from stages.tracking import Tracking
from stages.zones import MOST_IN_ALL

SHAPE = (100, 200)
FACE, PLATE, PERSON = (NAMES.index(name) for name in ("face", "plate", "person"))
LEFT = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]
KEEP_FACES = {"when": {"class": ["face"]}, "do": "keep"}


def somebody(box: tuple[int, int, int, int] = (20, 20, 50, 60), **facts: Any) -> Somebody:
    place = Box(*(max(0, side) for side in box))
    pixels = np.full((place.y1 - place.y0, place.x1 - place.x0), 255, np.uint8)
    known = {"kind": FACE, "track": 3, "found": True, "sure": True, "pixels": lambda: [(place, pixels)]}
    sides = tuple(float(side) for side in box)
    return Somebody(box=sides, **{**known, **facts})  # type: ignore[arg-type]


def said(one: Somebody, *rules: Any) -> str:
    """`keep`, the effect's name, or nothing."""
    checked = Tracking(rules=list(rules)).rules
    bits = Rules(checked, SHAPE).say(one)
    assert bits == KEPT or bits & ((1 << EFFECT_SHIFT) - 1) == 0
    return "keep" if bits == KEPT else EFFECTS[(bits >> EFFECT_SHIFT) - 1] if bits else ""


def test_whom_no_rule_fits_is_covered() -> None:
    assert said(somebody()) == ""
    assert said(somebody(kind=PLATE), KEEP_FACES) == ""


def test_the_first_that_fits_counts() -> None:
    rules = {"when": {"class": ["plate"]}, "do": "keep"}, {"when": {"min_size": 30}, "do": "mosaic"}, KEEP_FACES
    assert said(somebody(), *rules) == "mosaic"
    assert said(somebody((20, 20, 40, 40)), *rules) == "keep"


@pytest.mark.parametrize("effect", EFFECTS)
def test_every_effect_has_its_number(effect: str) -> None:
    assert said(somebody(), {"do": effect}) == effect


def test_all_conditions_of_a_rule_must_hold() -> None:
    rule = {"when": {"class": ["face"], "track": [3], "min_size": 40, "zone": LEFT}, "do": "blur"}
    assert said(somebody(), rule) == "blur"
    for other in ({"kind": PLATE}, {"track": 4}, {"box": (20, 20, 50, 59)}, {"box": (120, 20, 150, 60)}):
        assert said(somebody(**other), rule) == "", other


def test_the_longer_side_is_the_size() -> None:
    assert said(somebody((0, 20, 41, 30)), {"when": {"min_size": 41}, "do": "blur"}) == "blur"
    assert said(somebody((0, 20, 41, 30)), {"when": {"max_size": 40}, "do": "blur"}) == ""


def test_a_rule_that_covers_fits_by_where_the_middle_of_a_box_is() -> None:
    rule = {"when": {"zone": LEFT}, "do": "blur"}
    assert said(somebody((80, 20, 118, 60)), rule) == "blur"
    assert said(somebody((82, 20, 122, 60)), rule) == ""
    assert said(somebody((-60, 20, -10, 60)), rule) == "blur", "what is seen of him is at the edge"


def test_a_rule_that_keeps_fits_who_is_in_its_zone_with_every_pixel() -> None:
    rule = {"when": {"zone": LEFT}, "do": "keep"}
    assert said(somebody((60, 20, 100, 60)), rule) == "keep"
    assert said(somebody((63, 20, 103, 60)), rule) == "", "two columns of him reach out"


def test_one_whose_pixels_cannot_be_told_is_in_no_zone() -> None:
    assert said(somebody(pixels=list), {"when": {"zone": LEFT}, "do": "keep"}) == ""


def test_a_zone_that_is_covered_is_not_opened_by_a_later_rule_for_who_reaches_into_it() -> None:
    rules = {"when": {"zone": LEFT}, "do": "mosaic"}, KEEP_FACES
    assert said(somebody((40, 20, 80, 60)), *rules) == "mosaic"
    assert said(somebody((90, 20, 130, 60)), *rules) == "mosaic"
    assert said(somebody((110, 20, 140, 60)), *rules) == "keep"
    assert said(somebody((90, 20, 130, 60)), *rules[::-1]) == "keep", "asked in their order"


def test_one_whose_pixels_cannot_be_told_is_not_kept_by_a_rule_behind_a_zone_that_is_covered() -> None:
    rules = {"when": {"zone": LEFT}, "do": "mosaic"}, KEEP_FACES
    assert said(somebody((120, 20, 150, 60)), *rules) == "keep"
    assert said(somebody((120, 20, 150, 60), pixels=list), *rules) == "mosaic"


def test_what_a_crossing_line_encloses_twice_is_no_zone_to_be_kept_in() -> None:
    star = [[0.5 + 0.48 * np.sin(turn), 0.5 - 0.48 * np.cos(turn)] for turn in 0.8 * np.pi * np.arange(5)]
    assert said(somebody((98, 48, 102, 52)), {"when": {"zone": star}, "do": "keep"}) == ""


@pytest.mark.parametrize("kind", [UNKNOWN, len(NAMES), 30_000])
def test_who_is_of_no_known_class_is_never_kept(kind: int) -> None:
    everybody = ({"do": "keep"}, KEEP_FACES, {"when": {"track": [3]}, "do": "keep"})
    assert said(somebody(kind=kind), *everybody) == ""
    assert said(somebody(kind=kind), {"do": "mosaic"}) == "mosaic"


def test_who_is_not_found_in_this_frame_is_kept_by_his_class_only() -> None:
    held = somebody(found=False)
    for when in ({"track": [3]}, {"zone": LEFT}, {"min_size": 10}, {"max_size": 90}):
        rule = {"when": when, "do": "keep"}
        assert said(somebody(), rule) == "keep"
        assert said(held, rule) == "", when
        assert said(held, {"when": when, "do": "blur"}) == "blur"
    assert said(held, KEEP_FACES) == "keep"


def test_whose_number_is_not_sure_is_not_kept_by_it() -> None:
    rule = {"when": {"track": [3]}, "do": "keep"}
    assert said(somebody(sure=False), rule) == ""
    assert said(somebody(sure=False), {"when": {"track": [3]}, "do": "blur"}) == "blur"


def test_who_is_not_followed_has_no_number() -> None:
    for deed in ("keep", "blur"):
        assert said(somebody(track=NOBODY), {"when": {"track": [3]}, "do": deed}) == ""


def test_who_may_be_larger_than_what_is_seen_of_him_is_not_kept_as_small() -> None:
    rule = {"when": {"max_size": 50}, "do": "keep"}
    assert said(somebody(), rule) == "keep"
    for box in ((0, 20, 20, 60), (20, 1, 50, 30), (180, 20, 199, 60), (20, 70, 50, 100)):
        assert said(somebody(box), rule) == "", box


TRIANGLE = [[0, 0], [1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([{"when": {"clas": ["face"]}, "do": "keep"}], "rules.0.when.clas: no such field"),
        ([{"when": {"class": ["fcae"]}, "do": "keep"}], "rules.0.when.class.0: there are face, plate, person, car"),
        ([{"when": {"class": []}, "do": "keep"}], "rules.0.when.class: list should have at least 1 item"),
        ([{"when": {"class": "face"}, "do": "keep"}], "rules.0.when.class: input should be a valid list"),
        ([{"when": {"track": []}, "do": "keep"}], "rules.0.when.track: list should have at least 1 item"),
        ([{"when": {"track": [0]}, "do": "keep"}], "rules.0.when.track.0: input should be greater than or equal to 1"),
        ([{"when": {"track": [True]}, "do": "keep"}], "rules.0.when.track.0: input should be a valid integer"),
        ([{"when": {"track": [1] * 65}, "do": "keep"}], "rules.0.when.track: list should have at most 64 items"),
        ([{"when": {"zone": TRIANGLE[:2]}, "do": "keep"}], "rules.0.when.zone: list should have at least 3 items"),
        ([{"when": {"zone": [[0, 0], [2, 0], [0, 1]]}, "do": "keep"}], "rules.0.when.zone.1.0: input should be less"),
        ([{"when": {"min_size": 0}, "do": "keep"}], "rules.0.when.min_size: input should be greater"),
        ([{"when": {"min_size": 9, "max_size": 8}, "do": "keep"}], "rules.0.when: min_size 9 is above max_size 8"),
        ([{"do": "hide"}], "rules.0.do: input should be 'keep', 'solid', 'mosaic'"),
        ([{"when": {"class": ["face"]}}], "rules.0.do: is missing"),
        ([KEEP_FACES, {"do": "keep", "unless": {}}], "rules.1.unless: no such field"),
        ([KEEP_FACES] * 65, "rules: list should have at most 64 items"),
        ([{"when": {"zone": TRIANGLE * 20}, "do": "keep"}] * 40, "rules: "),
        (KEEP_FACES, "rules: input should be a valid list"),
        ("keep", "rules: input should be a valid list"),
    ],
)
def test_what_is_no_rule_is_refused_with_its_place(rules: Any, words: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Tracking(rules=rules)
    told = explain(refusal.value, Tracking, {"rules": rules})
    assert told.startswith(words)
    assert "\n" not in told


def test_the_longest_rules_and_zones_that_are_allowed_fit_into_a_message() -> None:
    zone = [[0.1234, 0.5678]] * 15
    zones = [zone] * 31 + [zone + [[0.1234, 0.5678]] * 20]
    assert sum(map(len, zones)) == MOST_IN_ALL
    rule = {"when": {"zone": [[0.1234, 0.5678]] * 3, "track": [10_000]}, "do": "silhouette"}
    rules = [rule] * 64
    while len(json.dumps(rules)) > MOST_SAID:
        rules.pop()
    assert len(rules) > 45
    lists = {"kept": list(range(10_000, 10_256)), "chosen": list(range(10_000, 10_256))}
    stage = Tracking(hide=zones, spare=zones, rules=rules, **lists)
    assert len(json.dumps(stage.model_dump())) < MAX_OPTIONS
    with pytest.raises(ValidationError, match="fewer corners or numbers"):
        Tracking(rules=[{"when": {"zone": zone, "track": [2**31 - 1] * 64}, "do": "keep"}] * 10)


def test_rules_stay_the_plain_data_that_they_were_given_as() -> None:
    rules = [{"when": {"class": ["face"], "zone": [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]}, "do": "keep"}, {"do": "blur"}]
    stage = Tracking(rules=rules)
    assert stage.rules == rules
    assert json.loads(json.dumps(stage.model_dump()))["rules"] == rules
