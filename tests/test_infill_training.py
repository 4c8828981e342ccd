"""How infill is trained: crops, holes, losses, checkpoints, what is shipped."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from models import infill_lessons, train_infill
from models.base import Image, ModelError
from models.infill import load
from models.infill_holes import KINDS, LEAST, MOST, hole
from models.infill_lessons import Lessons
from models.infill_losses import Critic, caught, distances, fooled, invented, misplaced, penalty
from models.infill_material import HELD_OUT, LONGEST, pack, table, unpacked
from models.infill_network import InfillNetwork, settle
from models.infill_shipping import folded, plot, ship
from models.infill_torch import network as loaded
from models.membrane import membrane
from models.sources import PICTURES, Source, files, short
from models.train_infill import How, Training
from tests.frames import scenery

SIDE = 64


@pytest.fixture(scope="module")
def pictures() -> list[Image]:
    return [scenery(160, 200), np.ascontiguousarray(scenery(300, 140)[:, ::-1])]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infill_lessons, "SIDES", (SIDE,))
    monkeypatch.setattr(infill_lessons, "SHARES", (1.0,))
    monkeypatch.setattr(train_infill, "SAVE", 2)
    monkeypatch.setattr(train_infill, "TELL", 1)


def how(steps: int) -> How:
    return How(steps, 2 * SIDE * SIDE, 0, torch.device("cpu"))


def test_holes_are_binary_neither_tiny_nor_all_and_the_same_for_one_seed() -> None:
    for seed in range(60):
        one, other = (hole(SIDE, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(one, other)
        assert set(np.unique(one)) <= {0, 255}
        assert LEAST <= np.count_nonzero(one) / one.size <= MOST


def test_holes_are_of_many_kinds() -> None:
    """A person is one piece; boxes are filled out; strokes are thin."""
    shares = [np.count_nonzero(hole(SIDE, np.random.default_rng(seed))) / SIDE**2 for seed in range(60)]
    assert min(shares) < 0.08
    assert max(shares) > 0.25
    assert len(KINDS) == 3


def test_a_batch_is_told_by_its_number_alone(pictures: list[Image], small: None) -> None:
    one, other = Lessons(pictures, 3 * SIDE**2, 5), Lessons(pictures, 3 * SIDE**2, 5, first=2)
    batches = list(islice(one, 4))
    assert torch.equal(batches[2], next(iter(other)))
    assert not torch.equal(batches[0], batches[1])
    assert batches[0].shape == (3, 4, SIDE, SIDE)
    assert set(batches[0][:, 0].unique().tolist()) == {0.0, 1.0}
    assert batches[0].min() >= 0
    assert batches[0].max() <= 1


def test_workers_share_the_batches_out(pictures: list[Image], small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    lessons = Lessons(pictures, SIDE**2, 5)
    alone = list(islice(lessons, 6))

    class Info:
        num_workers = 2

        def __init__(self, number: int) -> None:
            self.id = number

    shared: list[list[torch.Tensor]] = []
    for number in range(2):
        monkeypatch.setattr(infill_lessons, "get_worker_info", lambda number=number: Info(number))
        shared.append(list(islice(lessons, 3)))
    mixed = [part for pair in zip(*shared, strict=True) for part in pair]
    assert all(torch.equal(one, other) for one, other in zip(alone, mixed, strict=True))


def test_a_small_picture_is_good_for_a_large_crop(pictures: list[Image]) -> None:
    batch = Lessons([scenery(90, 70)], 256 * 256, 0)
    for number in range(4):
        assert batch.batch(number).shape[1] == 4


def test_only_what_is_in_the_hole_counts(pictures: list[Image], small: None) -> None:
    canvas = Lessons(pictures, 2 * SIDE**2, 1).batch(0)
    where, truth = canvas[:, :1], canvas[:, 1:]
    right = distances(torch.where(where > 0, truth, torch.rand_like(truth)), truth, where)
    assert all(part < 1e-6 for part in right.values())
    wrong = distances(1 - truth, truth, where)
    assert all(part > 0.005 for part in wrong.values())


def test_a_cast_costs_more_than_noise_of_the_same_size(pictures: list[Image], small: None) -> None:
    canvas = Lessons(pictures, 2 * SIDE**2, 1).batch(0)
    where, truth = canvas[:, :1], canvas[:, 1:]
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(0)) * 0.05
    cast, grain = (distances(truth + off, truth, where)["means"] for off in (torch.full_like(truth, 0.05), noise))
    assert cast > 3 * grain


def test_places_are_to_be_taken_for_those_that_look_like_them() -> None:
    """Left half bars along the rows, right half along the columns; the hole lies in the left one."""
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    bars = torch.where(x < 32, y, x) % 4 < 2
    truth = bars.float().expand(1, 3, 64, 64)
    where = torch.zeros(1, 1, 64, 64)
    where[..., 16:32, 8:24] = 1
    left = (torch.arange(64) % 8 < 4).float()  # of the 8 x 8 places
    right_way, wrong_way = (10 * side.expand(1, 64, 64) for side in (left, 1 - left))
    unknown = 30 * torch.nn.functional.avg_pool2d(where, 8).flatten(2)
    good, bad = (misplaced(likeness - unknown, truth, where).item() for likeness in (right_way, wrong_way))
    assert good < 4
    assert bad > good + 5


def test_the_critic_is_judged_by_the_patches_that_were_invented() -> None:
    where = torch.zeros(1, 1, 64, 64)
    where[..., 16:32, 16:32] = 1
    assert invented(where).sum() == 4
    verdicts = torch.full((1, 1, 8, 8), 9.0)
    sure = torch.where(invented(where) > 0, -9.0, 9.0)
    assert caught(sure, verdicts, where) < 0.01 < 1 < caught(verdicts, verdicts, where)
    assert fooled(verdicts, where) < 0.01 < 1 < fooled(sure, where)


def test_the_penalty_is_for_a_critic_that_is_steep() -> None:
    torch.manual_seed(0)
    critic, shown = Critic(), torch.rand(1, 3, 32, 32)
    flat = penalty(critic, shown)
    with torch.no_grad():
        critic.verdict.weight.mul_(10)
    assert penalty(critic, shown).item() == pytest.approx(flat.item() * 100, rel=1e-3)


def test_it_learns(pictures: list[Image], small: None, tmp_path: Path) -> None:
    """The same two crops over and over: what is off must shrink far below the membrane's."""
    torch.manual_seed(0)
    canvas = Lessons(pictures, 2 * SIDE**2, 1).batch(0)
    where, truth = canvas[:, :1], canvas[:, 1:]
    network = InfillNetwork(learning=True)
    learner = torch.optim.AdamW(network.parameters(), 1e-3)
    plain = ((membrane(truth, where) - truth) * where).square().sum()
    for _ in range(25):
        (answer,) = network(canvas)
        loss = torch.stack(list(distances(answer, truth, where).values())).sum()
        learner.zero_grad()
        loss.backward()
        learner.step()
    assert ((answer - truth) * where).square().sum() < 0.85 * plain


