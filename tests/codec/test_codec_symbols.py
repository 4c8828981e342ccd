"""Symbols of the neural coder: what is written is what is read, whatever it is, and likely things are cheap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.base import ModelError
from models.codec_entropy import Counter, Models, Port, Reader, Writer
from models.codec_motion import REACH, VECTORS, code_vectors, predict, search
from models.codec_numbers import LARGEST, code_level
from models.codec_picture import table_shapes
from models.codec_plan import CORRECTED, FRESH, KEPT, Plan, code_plan
from models.codec_thumbnail import code_thumbnail, drawn, means, rounded, rounding
from models.coding import CodingError
from tests.codec.untrained import flat_tables, panned

seeds = st.integers(0, 2**32 - 1)
often = settings(max_examples=30, deadline=None, derandomize=True)


@pytest.fixture(scope="module")
def models() -> Models:
    return Models(flat_tables())


@given(seeds)
@often
def test_symbols_come_back_as_they_were_each_in_its_context(models: Models, seed: int) -> None:
    random = np.random.default_rng(seed)
    contexts = random.integers(0, 6, int(random.integers(0, 200))).astype(np.int32)
    symbols = random.integers(0, 2, len(contexts)).astype(np.int32)
    large = random.integers(0, 1000, 17).astype(np.int32)
    writer = Writer(models)
    writer.code("plan.key", contexts, symbols)
    writer.plain(1000, 17, large)
    reader = Reader(models, writer.data())
    assert np.array_equal(reader.code("plan.key", contexts, None), symbols)
    assert np.array_equal(reader.plain(1000, 17, None), large)


def test_what_is_likely_by_its_table_costs_little() -> None:
    tables = {**flat_tables(), "plan.key": np.array([[30000, 100]] * 6, np.uint16)}
    models = Models(tables)
    contexts = np.zeros(8000, np.int32)
    likely, unlikely = Writer(models), Writer(models)
    likely.code("plan.key", contexts, np.zeros(8000, np.int32))
    unlikely.code("plan.key", contexts, np.ones(8000, np.int32))
    assert len(likely.data()) * 8 < 8000 * 0.01
    assert len(unlikely.data()) * 8 > 8000 * 8


def test_bytes_that_are_no_whole_words_are_refused(models: Models) -> None:
    with pytest.raises(CodingError, match="5 bytes"):
        Reader(models, b"12345")


def test_without_its_library_the_coder_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "constriction", None)
    with pytest.raises(ModelError, match=r"pip install 'cleanplate\[codec\]'"):
        Models(flat_tables())


def test_tables_tell_what_was_counted_and_hold_no_zero() -> None:
    counter = Counter(table_shapes())
    counter.code("plan.key", np.zeros(1000, np.int32), (np.arange(1000) % 10 == 0).astype(np.int32))
    tables = counter.tables()
    share = tables["plan.key"][0] / tables["plan.key"][0].sum()
    assert share[1] == pytest.approx(0.1, abs=0.01)
    assert all((table > 0).all() and table.dtype == np.uint16 for table in tables.values())


def test_a_context_that_was_never_seen_expects_what_its_table_does_on_the_whole() -> None:
    counter = Counter(table_shapes())
    counter.code("plan.key", np.zeros(1000, np.int32), (np.arange(1000) % 10 == 0).astype(np.int32))
    unseen = counter.tables()["plan.key"][5]
    assert unseen[1] / unseen.sum() == pytest.approx(0.1, abs=0.01)


def both_ways(models: Models, say: object) -> tuple[object, object, int]:
    """What a walk gives when it writes, what when it reads, and the bytes between."""
    writer = Writer(models)
    written = say(writer, True)  # type: ignore[operator]
    data = writer.data()
    return written, say(Reader(models, data), False), len(data)  # type: ignore[operator]


@given(seeds, st.sampled_from([1, 14, LARGEST, 16, 40, 1000, 16384]))
@often
def test_numbers_of_any_size_come_back(models: Models, seed: int, most: int) -> None:
    random = np.random.default_rng(seed)
    shape = 48, int(random.integers(1, 7)), int(random.integers(1, 7))
    coded = random.random(shape[1:]) < 0.7
    parents = random.integers(0, 7, shape[1:]).astype(np.int32)
    numbers = random.integers(-most, most + 1, shape).astype(np.int32)
    numbers *= (random.random(shape) < random.random()) & coded

    def say(port: Port, known: bool) -> np.ndarray:
        return code_level(port, "fine", numbers if known else None, shape, coded, parents)

    written, read, _ = both_ways(models, say)
    assert np.array_equal(written, numbers)
    assert np.array_equal(read, numbers)


@given(seeds)
@often
def test_plans_come_back(models: Models, seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = int(random.integers(1, 9)), int(random.integers(1, 9))
    plans = [
        Plan(random.choice([KEPT, CORRECTED, FRESH], shape).astype(np.int32), random.random(shape) < 0.5)
        for _ in range(2)
    ]

    def say(port: Port, known: bool) -> list[Plan]:
        first = code_plan(port, Plan(plans[0].kinds * 0 + FRESH, plans[0].region) if known else None, shape, None)
        return [first, code_plan(port, plans[1] if known else None, shape, first)]

    written, read, _ = both_ways(models, say)
    for one, other in zip(written, read, strict=True):  # type: ignore[call-overload]
        assert np.array_equal(one.kinds, other.kinds)
        assert np.array_equal(one.region, other.region)
    assert np.array_equal(read[1].kinds, plans[1].kinds)  # type: ignore[index]
    told = plans[1].coded
    assert np.array_equal(read[1].region[told], plans[1].region[told])  # type: ignore[index]


@given(seeds, st.integers(0, 2))
@often
def test_thumbnails_come_back_where_they_are_told_and_stay_where_they_are_known(
    models: Models, seed: int, kind: int
) -> None:
    random = np.random.default_rng(seed)
    shape = int(random.integers(1, 9)), int(random.integers(1, 9))
    known, wanted = (rounded(random.integers(0, 256, (*shape, 3)).astype(np.int32), kind) for _ in range(2))
    fresh = random.random(shape) < 0.6
    wanted = np.where(fresh[..., None], wanted, known)

    def say(port: Port, told: bool) -> np.ndarray:
        return code_thumbnail(port, wanted if told else None, known, fresh, kind)

    written, read, _ = both_ways(models, say)
    assert np.array_equal(written, wanted)
    assert np.array_equal(read, wanted)


def test_a_thumbnail_drawn_large_is_its_picture_without_detail() -> None:
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:] = np.linspace(20, 200, 96)[None, :, None]
    picture[..., 1] //= 2
    for kind, most in enumerate((3, 5, 9)):
        drawn_large = drawn(rounded(means(picture), kind), kind)
        assert np.abs(drawn_large.astype(int) - picture)[:, 16:-16].max() <= most


def test_a_finer_quantiser_has_a_finer_thumbnail() -> None:
    kinds = [rounding(level) for level in range(0, 205, 4)]
    assert kinds == sorted(kinds)
    assert {kinds[0], kinds[-1]} == {0, 2}


@given(seeds)
@often
def test_vectors_come_back_where_they_are_used(models: Models, seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = int(random.integers(1, 9)), int(random.integers(1, 9))
    used = random.random(shape) < 0.8
    others = random.integers(-4 * REACH, 4 * REACH + 1, (int(random.integers(0, VECTORS)), 2))
    vectors = np.concatenate([np.zeros((1, 2)), others]).astype(np.int32)
    chosen = np.where(used, random.integers(0, len(vectors), shape), 0).astype(np.int32)

    def say(port: Port, known: bool) -> tuple[np.ndarray, np.ndarray]:
        return code_vectors(port, (vectors, chosen) if known else None, used)

    _, read, _ = both_ways(models, say)
    assert np.array_equal(read[0], vectors)  # type: ignore[index]
    assert np.array_equal(read[1], chosen)  # type: ignore[index]


def test_a_scene_that_moves_is_predicted_from_where_it_was() -> None:
    before, after = panned(2, 96, 160)
    vectors, chosen = search(before, after)
    predicted = predict(before, vectors, chosen)
    inner = slice(16, -16), slice(16, -16)
    moved = np.abs(predicted.astype(int) - after)[inner].mean()
    stood = np.abs(before.astype(int) - after)[inner].mean()
    assert moved < 0.25 * stood
    assert [8, 4] in vectors.tolist()  # two pixels right, one down, in quarters


def test_what_stands_still_is_not_moved() -> None:
    picture = panned(1, 96, 160)[0]
    vectors, chosen = search(picture, picture)
    assert not vectors[chosen].any()
    assert np.array_equal(predict(picture, vectors, chosen), picture)


def test_vectors_beyond_the_picture_take_its_rim() -> None:
    picture = panned(1, 32, 48)[0]
    far = np.array([[0, 0], [4 * REACH, -4 * REACH]], np.int32)
    assert (predict(picture, far, np.ones((2, 3), np.int32)) == picture[0, -1]).all()
