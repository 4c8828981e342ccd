"""A segment on a machine of a cluster, without the cluster: in place, on copies, refused, in a place of its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import pipeline
from pipeline.config import load_config
from pipeline.instances import lock
from pipeline.jobs import ray_task
from pipeline.jobs.cutting import Cutter
from pipeline.jobs.durable import sha256_of, store
from pipeline.jobs.index import read_index
from pipeline.jobs.pieces import pieces
from pipeline.jobs.ray_task import Errand, bytes_of, do, sees
from pipeline.jobs.recipe import recipe_of, source_of
from pipeline.jobs.work import Order, perform
from pipeline.remote_lane import RemoteLane
from tests.clips import make_clip
from tests.copying import write_copying

HERE = socket.gethostname()
Errands = tuple[Errand, list[tuple[int, int]]]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the machine keeps its places."""
    root = tmp_path / "tmp"
    root.mkdir()
    monkeypatch.setattr(ray_task.tempfile, "gettempdir", lambda: str(root))
    yield root / f"cleanplate-lanes-{os.getuid()}"
    ray_task.let_go()


@pytest.fixture
def errand(tmp_path: Path, places: Path) -> Errand:
    """The whole of a short clip as one segment."""
    job = tmp_path / "job"
    (job / "underway").mkdir(parents=True)
    video = str(make_clip(tmp_path / "a.mp4", 12))
    plan = load_config(write_copying(tmp_path), given=video, wanted=(str(tmp_path / "o.mp4"),))
    spec = source_of(plan).open()
    index = read_index(video, spec)
    piece = pieces(index, [], Fraction(0))[0]
    cut = Cutter(video, index, spec, str(job)).copy(piece)
    recipe = recipe_of(plan, spec)
    recipe.write(job / "work.yaml")
    (job / "token").write_text("secret")
    sets = tuple(recipe.sets(piece, cut.shift))
    order = Order(0, cut.path, str(job / "work.yaml"), sets, (str(job / "underway" / "00000-0.nut"),), 12)
    return Errand(order, str(job / "token"), "secret", 1, pipeline.__version__, os.getcwd())


def test_where_the_jobs_folder_is_seen_the_result_appears_in_it_whole(errand: Errand) -> None:
    told: list[tuple[int, int]] = []
    found = do(errand, None, lambda index, frames: told.append((index, frames)))
    assert found.outcome is not None
    assert found.outcome.error == ""
    made = Path(errand.order.outputs[0])
    assert found.outcome.results == (sha256_of(made),)
    assert found.results == (), "nothing travels"
    assert [path.name for path in made.parent.iterdir()] == [made.name], "no trace of the try"
    assert {index for index, _ in told} <= {0}


def test_where_it_is_not_seen_the_same_is_made_of_copies_and_comes_back(errand: Errand, tmp_path: Path) -> None:
    order = errand.order
    with closing(RemoteLane()) as lane:
        expected = perform(replace(order, outputs=(str(tmp_path / "expected.nut"),)), lambda _: None, lane)
    copies = tuple(bytes_of(path) for path in (order.cut, order.config))
    found = do(replace(errand, secret="another's"), lambda: copies, lambda *_: None)
    assert found.outcome is not None
    assert found.outcome.error == ""
    assert not Path(order.outputs[0]).exists(), "the machine wrote nothing there"
    store(Path(order.outputs[0]), found.results[0].data, found.outcome.results[0])
    assert sha256_of(Path(order.outputs[0])) == expected.results[0]


def test_where_it_is_not_seen_and_nothing_was_sent_that_is_what_comes_back(errand: Errand) -> None:
    found = do(replace(errand, token=errand.token + "?"), None, lambda *_: None)
    assert found.outcome is None


def test_a_folder_is_seen_by_what_stands_in_it_not_by_its_name(errand: Errand) -> None:
    assert sees(errand)
    assert not sees(replace(errand, secret="that of another job's folder of the same name"))
    Path(errand.token).unlink()
    assert not sees(errand)


def test_what_goes_wrong_names_the_machine_and_leaves_nothing(errand: Errand, places: Path) -> None:
    Path(errand.order.cut).write_bytes(b"no video")
    found = do(errand, None, lambda *_: None)
    assert found.outcome is not None
    assert found.outcome.error.startswith(f"machine {HERE}: ")
    assert list(Path(errand.order.outputs[0]).parent.iterdir()) == []
    assert [path.name for path in places.iterdir()] == ["0.lock"]


def test_another_version_is_refused_before_anything_is_done(errand: Errand) -> None:
    found = do(replace(errand, version="0.0.1"), None, lambda *_: None)
    assert found.outcome is not None
    assert found.outcome.error == f"machine {HERE} has cleanplate {pipeline.__version__}, not 0.0.1"


def test_each_has_a_place_and_what_a_killed_one_left_there_goes(places: Path) -> None:
    places.mkdir(mode=0o700)
    (places / "1").mkdir()
    (places / "1" / "left.nut").write_bytes(b"x")
    held = lock(places / "0.lock")
    assert held is not None
    with ray_task._place(1) as (scratch, processors):
        assert scratch == places / "1"
        assert list(scratch.iterdir()) == []
        assert len(processors) == 1
        with ray_task._place(1) as (other, _):
            assert other == places / "2"
    os.close(held)
    with ray_task._place(1000) as (scratch, processors):
        assert scratch == places / "0"
        assert set(processors) == os.sched_getaffinity(0), "as many as there are"


def test_what_is_started_on_a_share_of_the_processors_is_there_and_nowhere_else_afterwards() -> None:
    before = os.sched_getaffinity(0)
    with ray_task._on([min(before)]):
        assert os.sched_getaffinity(0) == {min(before)}
    assert os.sched_getaffinity(0) == before


def test_bytes_are_stored_only_when_they_are_what_was_sent(tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    sent.write_bytes(b"abc")
    with pytest.raises(OSError, match="not what was sent"):
        store(tmp_path / "got", np.frombuffer(b"abd", np.uint8).data, sha256_of(sent))
    assert not (tmp_path / "got").exists()
    store(tmp_path / "got", bytes_of(str(sent)).data, sha256_of(sent))
    assert (tmp_path / "got").read_bytes() == b"abc"
    sent.write_bytes(b"")
    assert bytes_of(str(sent)).shape == (0,)