def test_a_training_that_is_killed_goes_on_from_its_checkpoint_as_if_it_had_not(
    pictures: list[Image], small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    Training(whole, pictures, how(4)).run()
    learn = Training._learn

    def killed(training: Training) -> dict[str, float]:
        if training.step == 3:  # the log is further than the checkpoint
            raise KeyboardInterrupt
        return learn(training)

    training = Training(cut, pictures, how(4))
    with monkeypatch.context() as patch:
        patch.setattr(Training, "_learn", killed)
        with pytest.raises(KeyboardInterrupt):
            training.run()
    Training(cut, pictures, how(4)).run()
    rows = [[row.split(",") for row in (folder / "log.csv").read_text().splitlines()] for folder in (whole, cut)]
    assert [row[0] for row in rows[1]] == ["step", "1", "2", "3", "4"]
    for one, other in zip(*rows, strict=True):
        assert one[0] == other[0]
        if one[0] != "step":
            assert [float(value) for value in one] == pytest.approx(
                [float(value) for value in other], rel=0.01, nan_ok=True
            )


def test_norms_are_folded_away_and_the_answer_stays(pictures: list[Image], small: None) -> None:
    torch.manual_seed(0)
    lessons = Lessons(pictures, 4 * SIDE**2, 1)
    network = InfillNetwork(learning=True)
    for canvas in islice(lessons, 3):
        network(canvas)
    plain = folded(network.eval())
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in plain.modules())
    canvas = lessons.batch(9)
    with torch.inference_mode():
        assert torch.allclose(network(canvas)[0], plain(canvas)[0], atol=1e-4)


