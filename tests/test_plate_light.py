"""Light that comes and goes: what is hidden changes with what is seen, and a change of light is no cut."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.frame import FrameSpec
from stages.inpainting import Plate
from stages.inpainting.light import Light, change_of_light
from tests.frames import Bench, noisy, scenery

HEIGHT, WIDTH = 180, 320
SPEC = FrameSpec(width=WIDTH, height=HEIGHT)
ALL = np.full((HEIGHT, WIDTH), 255, np.uint8)


def lit(gain: tuple[float, float, float], offset: tuple[float, float, float]) -> Light:
    return Light(np.array(gain, np.float32), np.array(offset, np.float32))


def hole() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[50:150, 140:200] = 255
    return mask


def test_a_gain_and_an_offset_for_each_colour_are_found() -> None:
    room, true = scenery(HEIGHT, WIDTH), lit((0.8, 1.0, 1.2), (10, -6, 3))
    found = change_of_light(room, noisy(true.of(room), 1), ALL, 20)
    assert found is not None
    assert np.abs(found.gain - true.gain).max() < 0.03
    assert np.abs(found.gain * 128 + found.offset - true.gain * 128 - true.offset).max() < 1


def test_things_that_cover_a_part_of_the_picture_do_not_change_what_is_found() -> None:
    room, true = scenery(HEIGHT, WIDTH), lit((1.15, 1.15, 1.15), (5, 5, 5))
    now = noisy(true.of(room), 1)
    now[:, :100] = (200, 30, 90)
    found = change_of_light(room, now, ALL, 20)
    assert found is not None
    assert np.abs(found.gain * 128 + found.offset - true.gain * 128 - true.offset).max() < 2


def test_noise_and_another_scene_are_no_change_of_light() -> None:
    room = scenery(HEIGHT, WIDTH)
    assert change_of_light(room, noisy(room, 1, 4), ALL, 20) is None
    assert change_of_light(room, scenery(HEIGHT, WIDTH, seed=7), ALL, 20) is None
    assert change_of_light(room, room, np.zeros_like(ALL), 20) is None


def test_a_light_and_its_inverse_are_no_light() -> None:
    true = lit((0.8, 1.0, 1.25), (10, -6, 3))
    both = true.inverse.after(true)
    assert np.allclose(both.gain, 1)
    assert np.allclose(both.offset, 0, atol=1e-4)
    assert true.after(true.inverse).change < 1e-3


@pytest.mark.parametrize("per_frame", [1.004, 0.995])
def test_what_is_hidden_follows_a_slow_change_of_what_is_seen(per_frame: float) -> None:
    bench, room = Bench(Plate(shadows=False), SPEC), np.clip(scenery(HEIGHT, WIDTH), 30, 190)
    bench.frames(noisy(room, seed, 1) for seed in range(8))
    for index in range(50):
        now = noisy(room * per_frame**index, index, 1)
        frame = bench.frame(image=now, mask=hole())
    inside = np.s_[60:140, 150:190]
    off = frame.filled[inside].astype(float) - room[inside] * per_frame**49
    assert abs(room[inside].mean() * (1 - per_frame**49)) > 20
    assert np.abs(off.mean()) < 4


@pytest.mark.parametrize(("texture", "frames"), [(1.0, 130), (0.0, 20)], ids=["a scene", "a plain wall"])
def test_in_steady_light_noise_does_not_fade_what_is_hidden(texture: float, frames: int) -> None:
    bench, room = Bench(Plate(), SPEC), (100 + (scenery(HEIGHT, WIDTH) - 100.0) * texture).astype(np.uint8)
    room[80:110, 150:190] = 30
    bench.frames(noisy(room, seed, 1) for seed in range(8))
    seen = [bench.frame(image=noisy(room, seed, 1), mask=hole()).filled for seed in range(8, frames)]
    assert np.array_equal(seen[-1][54:146, 144:196], seen[0][54:146, 144:196])


@pytest.mark.parametrize("light", [((1.4, 1.4, 1.4), (0, 0, 0)), ((0.6, 0.6, 0.65), (4, 4, 4))])
def test_a_step_of_the_exposure_is_followed_at_once_and_is_no_cut(
    light: tuple[tuple[float, float, float], tuple[float, float, float]],
) -> None:
    bench, room = Bench(Plate(), SPEC), np.clip(scenery(HEIGHT, WIDTH), 30, 170)
    bench.frames(noisy(room, seed, 1) for seed in range(8))
    now = lit(*light).of(room)
    frame = bench.frame(image=noisy(now, 9, 1), mask=hole())
    assert not frame.rest.any()
    assert bench.stage.context.counts["plate_forgotten"] == 0
    inside = np.s_[60:140, 150:190]
    assert np.abs(frame.filled[inside].astype(float) - now[inside]).mean() < 3


@pytest.mark.parametrize(("now", "forgotten"), [(1, 0), (7, 1)])
def test_what_seems_to_move_and_is_found_nowhere_is_another_scene_only_where_it_looks_otherwise(
    now: int, forgotten: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the light changes and somebody comes who covers half of the room, between two sparse frames."""
    bench = Bench(Plate(), SPEC)
    bench.frames([noisy(scenery(HEIGHT, WIDTH, 1), seed) for seed in range(5)])
    monkeypatch.setattr("stages.inpainting.drift.DriftTest.happened", lambda *_: True)
    monkeypatch.setattr("stages.inpainting.moving.register", lambda *_: None)
    picture = cv2.addWeighted(scenery(HEIGHT, WIDTH, 1), 0.5, scenery(HEIGHT, WIDTH, now), 0.5, 0)
    bench.stage._standing._change.happened = lambda *_: False  # type: ignore[attr-defined]
    filled = bench.frame(image=picture, mask=hole()).filled
    assert bench.stage.context.counts["plate_forgotten"] == forgotten
    assert np.array_equal(filled[hole() > 0], picture[hole() > 0]) == bool(forgotten), "shown, or left to be invented"
