"""How the neural coder is trained: scenes, lessons, the price of numbers, checkpoints, what is shipped."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from models import codec_counting, train_codec
from models.base import ModelError
from models.codec_bases import begin
from models.codec_loading import load
from models.codec_material import SOURCES, Shot, gather, table
from models.codec_network import CodecNetwork
from models.codec_neural import NeuralDecoder, NeuralEncoder
from models.codec_rate import Rate
from models.codec_scenes import LENGTH, Scene, shifted
from models.codec_shipping import plot, ship
from models.codec_training import Teacher, lesson, thumbnail
from models.coding import Quantiser
from tests.codec.untrained import middle, panned

SIZE = 64


@pytest.fixture(scope="module")
def shots() -> list[Shot]:
    photograph = Shot(np.stack(panned(1, 200, 240)), middle(200, 240)[None])
    film = panned(8, 96, 128, seed=1)
    return [photograph, Shot(np.stack(film), np.stack([middle(96, 128)] * 8))]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_codec, "SIZE", SIZE)
    monkeypatch.setattr(train_codec, "BATCH", 2)
    monkeypatch.setattr(train_codec, "SAVE", 2)
    monkeypatch.setattr(train_codec, "TELL", 1)
    monkeypatch.setattr(train_codec, "WINDOWS", 8)
    monkeypatch.setattr(codec_counting, "SIZE", SIZE)
    monkeypatch.setattr(codec_counting, "SCENES", 2)


def test_scenes_are_of_the_size_asked_for_and_the_same_for_one_seed(shots: list[Shot]) -> None:
    for seed in range(12):
        one, other = (Scene(shots, SIZE, np.random.default_rng(seed)) for _ in range(2))
        for number in range(LENGTH):
            a, b = one.view(number), other.view(number)
            assert a.image.shape == (SIZE, SIZE, 3)
            assert a.mask.shape == (SIZE, SIZE)
            assert np.array_equal(a.image, b.image)


def test_a_moved_picture_is_predicted_by_how_far_it_moved(shots: list[Shot]) -> None:
    better = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        scene = Scene(shots[:1], SIZE, random)
        first, second = scene.view(0), scene.view(1)
        if np.hypot(*second.moved) < 1:
            continue
        with_motion, without = shifted(first.image, second.moved, random), first.image
        errors = [np.abs(part.astype(int) - second.image)[8:-8, 8:-8].mean() for part in (with_motion, without)]
        better += 1 if errors[0] < errors[1] else -1
    assert better >= 5


def test_in_a_lesson_what_matters_is_never_coarser_and_what_is_known_is_not_coded(shots: list[Shot]) -> None:
    random = np.random.default_rng(0)
    images = np.stack([Scene(shots, SIZE, random).view(0).image for _ in range(8)])
    people = np.zeros((8, SIZE, SIZE), np.uint8)
    people[:, :16, :16] = 255
    shown = lesson(images, people, images.copy(), [True] * 4 + [False] * 4, random)
    assert shown.coded[:4].all()
    assert not shown.coded[4:].any()
    assert torch.equal(shown.prediction[4:], shown.image[4:])
    for steps, region in zip(shown.steps, shown.region, strict=True):
        if region.any() and not region.all():
            assert steps[region].max() <= steps[~region].min()


def test_larger_numbers_cost_more_and_those_among_zeros_most() -> None:
    rate, coded = Rate(8), torch.ones(1, 1, 8, 8)
    torch.manual_seed(0)
    costs = [rate(torch.full((1, 8, 8, 8), size), coded).sum().item() for size in (0.0, 1.0, 4.0, 16.0)]
    assert all(one < other for one, other in pairwise(costs))
    alone = torch.zeros(1, 8, 8, 8)
    alone[:, :, 4, 4] = 3
    amid = torch.full((1, 8, 8, 8), 3.0)
    assert rate(alone, coded)[0, :, 4, 4].mean() > rate(amid, coded)[0, :, 4, 4].mean() + 1


def test_what_is_not_coded_costs_nothing() -> None:
    assert Rate(8)(torch.full((1, 8, 4, 4), 9.0), torch.zeros(1, 1, 4, 4)).sum().item() == 0


def test_the_transforms_begin_as_principal_components(shots: list[Shot]) -> None:
    random = np.random.default_rng(0)
    images = np.stack([Scene(shots[:1], SIZE, random).view(0).image for _ in range(32)])
    windows = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    rests = windows - thumbnail(windows, 4.0)
    network = CodecNetwork()
    begin(network, rests)
    flat = network.coarse.there.detach().flatten(1)
    assert torch.allclose(flat @ flat.T, torch.eye(len(flat)), atol=1e-4)
    back = network.coarse.synthesise(network.coarse.analyse(rests))
    left = rests - back
    assert left.square().mean() < 0.5 * rests.square().mean()
    both = back + network.fine.synthesise(network.fine.analyse(left))
    assert (rests - both).square().mean() < 0.5 * left.square().mean()


def test_lessons_teach(shots: list[Shot]) -> None:
    """The same scene again and again is said better and shorter."""
    torch.manual_seed(0)
    random = np.random.default_rng(3)
    image = Scene(shots[:1], SIZE, random).view(0).image[None]
    teacher = Teacher()
    windows = torch.from_numpy(image).permute(0, 3, 1, 2).float()
    begin(teacher.network, windows - thumbnail(windows, 4.0))
    shown = lesson(image, np.zeros((1, SIZE, SIZE), np.uint8), image, [True], random)
    optimiser = torch.optim.Adam(teacher.parameters(), 3e-4)
    losses = []
    for _ in range(15):
        marks = teacher(shown)
        optimiser.zero_grad()
        marks.loss.backward()
        optimiser.step()
        losses.append(float(marks.loss.detach()))
    assert np.mean(losses[-3:]) < 0.95 * losses[0]


@pytest.mark.usefixtures("small")
def test_training_goes_on_where_it_was_left_and_ships_what_codes(shots: Sequence[Shot], tmp_path: Path) -> None:
    train_codec.Training(tmp_path, shots).run(4)
    resumed = train_codec.Training(tmp_path, shots)
    assert resumed.step == 4
    resumed.run(6)
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [1, 2, 3, 4, 5, 6]
    assert all(np.isfinite(float(row["loss"])) for row in rows)
    out = tmp_path / "weights.safetensors"
    ship(tmp_path / "checkpoint.pt", shots, 0, out)
    assert out.stat().st_size < 5_000_000
    loaded = load(str(out))
    encoder, decoder = NeuralEncoder(100, 70, Fraction(25), loaded=loaded), NeuralDecoder(loaded=loaded)
    for picture in panned(2, 70, 100):
        packet = encoder.encode(picture, middle(70, 100), Quantiser(24, 34))
        assert np.array_equal(decoder.decode(packet.data), encoder.picture())


@pytest.mark.usefixtures("small")
def test_training_is_the_same_for_the_same_seed(shots: Sequence[Shot], tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
        train_codec.Training(folder, shots).run(2)
    one, two = (torch.load(folder / "checkpoint.pt", weights_only=True)["mean"] for folder in folders)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_the_curve_is_drawn_of_a_log_with_gaps(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    log = tmp_path / "log.csv"
    lines = [f"{25 * n},1,0.2,{'nan' if n % 3 else 30},25,0.5" for n in range(1, 61)]
    log.write_text("\n".join([",".join(train_codec.COLUMNS), *lines]))
    plot(log, tmp_path / "docs" / "curve.png")
    assert (tmp_path / "docs" / "curve.png").read_bytes()[:4] == b"\x89PNG"


def test_every_source_has_a_licence_and_stands_in_the_list() -> None:
    written = table()
    for source in SOURCES:
        assert source.licence
        assert source.author
        assert source.package in written
    assert "shared" not in written


def test_material_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"picosdeeuropa.*next: unpack lomiri-wallpapers-16.04"):
        next(gather(tmp_path))


def test_the_list_of_sources_in_the_docs_is_as_generated() -> None:
    assert Path("docs/semantic/sources.md").read_text() == table()