def test_settled_norms_stay_while_the_rest_learns(pictures: list[Image], small: None) -> None:
    torch.manual_seed(0)
    network, canvas = InfillNetwork(learning=True), Lessons(pictures, 2 * SIDE**2, 1).batch(0)
    settle(network)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    learner = torch.optim.SGD(network.parameters(), 0.1)
    network(canvas)[0].square().sum().backward()
    learner.step()
    after = network.state_dict()
    running = [name for name in before if "running" in name]
    assert running
    assert all(torch.equal(before[name], after[name]) for name in running)
    assert not torch.equal(before["enter.0.weight"], after["enter.0.weight"])


def test_what_is_shipped_loads_and_answers_as_the_mean_of_the_weights(
    pictures: list[Image], small: None, tmp_path: Path
) -> None:
    training = Training(tmp_path, pictures, how(4))
    training.run()
    ship(tmp_path / "checkpoint.pt", tmp_path / "w.safetensors")
    mean = InfillNetwork(learning=True)
    mean.load_state_dict(torch.load(tmp_path / "checkpoint.pt", weights_only=True)["mean"])
    canvas = Lessons(pictures, 4 * SIDE**2, 1).batch(5)
    with torch.inference_mode():
        off = loaded(load(tmp_path / "w.safetensors"))(canvas)[0] - mean.eval()(canvas)[0]
    assert off.abs().max() < 0.01
    plot(tmp_path / "log.csv", tmp_path / "plots" / "curve.png")
    assert (tmp_path / "plots" / "curve.png").stat().st_size > 5000


def packages(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = (Source("some (Debian)", "usr/share/some", ("one.png", HELD_OUT[0]), "CC0-1.0", "Somebody"),)
    monkeypatch.setattr("models.infill_material._all", lambda: sources)
    (root / "usr/share/some").mkdir(parents=True)
    for number, name in enumerate(sources[0].names):
        cv2.imwrite(str(root / "usr/share/some" / name), np.roll(scenery(60, 2 * LONGEST), number * 500, 1))


def test_pictures_are_packed_reduced_and_some_kept_to_judge_by(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packages(tmp_path, monkeypatch)
    pack(tmp_path, tmp_path / "material.npz")
    learned, judged = (unpacked(tmp_path / "material.npz", held_out=part) for part in (False, True))
    assert list(learned) == ["one.png"]
    assert list(judged) == [HELD_OUT[0]]
    assert learned["one.png"].shape == (30, LONGEST, 3)
    wanted = cv2.resize(scenery(60, 2 * LONGEST), (LONGEST, 30), interpolation=cv2.INTER_AREA)
    off = cv2.blur(learned["one.png"].astype(np.float32) - wanted, (8, 8))
    assert np.abs(off).mean() < 3, "but for what a JPEG loses"


def test_a_package_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="next: unpack lomiri-wallpapers"):
        next(files(tmp_path, PICTURES))


def test_the_list_of_sources_is_the_one_in_the_documentation() -> None:
    assert Path("docs/infill/sources.md").read_text() == table()
    assert all(name in table() for name in HELD_OUT)


def test_files_of_one_name_are_told_apart() -> None:
    assert short("BytheWater/contents/images/2560x1600.jpg") == "BytheWater"
    assert short("home.jpg") == "home.jpg"
