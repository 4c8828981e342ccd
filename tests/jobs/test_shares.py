"""Lanes share the processors: none is idle, and no stage gets more workers than there are for its lane."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipeline.config import load_config
from pipeline.jobs import engine
from pipeline.jobs.engine import share
from pipeline.jobs.opening import source_of
from pipeline.jobs.recipe import recipe_of
from pipeline.jobs.work import Order, orders_of
from tests.clips import make_clip


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """Of the shipped configuration, which gives segmentation two workers."""
    video = str(make_clip(tmp_path / "in.mp4"))
    plan = load_config("remove-people", environment={}, given=video, wanted=str(tmp_path / "out.mp4"))
    source = source_of(plan)
    recipe_of(plan, source.open()).write(tmp_path / "work.yaml")
    source.close()
    return Order(3, video, str(tmp_path / "work.yaml"), ("output.lead=2",), (str(tmp_path / "out.nut"),), 30)


def test_on_one_processor_no_model_is_loaded_twice(order: Order) -> None:
    assert orders_of(order, 1).sets == ("output.lead=2", "segmentation.workers=1")


def test_where_there_are_processors_for_them_workers_are_as_many_as_was_asked(order: Order) -> None:
    assert orders_of(order, 2).sets == orders_of(order, 8).sets == orders_of(order).sets == ("output.lead=2",)


def test_what_is_set_for_a_lane_is_understood_by_a_run(order: Order) -> None:
    orders = orders_of(order, 1)
    sets = [one for one in orders.sets if "workers" in one]
    plan = load_config(orders.config, sets=sets, environment={}, given=orders.given, wanted=list(orders.wanted))
    assert {built.name: built.workers for built in plan.stages}["segmentation"] == 1


def test_the_number_of_workers_is_no_part_of_what_decides_about_frames(order: Order, tmp_path: Path) -> None:
    works = []
    for workers in (1, 2):
        sets = [f"segmentation.workers={workers}"]
        plan = load_config("remove-people", sets=sets, environment={}, given=order.cut, wanted=str(tmp_path / "o.mp4"))
        source = source_of(plan)
        works.append(recipe_of(plan, source.open()))
        source.close()
    assert works[0].work == works[1].work
    assert json.dumps(works[0].config) != json.dumps(works[1].config)


@pytest.mark.parametrize(("processors", "lanes"), [(2, 1), (2, 2), (8, 3), (4, 7), (1, 1), (16, 4)])
def test_lanes_have_like_shares_and_no_processor_is_idle(
    monkeypatch: pytest.MonkeyPatch, processors: int, lanes: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)))
    monkeypatch.setattr(engine, "cores", lambda: processors)
    shares = [share(place, lanes) for place in range(lanes)]
    assert {one for each in shares for one in each} == set(range(processors))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    if lanes <= processors:
        assert sum(map(len, shares)) == processors  # nobody has to share
