"""The stage Tracking with rules: who is kept and who is covered in which way, where numbers are in doubt, what wins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.classes import NAMES
from pipeline.frame import EFFECT_SHIFT, EFFECTS, HELD, KEPT, LOW, Frame
from pipeline.tuning import tune
from stages.inpainting import Plate
from stages.tracking import Tracking
from stages.tracking.crowd import MOST
from stages.tracking.doubts import APART, LAPSE
from tests.frames import Bench, scenery
from tests.test_choosing import crowd_of
from tests.test_tracking import HEIGHT, SPEC, TOP, WIDTH, ahead, picture, recall, sights, truth, walked

FACE, PLATE = NAMES.index("face"), NAMES.index("plate")
LEFT_HALF = [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]
KEEP_FIRST = {"when": {"track": [1]}, "do": "keep"}
KEEP_LEFT = {"when": {"zone": LEFT_HALF}, "do": "keep"}
KEEP_FACES = {"when": {"class": ["face"]}, "do": "keep"}


def bench(*rules: Any, **options: Any) -> Bench:
    return Bench(Tracking(rules=list(rules), **options), SPEC)


def seen(*places: tuple[int, float], classes: tuple[int, ...] = (), **kind: Any) -> dict[str, np.ndarray]:
    """Sights, best first; `classes` in that order."""
    found = sights(*places, **kind)
    for row, cls in enumerate(classes):
        found["found"]["rows"][0, row]["cls"] = cls
    return found


def shown(run: Bench, *places: tuple[int, float], seed: int = 0, there: tuple[int, ...] = (), **kind: Any) -> Frame:
    lefts = there or tuple(left for left, _ in places)
    return run.frame(image=picture(*lefts, seed=seed), **seen(*places, **kind))


def flags(frame: Frame) -> dict[int, int]:
    return {int(row["track"]): int(row["flags"]) for row in frame.objects}


def bits(effect: str) -> int:
    return 1 + EFFECTS.index(effect) << EFFECT_SHIFT


def test_who_is_kept_is_not_masked_and_others_get_their_effect() -> None:
    frame = shown(
        bench(KEEP_FACES, {"when": {"class": ["plate"]}, "do": "mosaic"}), (20, 0.9), (120, 0.8), classes=(FACE, PLATE)
    )
    assert flags(frame) == {1: KEPT, 2: bits("mosaic")}
    assert ((frame.mask > 0) == truth(120)).all()


def test_who_no_rule_fits_is_masked_as_ever() -> None:
    plain, ruled = Bench(Tracking(), SPEC), bench(KEEP_FACES, {"when": {"track": [77]}, "do": "keep"})
    for seed in range(4):
        frames = [shown(run, (20 + 4 * seed, 0.9), (120, 0.8), seed=seed) for run in (plain, ruled)]
        assert (frames[0].mask == frames[1].mask).all()
        assert frames[0].objects.tobytes() == frames[1].objects.tobytes()
    frames = [shown(run, there=(36, 120), seed=9) for run in (plain, ruled)]
    assert (frames[0].mask == frames[1].mask).all()


def test_who_walks_out_of_the_zone_is_masked_with_the_first_pixel_that_leaves_it() -> None:
    run = bench(KEEP_LEFT)
    for seed, left in enumerate((60, 65, 70)):
        assert not shown(run, (left, 0.9), seed=seed).mask.any()
    frame = shown(run, (75, 0.9), seed=5)  # from 75 to 105: a zone of 0 to 100
    assert recall(frame, 75) == 1
    assert flags(frame) == {1: 0}


def test_a_limb_that_is_carried_on_outside_of_the_zone_counts() -> None:
    run = bench(KEEP_LEFT, carry=3)
    walked(run, [72, 72])
    lost = sights((72, 0.9))
    lost["labels"][:, 98:] = 0
    assert run.frame(image=picture(72, seed=7), **lost).mask.any()


def test_who_is_not_found_is_masked_where_he_must_be_though_he_is_in_the_zone() -> None:
    run = bench(KEEP_LEFT)
    for seed in range(3):
        shown(run, (40, 0.9), seed=seed)
    frame = shown(run, there=(40,), seed=8)
    assert flags(frame) == {1: HELD}
    assert recall(frame, 40) > 0.95


def test_whose_class_is_kept_is_kept_where_he_is_held_too() -> None:
    run = bench(KEEP_FACES)
    for seed in range(3):
        shown(run, (40, 0.9), seed=seed, classes=(FACE,))
    assert not shown(run, there=(40,), seed=8).mask.any()


def test_who_is_taken_for_something_else_in_a_frame_is_masked_in_it() -> None:
    run = bench(KEEP_FACES)
    for cls, masked in ((FACE, False), (FACE, False), (PLATE, True), (FACE, False)):
        assert shown(run, (40, 0.9), classes=(cls,)).mask.any() == masked
    began_as_plate = bench(KEEP_FACES)
    assert shown(began_as_plate, (40, 0.9), classes=(PLATE,)).mask.any()
    assert shown(began_as_plate, (40, 0.9), classes=(FACE,)).mask.any()


def test_a_class_without_a_name_is_masked() -> None:
    assert recall(shown(bench({"do": "keep"}), (40, 0.9), classes=(999,)), 40) == 1


def test_who_is_kept_by_his_number_is_masked_in_the_frames_in_which_he_is_not_found() -> None:
    run = bench(KEEP_FIRST)
    for seed in range(3):
        assert not shown(run, (40, 0.9), seed=seed).mask.any()
    gap = [shown(run, there=(40,), seed=9 + n) for n in range(LAPSE - 1)]
    assert all(recall(frame, 40) > 0.95 and flags(frame) == {1: HELD} for frame in gap)
    assert not shown(run, (40, 0.9), seed=20).mask.any(), "a short gap, and nobody near"


def test_who_was_not_found_for_longer_is_masked_for_good_until_he_is_named_anew() -> None:
    run = bench(KEEP_FIRST)
    for seed in range(3):
        shown(run, (40, 0.9), seed=seed)
    for n in range(LAPSE):
        shown(run, there=(40,), seed=9 + n)
    for seed in range(10):
        frame = shown(run, (40, 0.9), seed=seed)
        assert flags(frame) == {1: 0}
        assert recall(frame, 40) == 1
    for rules in ([], [KEEP_FIRST]):
        tune(run.stage, {}, {"rules": rules})
        frame = shown(run, (40, 0.9), seed=30)
    assert flags(frame) == {1: KEPT}


def test_a_rule_for_somebody_else_ends_no_doubt_and_one_frame_without_his_number_does() -> None:
    run = bench(KEEP_FIRST)
    walked(run, [40, 40, 40])
    for n in range(LAPSE):
        shown(run, there=(40,), seed=9 + n)
    other = {"when": {"track": [9]}, "do": "keep"}
    for rules, kept in (([KEEP_FIRST, other], False), ([other], False), ([KEEP_FIRST, other], True)):
        tune(run.stage, {}, {"rules": rules})
        assert bool(flags(shown(run, (40, 0.9), seed=30))[1] & KEPT) == kept


def test_who_meets_another_is_masked_and_so_are_both_until_they_were_found_apart() -> None:
    run = bench(KEEP_FIRST)
    frames = [shown(run, (20, 0.9), (left, 0.8), seed=left) for left in (90, 80, 70, 60, 50, 60, 70, 80, 90)]
    assert [flags(frame) for frame in frames[:4]] == [{1: KEPT, 2: 0}] * 4
    assert flags(frames[4]) == {1: 0, 2: 0}
    assert recall(frames[4], 20) == recall(frames[4], 50) == 1
    stays = [bool(flags(frame)[1] & KEPT) for frame in frames[5:]]
    assert stays == [False] * (APART - 1) + [True] * 2


def test_who_meets_another_and_one_is_not_found_meanwhile_is_masked_for_good() -> None:
    run = bench(KEEP_FIRST)
    shown(run, (20, 0.9), (90, 0.8))
    shown(run, (20, 0.9), (60, 0.8), seed=1)
    shown(run, (44, 0.8), there=(20, 44), seed=2)
    for n in range(10):
        frame = shown(run, (20, 0.9), (120, 0.8), seed=3 + n)
        assert not any(row["flags"] & KEPT for row in frame.objects)
        assert recall(frame, 20) == recall(frame, 120) == 1


def test_another_kind_that_lies_over_him_raises_no_doubt() -> None:
    run = bench(KEEP_FIRST)
    shown(run, (20, 0.9), classes=(FACE,))
    frame = shown(run, (20, 0.9), (44, 0.8), seed=1, classes=(FACE, 2))
    assert flags(frame)[1] == KEPT


def test_a_protected_face_in_somebody_who_is_kept_is_masked_though_its_pixels_are_labelled_as_his() -> None:
    """The better scored of two keeps the pixels of both: here the person's, and the face has but a rim of its own."""
    run = bench({"when": {"class": ["person"]}, "do": "keep"})
    both = seen((20, 0.9))
    table = both["found"]
    table["rows"][0, 1]["box"], table["rows"][0, 1]["score"] = (30, TOP + 4, 40, TOP + 16), 0.5
    table["rows"][0, 1]["cls"], table["rows"][0, 1]["track"], table["count"] = FACE, -1, 2
    frame = run.frame(image=picture(20), **both)
    assert sorted(int(row["flags"]) for row in frame.objects) == [0, KEPT]
    assert (frame.mask[TOP + 4 : TOP + 16, 30:40] == 255).all()
    assert (frame.mask[TOP + 1 : TOP + 19, 28:42] == 255).all(), "as much more as a face is enlarged by"
    assert not frame.mask[TOP + 30 :].any()
    for seed in (1, 2):
        run.frame(image=picture(20, seed=seed), **both)
    held = run.frame(image=picture(20, seed=3), **seen((20, 0.9)))
    assert (held.mask[TOP + 5 : TOP + 15, 31:39] == 255).all(), "where the face must be"


