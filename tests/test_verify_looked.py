"""A second look that could not look, or looked beside something else, never says that nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.cli.verify import lines
from pipeline.cli.verify_manifest import MOST_APART, in_order
from pipeline.cli.verify_page import as_json
from pipeline.cli.verifying import UNSURE, Wish, look_over
from pipeline.errors import ConfigError
from stages.privacy import review
from stages.privacy.alike import akin
from stages.privacy.review import Seen
from stages.privacy.sightings import Sighting, Span
from tests.clips import make_clip
from tests.test_verify import RATE, clip, find_red, scene


def test_a_picture_that_cannot_be_read_is_not_one_in_which_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = review.Auto.pick

    def spoilt(path: str) -> Any:
        kind = known(path)

        class Spoilt(kind):  # type: ignore[misc, valid-type]
            def frames(self) -> Iterator[None]:
                for number, _ in enumerate(super().frames()):
                    self.frame.rejected = "damaged" if number in (3, 4) else ""
                    yield

        return Spoilt

    monkeypatch.setattr(review.Auto, "pick", staticmethod(spoilt))
    outcome = look_over(Wish(clip(tmp_path)), look=find_red, quiet=True)
    assert (outcome.counts.looked, outcome.counts.unread, outcome.result) == (18, 2, "unread")
    assert "2 more frames could not be read" in "".join(lines(as_json(outcome)))


def test_beside_something_else_it_is_refused(tmp_path: Path) -> None:
    """Everything that is left would look changed, and nothing would be found."""
    noise = np.random.default_rng(1).integers(0, 256, (20, 24, 40, 3), np.uint8).repeat(4, 1).repeat(4, 2)
    other = str(make_clip(tmp_path / "other.mp4", list(noise), rate=RATE, options={"crf": "18"}))
    with pytest.raises(ConfigError, match="shows something else"):
        look_over(Wish(clip(tmp_path, uncovered=range(20)), other), look=find_red, quiet=True)


def test_a_picture_is_akin_to_itself_under_any_cover_and_to_no_other() -> None:
    was, covered = scene(0), scene(0)
    covered[:, :120] = 0
    assert akin(covered, was)
    assert akin(np.zeros_like(was), was)
    assert not akin(np.ascontiguousarray(255 - was), was)


def test_what_is_too_weak_to_be_believed_is_counted_and_listed_where_it_is_wished(tmp_path: Path) -> None:
    out = clip(tmp_path, uncovered=range(4, 6))

    def weakly(image: Any) -> list[Seen]:
        return [Seen(one.name, 0.45, one.box) for one in find_red(image)]

    outcome = look_over(Wish(out), look=weakly, quiet=True)
    assert (outcome.result, outcome.counts.dismissed[UNSURE]) == ("clean", 2)
    assert f"2 sightings were {UNSURE}" in "".join(lines(as_json(outcome)))
    assert len(look_over(Wish(out, confidence=0.4), look=weakly, quiet=True).spans) == 1


def test_fewer_looks_are_enough_where_only_some_frames_are_looked_at() -> None:
    span = Span("face", [Sighting(0, 0.0, "face", 0.4, (0, 0, 9, 9))])
    span.best = span.sightings[0]
    assert not span.believed(100, 0.3)
    assert span.believed(100, 0.3, every=5)


def test_what_is_known_of_a_frame_is_told_of_that_frame_and_of_no_other() -> None:
    def told(*given: dict[str, Any], **more: Any) -> list[int]:
        return [line["i"] for line in in_order(iter(given), ["file", "cover"], **more)]

    missed = {"i": 2, "missed": ["page"]}, {"i": 3, "missed": ["file"]}
    assert told({"i": 1}, {"i": 0}, *missed, {"i": 4}) == [0, 1, 2, 4]
    assert told({"i": 0}, missed[0], {"i": 4}, known=False) == [0]
    late = [{"i": at} for at in range(1, MOST_APART + 9)]
    assert 0 not in told(*late, {"i": 0}, {"i": MOST_APART + 9})
    assert len(told(*late, {"i": 0}, {"i": MOST_APART + 9})) < 20  # and nothing is said of what comes after it
