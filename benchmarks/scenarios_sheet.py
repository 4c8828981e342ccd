"""Sheets: a few moments of a scenario in one picture: input, mask, result, truth, and what differs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.scenarios_clip import Scenario
from pipeline.frame import FrameSpec, Image
from stages.output.still import Still

MOMENTS, CELL, GAP, HEAD = 6, 300, 4, 18
PAPER, INK = (250, 250, 250), (40, 40, 40)
MAGENTA = (255, 0, 255)


def write_sheet(scenario: Scenario, results: Sequence[Image], folder: Path) -> Path:
    """A PNG named after the scenario. Raises OSError, RunError."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_picture(sheet(scenario, results), folder / f"{scenario.name}.png")


def write_picture(picture: Image, path: Path, quality: int = 90) -> Path:
    """As PNG or JPEG, by the name, whole or not at all. Raises OSError, RunError."""
    height, width = picture.shape[:2]
    coded = Still(path.suffix[1:], FrameSpec(width=width, height=height), quality).encode(np.ascontiguousarray(picture))
    draft = path.with_name(f".{path.name}.part")
    draft.write_bytes(coded)
    os.replace(draft, path)
    return path


def sheet(scenario: Scenario, results: Sequence[Image]) -> Image:
    """A column for each of MOMENTS moments, evenly spread: input with the mask's outline, result, truth, what differs
    (eight times as strong)."""
    indices = np.linspace(0, len(results) - 1, MOMENTS).round().astype(int)
    columns = [np.vstack([_head(index), *_cells(scenario, results, index)]) for index in indices]
    return np.ascontiguousarray(np.hstack(columns))


def outlined(image: Image, mask: Image) -> Image:
    """The picture with the mask's edge in magenta."""
    shown = image.copy()
    edge = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    shown[edge > 0] = MAGENTA
    return shown


def _cells(scenario: Scenario, results: Sequence[Image], index: int) -> list[Image]:
    image, result, truth = scenario.frames[index], results[index], scenario.truth[index]
    differs = cv2.convertScaleAbs(cv2.absdiff(result, truth), alpha=8)
    return [small(part) for part in (outlined(image, scenario.masks[index]), result, truth, differs)]


def small(picture: Image, width: int = CELL) -> Image:
    """Reduced to that width, with a gap at the right and below."""
    height = round(picture.shape[0] * width / picture.shape[1])
    reduced = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    bordered: Image = cv2.copyMakeBorder(reduced, 0, GAP, 0, GAP, cv2.BORDER_CONSTANT, value=PAPER)
    return bordered


def _head(index: int) -> Image:
    head = np.full((HEAD, CELL + GAP, 3), PAPER, np.uint8)
    cv2.putText(head, f"frame {index}", (2, HEAD - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)
    return head
