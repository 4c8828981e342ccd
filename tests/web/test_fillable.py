"""No text of a stranger becomes a path that a stage reads, or an address that it calls up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.reading import read_yaml, shipped
from pipeline.web.catalogue import PRIVATE, Offer
from pipeline.web.describe import pipeline as described
from pipeline.web.fillable import CHECKED, HOSTILE, is_fillable, is_free_text
from pipeline.web.refusal import Refused

TEXT = {"type": "string"}
NUMBER = {"type": "number"}
PATHS = {
    "cover": ("faces", "sticker", "allow_weak"),
    "detection": ("weights", "engine", "device"),
    "tracking": ("rules", "kept", "remove"),
}


def offer_of(told: dict[str, Any]) -> Offer:
    return Offer(told, **{name: told.pop(name) for name in PRIVATE})


@pytest.fixture(scope="module")
def offers() -> dict[str, Offer]:
    closed = [name for name in shipped() if read_yaml(name)[1].get("fail") == "closed"]
    return {name: offer_of(described(name)) for name in closed}


@pytest.mark.parametrize(
    "schema",
    [
        TEXT,
        {},
        {"description": "anything at all"},
        {"type": "string", "format": "path"},
        {"type": "string", "pattern": "^[ -~]*$"},
        {"type": "string", "pattern": "passwd"},
        {"type": ["string", "null"]},
        {"anyOf": [TEXT, {"type": "null"}]},
        {"anyOf": [{"const": "auto"}, {}]},
        {"type": "array", "items": TEXT},
        {"type": "array"},
        {"type": "array", "prefixItems": [NUMBER, TEXT], "items": False},
        {"type": "array", "prefixItems": [NUMBER], "items": TEXT},
        {"type": "object"},
        {"type": "object", "additionalProperties": NUMBER},
        {"type": "object", "properties": {"file": TEXT}, "additionalProperties": False},
        {"type": "array", "items": {"type": "object", "properties": {"when": {"type": "object"}}}},
    ],
)
def test_wherever_a_text_may_stand_that_may_be_anything_nobody_fills_it_in(schema: dict[str, Any]) -> None:
    assert is_free_text(schema)
    assert not is_fillable("somewhere", schema, None)


@pytest.mark.parametrize(
    "schema",
    [
        NUMBER,
        {"type": "boolean"},
        {"enum": ["a", "b"], "type": "string"},
        {"anyOf": [{"const": "auto", "type": "string"}, {"type": "integer"}, {"type": "null"}]},
        {"type": "string", "pattern": r"^[1-9]\d{1,4}x[1-9]\d{1,4}$"},
        {"type": "array", "items": {"type": "array", "items": NUMBER}},
        {"type": "array", "prefixItems": [NUMBER], "items": False},
    ],
)
def test_numbers_and_choices_are_filled_in(schema: dict[str, Any]) -> None:
    assert not is_free_text(schema)


def test_no_field_of_a_pipeline_that_protects_takes_a_path(offers: dict[str, Offer]) -> None:
    """Each field that is shown is tried, and those that would read what they are given, or show somebody."""
    assert len(offers) >= 5
    tried = 0
    for name, offer in offers.items():
        stages = {stage["name"]: {field["name"]: field for field in stage["fields"]} for stage in offer.told["stages"]}
        for stage, fields in stages.items():
            for field in (*fields, *PATHS.get(stage, ())):
                known = fields.get(field)
                if known is not None and field in CHECKED:
                    continue
                if known is not None and not is_free_text(known["schema"]) and "enum" not in str(known["schema"]):
                    continue
                for text in HOSTILE:
                    listed = known is not None and known["schema"].get("type") == "array"
                    value = [text] if listed else text
                    if known is not None and not listed and known["schema"].get("type") != "string":
                        continue  # a word beside numbers
                    with pytest.raises(Refused) as refused:
                        offer.check({f"{stage}.{field}": value})
                    assert refused.value.status == 422, (name, stage, field)
                    tried += 1
    assert tried > 200


def test_detectors_and_templates_are_taken_by_name_and_nothing_else_is(offers: dict[str, Offer]) -> None:
    offer = offers["privacy-all"]
    offer.check({"detection.detectors": ["centerface", "plate-cascade"], "cover.template": "blank"})
    for path, value in (
        ("detection.detectors", ["centerface", "/srv/x.onnx"]),
        ("detection.detectors", ["https://10.0.0.1/x.onnx#sha256=" + "0" * 64]),
        ("detection.detectors", "/srv/x.onnx"),
        ("detection.detectors", [["/srv/x.onnx"]]),
        ("detection.detectors", [{"centerface": 1}]),
        ("cover.template", "/srv/plate.png"),
        ("cover.effect", "remove"),  # nothing is removed here
    ):
        with pytest.raises(Refused) as refused:
            offer.check({path: value})
        assert "is none of" in refused.value.text
    offers["privacy-remove"].check({"cover.effect": "remove"})


def test_a_file_that_a_configuration_names_is_not_told_to_strangers(tmp_path: Path) -> None:
    raw = dict(read_yaml("privacy-plates")[1])
    raw["stages"][3]["with"] = {"effect": "template", "template": str(tmp_path / "own.png"), "faces": str(tmp_path)}
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(raw))
    told = described(str(path))
    assert str(tmp_path) not in str(told["stages"])
    with pytest.raises(Refused):
        offer_of(told).check({"cover.template": "blank"})
