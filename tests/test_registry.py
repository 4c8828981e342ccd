"""Models are found by name; the list of them costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from models import registry
from models.base import ModelError


def test_the_catalogue_loads_no_model_library() -> None:
    code = """
import sys
from models.registry import catalogue
assert {line.name for line in catalogue()} >= {"yolov5s-seg", "lama", "telea"}
assert not {"torch", "cv2", "ultralytics", "simple_lama_inpainting"} & set(sys.modules), "too much imported"
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_catalogue_says_what_is_here_and_under_what_licence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMA_MODEL", "/no/such/file.pt")
    lines = {line.name: line for line in registry.catalogue()}
    assert lines["yolov5s-seg"].state == "present"
    assert lines["yolov5s-seg"].licence == "GPL-3.0"
    assert lines["lama"].state == "missing"
    assert "/no/such/file.pt" in lines["lama"].detail
    assert lines["telea"].state == "present"


def test_a_misspelt_segmenter_is_answered_with_the_close_match() -> None:
    with pytest.raises(ModelError, match=r"no model 'yolov5-seg' to segment with; did you mean 'yolov5s-seg'"):
        registry.load_segmenter("yolov5-seg", classes=["person"])


def test_a_wild_name_is_answered_with_all_there_is() -> None:
    with pytest.raises(ModelError, match="did you mean 'infill' or 'lama' or 'push-pull' or 'telea'"):
        registry.load_inpainter("zzzzzz")


def test_a_segmenter_is_no_inpainter() -> None:
    with pytest.raises(ModelError, match="to inpaint with"):
        registry.load_inpainter("yolov5s-seg")


def test_a_model_without_weights_takes_none() -> None:
    assert registry.load_inpainter("telea").info.name == "telea"
    with pytest.raises(ModelError, match=r"telea takes no weights, but 'own\.pt' was given"):
        registry.load_inpainter("telea", weights_file="own.pt")
