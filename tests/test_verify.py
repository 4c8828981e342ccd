"""A second look at an output: what it still shows is found, what was covered or drawn over is not; repair ends it."""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from models.classes import NAMES
from pipeline.cli import verify as command
from pipeline.cli import verify_manifest, verifying
from pipeline.cli.verifying import Wish, look_over
from pipeline.errors import ConfigError
from pipeline.frame import EFFECT_SHIFT, EFFECTS, KEPT, OBJECT, FrameSpec, Image
from stages.privacy import review
from stages.privacy.alike import detail, share_left
from stages.privacy.repair import GROW, MARGIN, Repair, places_of, written
from stages.privacy.review import Seen
from stages.privacy.sightings import Sighting, Span, Spans
from tests.clips import DATA, make_clip, needs
from tests.frames import blank_frame

RATE = Fraction(25)
SIZE = 24  # pixels of what stands for a face
CROWD = DATA / "panclips" / "faces_crowd.mp4"


def scene(number: int) -> Image:
    """A lively background without anybody in it."""
    y, x = np.mgrid[0:96, 0:160]
    image = np.empty((96, 160, 3), np.uint8)
    for channel in range(3):
        image[..., channel] = 110 + 40 * np.sin(x / 9 + channel) + 30 * np.cos(y / 7)
    return image


def place(number: int) -> tuple[int, int]:
    """Where the thing is in that picture: it walks from left to right."""
    return 10 + 3 * number, 30


def thing() -> Image:
    """What the stub detector takes for a face: a red checkerboard, which no mosaic leaves."""
    tiles = np.indices((SIZE, SIZE)).sum(0) // 3 % 2
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    image[..., 2], image[..., 1] = np.where(tiles, 250, 120), np.where(tiles, 60, 0)
    return image


def pictures(frames: int, *, uncovered: Sequence[int] = (), cover: Any = (0, 0, 0)) -> list[Image]:
    """The thing is on each; `cover` is painted over it where it is not `uncovered`."""
    made = []
    for number in range(frames):
        image, (x, y) = scene(number), place(number)
        image[y : y + SIZE, x : x + SIZE] = thing() if number in uncovered else cover
        made.append(image)
    return made


def find_red(image: Image) -> list[Seen]:
    """A detector of whatever is rather red, as one thing with its box."""
    red = (image[..., 2].astype(int) - image[..., 0] > 70) & (image[..., 2].astype(int) - image[..., 1] > 40)
    if red.sum() < 60:
        return []
    y, x = np.nonzero(red)
    return [Seen("face", 0.9, (float(x.min()), float(y.min()), float(x.max() + 1), float(y.max() + 1)))]


def find_always(image: Image) -> list[Seen]:
    """A detector that sees a face where the thing is in the first picture, whatever is there."""
    x, y = place(0)
    return [Seen("face", 0.9, (x, y, x + SIZE, y + SIZE))]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "raw.mp4", pictures(20, uncovered=range(20)), rate=RATE, options={"crf": "18"})


def clip(folder: Path, name: str = "out.mp4", **options: Any) -> str:
    return str(make_clip(folder / name, pictures(20, **options), rate=RATE, options={"crf": "23"}))


def test_what_was_left_uncovered_is_found_with_its_times_and_its_place(tmp_path: Path, raw: Path) -> None:
    out = clip(tmp_path, uncovered=range(7, 11))
    for against in (None, str(raw)):
        (span,) = look_over(Wish(out, against), look=find_red, quiet=True).spans
        assert (span.first.frame, span.last.frame) == (7, 10)
        assert span.first.time == pytest.approx(7 / 25, abs=0.001)
        x, y = place(span.best.frame if span.best else -1)
        assert span.best is not None
        assert np.abs(np.array(span.best.box) - (x, y, x + SIZE, y + SIZE)).max() <= 3
        assert (span.best.left is None) == (against is None)
        assert (span.best.left or 1.0) > 0.7


def test_nothing_is_found_in_what_is_covered(tmp_path: Path, raw: Path) -> None:
    out = clip(tmp_path)
    assert look_over(Wish(out, str(raw)), look=find_red, quiet=True).spans == []
    outcome = look_over(Wish(out), look=find_always, quiet=True)  # a detector that takes the black for a face
    assert outcome.spans == []
    assert outcome.counts.dismissed["one colour"] > 0