def test_it_is_the_same_where_the_person_is_kept_by_a_click() -> None:
    run = Bench(Tracking(kept=[1]), SPEC)
    both = seen((20, 0.9))
    both["found"]["rows"][0, 1]["box"], both["found"]["rows"][0, 1]["score"] = (30, TOP + 4, 40, TOP + 16), 0.5
    both["found"]["rows"][0, 1]["cls"], both["found"]["count"] = FACE, 2
    assert (run.frame(image=picture(20), **both).mask[TOP + 4 : TOP + 16, 30:40] == 255).all()


def test_who_cannot_be_followed_is_kept_by_class_and_never_by_a_number() -> None:
    crowd = crowd_of(MOST + 20)
    crowd["found"]["rows"]["cls"][0, : MOST + 20] = FACE
    numbers = bench({"when": {"track": [5, *range(MOST + 1, MOST + 40)]}, "do": "keep"}, overlap=0)
    frame = numbers.frame(image=picture(), **crowd)
    assert sum(bool(row["flags"] & KEPT) for row in frame.objects) == 1
    everybody = bench(KEEP_FACES).frame(image=picture(), **crowd)
    assert not everybody.mask.any()
    assert all(row["flags"] == KEPT for row in everybody.objects)


def test_hidden_zones_win_over_whoever_is_kept() -> None:
    frame = shown(bench({"do": "keep"}, hide=[LEFT_HALF]), (85, 0.9))
    assert flags(frame) == {1: KEPT}
    assert (frame.mask[:, :99] == 255).all()
    assert not frame.mask[:, 102:].any()


