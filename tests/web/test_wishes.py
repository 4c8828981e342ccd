"""What Python reads as JSON, and no pipeline can be told, is refused before anything is started for it."""

from __future__ import annotations

import asyncio
import json

import psutil
import pytest
from pydantic import ValidationError

from pipeline.web.orders import Orders
from pipeline.web.spawned import Child
from pipeline.web.wishes import Rewish, Setting, Wish
from tests.web.guarded import Guarded

ODD = ['"\\ud800"', '["person", "\\udfff"]', '{"\\ud800": 1}', "NaN", "[Infinity]", "-Infinity", "[" * 300 + "]" * 300]


@pytest.mark.parametrize("text", ODD)
def test_a_value_that_cannot_be_handed_on_is_no_wish(text: str) -> None:
    value = json.loads(text)
    source = {"kind": "camera", "address": "cam:test"}
    for made in (
        lambda: Wish.model_validate({"pipeline": "x", "source": source, "settings": {"a.b": value}}),
        lambda: Rewish.model_validate({"settings": {"a.b": value}}),
        lambda: Setting.model_validate({"stage": "a", "field": "b", "value": value}),
    ):
        with pytest.raises(ValidationError):
            made()


@pytest.mark.parametrize("value", [1, 0.5, "auto", "é😀", ["person"], [[[0.1, 0.2], [1, 1]]], None, True, {"a": [1]}])
def test_usual_values_pass(value: object) -> None:
    assert Setting.model_validate({"stage": "a", "field": "b", "value": value}).value == value


@pytest.mark.parametrize("text", ODD)
def test_its_sender_is_told(server: Guarded, text: str) -> None:
    body = f'{{"pipeline": "x", "source": {{"kind": "browser"}}, "settings": {{"a.b": {text}}}}}'
    with server.owner() as owner:
        said = owner.post("/api/sessions", content=body, headers={"Content-Type": "application/json"})
    assert said.status_code == 422, said.text


def test_settings_of_a_restart_are_laid_over_the_former_ones() -> None:
    source = {"kind": "camera", "address": "cam:test"}
    wish = Wish.model_validate({"pipeline": "x", "source": source, "settings": {"a.b": 1, "a.c": 2}})

    def over(**given: object) -> dict[str, object]:
        return Rewish.model_validate(given).over(wish).settings

    assert over() == over(pipeline="x") == over(settings=None) == {"a.b": 1, "a.c": 2}
    assert over(settings={"a.c": 3}) == {"a.b": 1, "a.c": 3}
    assert over(pipeline="y", settings={"d.e": 3}) == {"d.e": 3}
    assert over(pipeline="y") == {}  # it has other stages


def test_orders_that_cannot_be_written_leave_no_process() -> None:
    orders = Orders(
        parent=1, name="x", pipeline="x", input="", settings={"a.b": "\ud800"}, outlets=(), folder="/nowhere", report=""
    )
    with pytest.raises(ValueError, match="surrogates"):
        asyncio.run(Child.start(orders, lambda text: None))
    assert not [one for one in psutil.Process().children() if "pipeline.web.child" in one.cmdline()]