def test_what_is_drawn_in_its_place_is_none_that_is_left_beside_the_input(tmp_path: Path, raw: Path) -> None:
    other = np.ascontiguousarray(np.roll(thing(), 7, 0)[:, ::-1])
    other[::5] = (0, 0, 255)
    out = clip(tmp_path, cover=other)
    assert look_over(Wish(out), look=find_red, quiet=True).spans != []
    assert look_over(Wish(out, str(raw)), look=find_red, quiet=True).spans == []


def test_what_only_the_input_gives_away_counts_where_the_output_shows_it(tmp_path: Path, raw: Path) -> None:
    """A detector that is blind to the output's encoding is not blind to the input."""
    out, seen = clip(tmp_path, uncovered=range(20)), iter(range(1000))

    def every_other(image: Image) -> list[Seen]:
        return find_red(image) if next(seen) % 2 else []  # first the output's picture, then the input's

    (span,) = look_over(Wish(out, str(raw)), look=every_other, quiet=True).spans
    assert {one.seen_in for one in span.sightings} == {"input"}
    assert len(span.sightings) == 20


def test_a_dropped_frame_shifts_nothing(tmp_path: Path, raw: Path) -> None:
    """Shifted by one, the thing would be beside its own place, and what is left would look changed."""
    kept = [number for number in range(20) if number not in (0, 5, 6)]
    images = pictures(20, uncovered=range(20))
    stamps = [number * 512 for number in kept]
    path = make_clip(tmp_path / "out.mp4", [images[number] for number in kept], rate=RATE, pts=stamps)
    outcome = look_over(Wish(str(path), str(raw)), look=find_red, quiet=True)
    assert outcome.counts.unmatched == 0
    assert sum(len(span.sightings) for span in outcome.spans) == len(kept)


def test_a_part_of_the_input_goes_with_it_by_its_start(tmp_path: Path, raw: Path) -> None:
    images = pictures(20, uncovered=range(20))[8:]
    path = str(make_clip(tmp_path / "part.mp4", images, rate=RATE))
    (span,) = look_over(Wish(path, str(raw), shift=8 / 25), look=find_red, quiet=True).spans
    assert len(span.sightings) == 12
    with pytest.raises(ConfigError, match=r"has no picture for .* --start"):
        look_over(Wish(path, str(raw), shift=30.0), look=find_red, quiet=True)


@pytest.mark.parametrize(("effect", "left"), [("sticker", False), ("solid", True), ("", True), ("kept", False)])
def test_without_the_input_the_audit_says_what_was_drawn_and_what_was_kept(
    tmp_path: Path, effect: str, left: bool
) -> None:
    out = clip(tmp_path, uncovered=range(20))
    flags = KEPT if effect == "kept" else (EFFECTS.index(effect) + 1) << EFFECT_SHIFT if effect else 0
    rows = [[1, NAMES.index("face"), flags, *place(at), place(at)[0] + SIZE, place(at)[1] + SIZE] for at in range(20)]
    shields = (verify_manifest._shield([row], "solid") for row in rows)
    outcome = look_over(Wish(out), look=find_red, shields=shields, quiet=True)
    assert bool(outcome.spans) == left


def test_what_the_audit_takes_for_drawn_is_not_believed_beside_the_input(tmp_path: Path, raw: Path) -> None:
    out = clip(tmp_path, uncovered=range(20))
    for words, left in (("sticker drawn over it", True), (review.KEPT, False)):
        shields = (lambda name, box, said=words: said for _ in range(20))
        assert bool(look_over(Wish(out, str(raw)), look=find_red, shields=shields, quiet=True).spans) == left