def test_who_is_not_chosen_stays_and_rules_speak_of_the_others() -> None:
    run = bench({"when": {"class": ["face"]}, "do": "blur"}, remove="chosen", chosen=[2])
    assert flags(shown(run, (20, 0.9), (120, 0.8), classes=(FACE, FACE))) == {1: KEPT, 2: bits("blur")}


def test_what_a_look_ahead_shows_of_somebody_is_masked_though_he_is_kept_by_his_number() -> None:
    """He is not found in this very frame."""
    masks = []
    for rule in (KEEP_FIRST, {"when": {"class": ["person"]}, "do": "keep"}):
        run = bench(rule)
        for seed, left in enumerate((20, 24, 28)):
            shown(run, (left, 0.9), seed=seed)
        masks.append(ahead(run, picture(32, seed=3), sights(), [(36, (36, 0.9)), (40, (40, 0.9))]).mask.copy())
    assert masks[0].any()
    assert not masks[1].any()


def test_after_a_cut_nobody_has_the_number_that_is_kept() -> None:
    run = bench(KEEP_FIRST)
    walked(run, [20, 20, 20])
    frame = run.frame(image=scenery(HEIGHT, WIDTH, seed=9), **sights((20, 0.9)))
    assert recall(frame, 20) == 1


def test_a_frame_that_is_done_again_is_ruled_the_same() -> None:
    run = bench(KEEP_FIRST)
    for n in range(3):
        shown(run, (20, 0.9), (44 + 10 * n, 0.8), seed=n)
    again = {"image": picture(20, 100, seed=9), **seen((20, 0.9), (100, 0.8))}
    first, second = run.peek(**again), run.frame(**again)
    assert (first.mask == second.mask).all()
    assert first.objects.tobytes() == second.objects.tobytes()
    assert first.choice == second.choice


