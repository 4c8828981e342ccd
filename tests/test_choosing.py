"""The stage Tracking where not everybody is removed: who is kept or not chosen stays, under a number that stays."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.frame import HELD, KEPT, STANDARD_PLANES, Frame
from pipeline.reading import explain
from pipeline.tuning import tune
from stages.inpainting import Plate
from stages.tracking import Tracking
from stages.tracking.crowd import MOST
from tests.frames import Bench, scenery
from tests.test_tracking import HEIGHT, SPEC, TOP, WIDTH, ahead, picture, recall, sights, truth, walked

LEFT, RIGHT = (20, 0.9), (120, 0.8)  # the better scored one is found first, and has the number 1


def numbers(frame: Frame) -> dict[int, int]:
    """Left edges of those who are there, with their numbers."""
    return {int(row["box"][0]): int(row["track"]) for row in frame.objects}


def flags(frame: Frame) -> dict[int, int]:
    return {int(row["track"]): int(row["flags"]) for row in frame.objects}


def both(bench: Bench, seed: int = 0) -> Frame:
    return bench.frame(image=picture(20, 120, seed=seed), **sights(LEFT, RIGHT))


def test_who_is_kept_stays_and_the_other_one_goes() -> None:
    frame = both(Bench(Tracking(kept=[1]), SPEC))
    assert numbers(frame) == {20: 1, 120: 2}
    assert ((frame.mask > 0) == truth(120)).all()
    assert flags(frame) == {1: KEPT, 2: 0}


def test_nobody_goes_until_he_is_chosen() -> None:
    bench = Bench(Tracking(remove="chosen"), SPEC)
    assert not both(bench).mask.any()
    assert flags(both(bench, 1)) == {1: KEPT, 2: KEPT}
    tune(bench.stage, {"remove": "chosen"}, {"chosen": [2]})
    frame = both(bench, 2)
    assert ((frame.mask > 0) == truth(120)).all()
    assert (numbers(frame), flags(frame)) == ({20: 1, 120: 2}, {1: KEPT, 2: 0})


def test_a_list_counts_in_its_own_mode_only() -> None:
    assert recall(both(Bench(Tracking(chosen=[1]), SPEC)), 20) == 1
    assert not both(Bench(Tracking(remove="chosen", kept=[2]), SPEC)).mask.any()


def test_who_is_kept_is_not_masked_where_he_is_only_held_either() -> None:
    bench = Bench(Tracking(kept=[1]), SPEC)
    for seed in range(3):
        both(bench, seed)
    frame = bench.frame(image=picture(20, 120, seed=9), **sights())
    assert flags(frame) == {1: HELD | KEPT, 2: HELD}
    assert recall(frame, 120) > 0.95
    assert recall(frame, 20) == 0


def test_who_is_chosen_while_he_is_held_is_masked_at_once() -> None:
    bench = Bench(Tracking(remove="chosen"), SPEC)
    for seed in range(3):
        both(bench, seed)
    tune(bench.stage, {"remove": "chosen"}, {"chosen": [1]})
    frame = bench.frame(image=picture(20, 120, seed=9), **sights())
    assert recall(frame, 20) > 0.95
    assert recall(frame, 120) == 0


def test_a_limb_of_who_is_kept_is_not_masked_when_it_is_missed() -> None:
    bench = Bench(Tracking(carry=1, kept=[1]), SPEC)
    walked(bench, [20, 20, 20])
    lost = sights((20, 0.8))
    lost["labels"][TOP : TOP + 20] = 0
    assert not bench.frame(image=picture(20, seed=7), **lost).mask.any()


def test_what_is_hardly_seen_of_who_is_kept_is_not_masked() -> None:
    bench = Bench(Tracking(kept=[1]), SPEC)
    walked(bench, [80, 80])
    frame = bench.frame(image=picture(80, seed=5), **sights((80, 0.12)))
    assert flags(frame)[1] & KEPT
    assert not frame.mask.any()


@pytest.mark.parametrize(("pixels", "share"), [(0, 0), (4, 4 / 30), (8, 8 / 30)])
def test_the_rim_of_who_goes_lies_over_who_stays(pixels: int, share: float) -> None:
    """They stand side by side, as somebody before a couch: the detector has grown neither over the other."""
    bench = Bench(Tracking(kept=[1], overlap=pixels), SPEC)
    frame = bench.frame(image=picture(50, 80), **sights((50, 0.9), (80, 0.8)))
    assert recall(frame, 80) == 1
    assert recall(frame, 50) == pytest.approx(share, abs=0.01)
    assert not frame.mask[:, 112:].any(), "beside who goes nothing more is masked"


def test_who_goes_wins_where_a_held_mask_of_his_lies_over_who_stays() -> None:
    bench = Bench(Tracking(kept=[2]), SPEC)
    for seed in range(3):
        both(bench, seed)
    frame = bench.frame(image=picture(120, seed=9), **sights(RIGHT, (20, 0.06)))
    assert flags(frame) == {1: 1, 2: KEPT}
    assert recall(frame, 20) == 1
    held = Bench(Tracking(kept=[2]), SPEC)
    for seed in range(3):
        held.frame(image=picture(100, 120, seed=seed), **sights((100, 0.9), (120, 0.8)))
    over = held.frame(image=picture(100, 120, seed=8), **sights((120, 0.8)))
    assert recall(over, 100) > 0.9


def crowd_of(count: int) -> dict[str, np.ndarray]:
    found = np.zeros(1, STANDARD_PLANES["found"].dtype)
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for n in range(count):
        x, y = 12 * (n % 16), 12 * (n // 16)
        found["rows"][0, n]["box"], found["rows"][0, n]["score"] = (x, y, x + 8, y + 8), 0.9
        labels[y : y + 8, x : x + 8] = n + 1
    found["count"] = count
    return {"found": found, "labels": labels}


def test_who_cannot_be_followed_goes_with_all_and_stays_where_some_are_chosen() -> None:
    crowd = crowd_of(MOST + 20)
    everybody = Bench(Tracking(kept=[5], overlap=0), SPEC).frame(image=picture(), **crowd)
    assert ((everybody.mask > 0) == ((crowd["labels"] > 0) & (crowd["labels"] != 5))).all()
    some = Bench(Tracking(remove="chosen", chosen=[5, MOST + 7], overlap=0), SPEC).frame(image=picture(), **crowd)
    assert ((some.mask > 0) == (crowd["labels"] == 5)).all()
    assert sum(1 for row in some.objects if not row["flags"] & KEPT) == 1
    assert len(some.objects) == MOST + 20


def test_who_is_kept_is_not_masked_by_a_look_into_the_frames_that_follow() -> None:
    masks = []
    for kept in ([], [1]):
        bench = Bench(Tracking(kept=kept), SPEC)
        walked(bench, [20, 24, 28])
        later = [(32 + 4 * k, (32 + 4 * k, 0.9)) for k in (1, 2)]
        masks.append(ahead(bench, picture(32, seed=3), sights(), later).mask.copy())
    assert masks[0].any()
    assert not masks[1].any()


@pytest.mark.parametrize(("choice", "goes"), [({"kept": [1]}, True), ({"remove": "chosen", "chosen": [1]}, False)])
def test_who_comes_back_has_another_number_and_goes_only_where_all_go(choice: dict[str, object], goes: bool) -> None:
    bench = Bench(Tracking(hold=0.2, **choice), SPEC)
    assert walked(bench, [150, 160, 170, 180]).mask.any() == (not goes)
    for seed in range(6):
        bench.frame(image=picture(seed=seed), **sights())
    frame = walked(bench, [180, 170, 160])
    assert frame.objects["track"].tolist() == [2]
    assert frame.mask.any() == goes


def test_after_a_cut_nobody_is_who_he_was() -> None:
    bench = Bench(Tracking(kept=[1]), SPEC)
    walked(bench, [20, 20, 20])
    frame = bench.frame(image=scenery(HEIGHT, WIDTH, seed=9), **sights((20, 0.9)))
    assert frame.objects["track"].tolist() == [2]
    assert recall(frame, 20) == 1


def test_a_number_that_nobody_has_changes_nothing() -> None:
    plain, asked = Bench(Tracking(), SPEC), Bench(Tracking(kept=[77]), SPEC)
    for seed in range(4):
        frames = [both(bench, seed) for bench in (plain, asked)]
        assert (frames[0].mask == frames[1].mask).all()
        assert frames[0].objects.tobytes() == frames[1].objects.tobytes()


def test_a_frame_that_is_done_again_keeps_the_same_ones() -> None:
    bench = Bench(Tracking(kept=[1]), SPEC)
    for seed in range(3):
        both(bench, seed)
    seen = sights((24, 0.15), RIGHT)
    first = bench.peek(image=picture(24, 120, seed=9), **seen)
    again = bench.frame(image=picture(24, 120, seed=9), **seen)
    assert (first.mask == again.mask).all()
    assert first.objects.tobytes() == again.objects.tobytes()


def test_another_choice_is_told_from_the_frame_on_in_which_it_counts() -> None:
    bench = Bench(Tracking(), SPEC)
    told = [both(bench).choice, both(bench, 1).choice]
    for field, value in (("chosen", [1]), ("kept", [1]), ("kept", []), ("remove", "chosen")):
        tune(bench.stage, {}, {field: value})
        told.append(both(bench, 2).choice)
    first, second, not_in_this_mode, kept, as_before, other_mode = told
    assert first == second == not_in_this_mode == as_before
    assert len({first, kept, other_mode}) == 3
    searched = bench.frame(image=picture(20), **{**sights(), "found": _searched_otherwise()})
    assert searched.choice != other_mode


def test_who_was_kept_and_comes_back_under_another_number_is_not_in_the_plate_of_the_room() -> None:
    """Nobody said anything new, but he stood there in full sight and is removed now."""
    tracking, plate = Bench(Tracking(kept=[1], hold=0.2), SPEC), Bench(Plate(shadows=False), SPEC)
    for seed in range(20):
        seen = sights((80, 0.9)) if seed < 8 or seed > 14 else sights()  # seven frames in which he is not found
        image = picture(80, seed=seed)
        sorted_out = tracking.frame(image=image, **seen)
        frame = plate.frame(image=image, mask=sorted_out.mask, objects=sorted_out.planes["objects"])
        if seed > 14:
            assert sorted_out.objects["track"].tolist() == [2]
            assert recall(frame, 80) == 1
            known = truth(80) & (frame.rest == 0)
            assert known.any() == (seed > 15), "what was invented for the first frame is remembered"
            likeness = np.abs(frame.filled[known].astype(int) - image[known])
            assert not known.any() or likeness.mean() > 100, "invented was black; he himself would fill his place"
        plate.finished = frame  # its `clean` is black


def test_while_all_who_are_kept_are_there_a_newcomer_costs_the_plate_nothing() -> None:
    bench = Bench(Tracking(kept=[1]), SPEC)
    alone = bench.frame(image=picture(20), **sights(LEFT)).choice
    assert both(bench, 1).choice == alone


def _searched_otherwise() -> np.ndarray:
    found = np.zeros(1, STANDARD_PLANES["found"].dtype)
    found["choice"] = 5
    return found


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kept": [0]}, "kept.0: input should be greater than or equal to 1, not 0"),
        ({"chosen": [-3]}, "chosen.0: input should be greater than or equal to 1"),
        ({"chosen": [True]}, "chosen.0: input should be a valid integer"),
        ({"chosen": ["1"]}, "chosen.0: input should be a valid integer"),
        ({"chosen": [1.5]}, "chosen.0: input should be a valid integer"),
        ({"chosen": [2**31]}, "chosen.0: input should be less than or equal to 2147483647"),
        ({"chosen": [1] * 257}, "chosen: list should have at most 256 items"),
        ({"chosen": 3}, "chosen: input should be a valid list, not 3"),
        ({"remove": "some"}, "remove: input should be 'all' or 'chosen', not 'some'"),
        ({"overlap": 300}, "overlap: input should be less than or equal to 256, not 300"),
    ],
)
def test_what_is_no_choice_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        Tracking(**options)
    assert explain(refusal.value, Tracking, options).startswith(words)