def test_a_weak_sighting_must_come_again() -> None:
    spans, picture = Spans(), np.zeros((40, 40, 3), np.uint8)
    for frame in range(3):
        near = Sighting(frame, frame / 25, "face", 0.3, (5 + frame, 5, 15 + frame, 15))
        spans.add([near] if frame else [near, Sighting(0, 0.0, "face", 0.3, (30, 30, 38, 38))], picture)
    spans.add([Sighting(3, 0.12, "face", 0.9, (28, 2, 38, 12))], picture)
    assert [(len(span.sightings), span.believed(100)) for span in spans.found] == [(3, True), (1, False), (1, True)]
    assert not spans.found[0].believed(100, sure=0.4)


@pytest.mark.parametrize("cells", [1, 4])
def test_a_mosaic_leaves_nothing_and_an_encoder_leaves_nearly_all(raw: Path, cells: int) -> None:
    face = np.random.default_rng(7).integers(0, 256, (48, 48, 3), np.uint8)
    side = 48 // cells
    coarse = face.reshape(cells, side, cells, side, 3).mean((1, 3)).repeat(side, 0).repeat(side, 1).astype(np.uint8)
    noisy = np.clip(face.astype(int) + np.random.default_rng(8).normal(0, 8, face.shape), 0, 255).astype(np.uint8)
    assert share_left(coarse, face) < 0.05
    assert share_left(noisy, face) > 0.95
    assert share_left(np.zeros_like(face), face) == 0
    half = face.copy()
    half[:, :24] = 0
    assert 0.3 < share_left(half, face) < 0.6
    assert detail(np.zeros_like(face)) == 0 < detail(face)


def test_what_is_seen_in_the_mirror_is_where_it_is() -> None:
    frame = blank_frame(FrameSpec(width=100, height=40))
    rows = np.zeros(1, OBJECT)
    rows["cls"], rows["score"], rows["box"] = NAMES.index("dog"), 0.8, (10, 5, 30, 25)
    frame.put_found(rows)
    frame.labels[5:25, 10:20] = 1
    (one,) = review._unmirrored(frame)
    assert (one.name, one.box) == ("dog", (70, 5, 90, 25))
    assert one.outline is not None
    assert one.outline[:, 10:].all()
    assert not one.outline[:, :10].any()


def test_repair_covers_each_span_grown_and_somewhat_longer() -> None:
    spec = FrameSpec(width=160, height=96)
    span = Span("face", [Sighting(at, at / 25, "face", 0.9, (20.0 + at, 30, 44.0 + at, 54)) for at in (10, 14)])
    places = places_of([span])
    assert sorted(places) == list(range(10 - MARGIN, 14 + MARGIN + 1))
    assert places[12][0][1] == pytest.approx((32 - 24 * GROW, 30 - 24 * GROW, 56 + 24 * GROW, 54 + 24 * GROW))
    assert set(json.loads(json.dumps(written(places, 160, 96)))["places"]) == {str(at) for at in places}
    stage, frame = Repair(places="unused"), blank_frame(spec, 12)
    stage._places = places
    stage.process(frame)
    assert (frame.mask[30:54, 32:56] == 255).all()
    assert frame.mask[:, 70:].max() == 0
    assert len(frame.objects) == 1
    frame.index = 60
    stage.process(frame)
    assert frame.mask.max() == 0
    assert len(frame.objects) == 0


# From outside


def called(monkeypatch: pytest.MonkeyPatch, look: Any, output: str, **options: Any) -> int:
    """The exit code of `cleanplate verify`, with this detector in the place of networks."""
    monkeypatch.setattr(verifying, "fetch", lambda *_, **__: None)
    known = look_over

    def with_stub(wish: Wish, **more: Any) -> Any:
        return known(wish, look=look, **more)

    monkeypatch.setattr(verifying, "look_over", with_stub)
    try:
        command.verify(output, **options)
    except typer.Exit as ending:
        return ending.exit_code
    return 0


def test_the_result_goes_to_files_that_only_their_owner_may_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page, result = tmp_path / "left.html", tmp_path / "left.json"
    out = clip(tmp_path, uncovered=range(4, 9))
    assert called(monkeypatch, find_red, out, html=page, json=str(result)) == 1
    (left,) = json.loads(result.read_text())["left"]
    assert (left["class"], left["first"]["frame"], left["last"]["frame"]) == ("face", 4, 8)
    assert left["picture"].startswith("data:image/png;base64,")
    assert left["picture"] in page.read_text()
    assert {stat.S_IMODE(path.stat().st_mode) for path in (page, result)} == {0o600}
    assert "1 left" in capsys.readouterr().out
    assert called(monkeypatch, find_red, clip(tmp_path, "covered.mp4"), json="-") == 0
    assert json.loads(capsys.readouterr().out)["result"] == "clean"