def test_the_choice_is_another_one_when_rules_are_and_when_somebody_comes_to_be_masked() -> None:
    run = bench(KEEP_LEFT)
    told = [shown(run, (20, 0.9), seed=n).choice for n in range(3)]
    assert len(set(told)) == 1
    outside = shown(run, (75, 0.9), there=(20,), seed=4).choice  # the same one, or another: he is masked now
    assert outside != told[0]
    assert shown(run, (75, 0.9), seed=5).choice == shown(run, (75, 0.9), seed=6).choice
    tune(run.stage, {}, {"rules": [KEEP_FACES]})
    other = shown(run, (75, 0.9), seed=7).choice
    tune(run.stage, {}, {"rules": []})
    assert len({told[0], outside, other, shown(run, (75, 0.9), seed=8).choice}) == 4


@pytest.mark.parametrize("out", ["of the zone", "of sight"])
def test_who_was_kept_and_comes_to_be_masked_is_not_in_the_plate_of_the_room(out: str) -> None:
    """Nobody said anything new, but he stood there in full sight and is masked now."""
    rule = KEEP_LEFT if out == "of the zone" else KEEP_FIRST
    run, plate = bench(rule, hold=0.2), Bench(Plate(shadows=False), SPEC)
    for seed in range(20):
        left = 60 if seed < 12 or out == "of sight" else 75
        found = () if out == "of sight" and 8 <= seed < 15 else ((left, 0.9),)
        image = picture(left, seed=seed)
        ruled = run.frame(image=image, **seen(*found))
        frame = plate.frame(image=image, mask=ruled.mask, objects=ruled.planes["objects"])
        if seed > 14:
            assert recall(frame, left) == 1
            known = truth(left) & truth(60) & (frame.rest == 0)
            likeness = np.abs(frame.filled[known].astype(int) - image[known])
            assert not known.any() or likeness.mean() > 100, "invented was black; he himself would fill his place"
        plate.finished = frame  # its `clean` is black


def test_what_is_hardly_seen_of_who_is_kept_is_not_masked() -> None:
    run = bench(KEEP_FIRST)
    walked(run, [80, 80])
    frame = run.frame(image=picture(80, seed=5), **sights((80, 0.12)))
    assert flags(frame) == {1: LOW | KEPT}
    assert not frame.mask.any()