@pytest.mark.real
def test_repair_makes_it_pass_and_touches_nothing_else(
    tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    out, new = clip(tmp_path, uncovered=range(9, 12)), str(tmp_path / "new.mp4")
    assert called(monkeypatch, find_red, out, against=str(raw), repair=new, quiet=True) == 0
    before, after = ([image.copy() for _, image in review.Film(path)] for path in (out, new))
    assert len(after) == 20
    x, y = place(10)
    assert after[10][y : y + SIZE, x : x + SIZE].max() < 30
    far = [np.abs(a.astype(int) - b)[:, 120:].mean() for a, b in zip(before, after, strict=True)]
    assert max(far) < 3
    with pytest.raises(ConfigError, match="would replace"):
        called(monkeypatch, find_red, out, repair=out)


@pytest.mark.long
@pytest.mark.real
def test_what_cannot_be_repaired_is_said_after_three_rounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    lively = np.random.default_rng(3).integers(60, 256, (24, 40, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    path = str(make_clip(tmp_path / "out.mp4", [lively] * 3, rate=RATE))

    def stubborn(image: Image) -> list[Seen]:
        """As soon as one is covered, the next is seen."""
        free = [x for x in range(0, 160, 40) if image[40:56, x + 8 : x + 24].max() > 50]
        return [Seen("face", 0.9, (x + 8.0, 40.0, x + 24.0, 56.0)) for x in free[:1]]

    assert called(monkeypatch, stubborn, path, repair=str(tmp_path / "new.mp4")) == 1
    said = capsys.readouterr()
    assert "repair 3" in said.err
    assert "repair 4" not in said.err
    assert "new.mp4: 1 left" in said.out


def test_neither_an_output_nor_a_manifest_is_bad_usage(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="verify what"):
        command.verify()
    with pytest.raises(ConfigError, match="--head: goes with"):
        command.verify("a.mp4", head="0")
    with pytest.raises(ConfigError, match="cannot be read"):
        command.verify(manifest=tmp_path / "none")


def test_a_real_face_put_into_a_covered_clip_is_found_and_none_without_it(tmp_path: Path) -> None:
    """Everything that looks like a face to the same eyes is covered first, then one face of the original comes back."""
    images = [image.copy() for _, (_, image) in zip(range(2), review.Film(str(needs(CROWD))), strict=False)]
    raw = str(make_clip(tmp_path / "raw.mp4", images, rate=RATE, options={"crf": "18"}))
    eyes = review.Eyes([{**fields, "tiles": 0} for fields in verifying.options_of(Wish(raw))], mirrored=False)
    eyes.set_up(review.Film(raw).spec)
    boxes = [one.box for image in images for one in eyes(image)]
    covered = []
    for image in images:
        clean = image.copy()
        for x0, y0, x1, y1 in boxes:
            wide, high = 0.25 * (x1 - x0), 0.25 * (y1 - y0)
            clean[max(0, int(y0 - high)) : int(y1 + high), max(0, int(x0 - wide)) : int(x1 + wide)] = 0
        covered.append(clean)
    out = str(make_clip(tmp_path / "covered.mp4", covered, rate=RATE, options={"crf": "23"}))
    assert look_over(Wish(out, raw, confidence=0.5), look=eyes, quiet=True).spans == []
    for clean, image in zip(covered, images, strict=True):
        clean[50:125, 165:260] = image[50:125, 165:260]
    out = str(make_clip(tmp_path / "leaking.mp4", covered, rate=RATE, options={"crf": "23"}))
    spans = look_over(Wish(out, raw, confidence=0.5), look=eyes, quiet=True).spans
    assert spans
    assert all(165 <= (box[0] + box[2]) / 2 <= 260 for span in spans for box in [span.best.box if span.best else ()])
