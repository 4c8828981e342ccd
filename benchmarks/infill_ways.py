"""The ways to fill a hole that `infill` stands beside: classical ones, PatchMatch, LaMa where its weights are."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.base import Image, ModelError
from models.registry import load_inpainter
from models.telea import RADIUS
from pipeline.reading import escaped
from stages.inpainting.finish import Finish

OURS, REFERENCE = "infill", "telea"
NAMES = (REFERENCE, "telea-reduced", "push-pull", "patchmatch", "lama", OURS)
SAYS = {
    REFERENCE: "OpenCV's Telea at full size",
    "telea-reduced": "`telea` as it is here: large holes at a reduced size",
    "push-pull": "`push-pull`",
    "patchmatch": "PatchMatch (G'MIC's `inpaint_matchpatch`)",
    "lama": "`lama`, its published weights",
    OURS: "`infill`, finished in light, detail and noise as the stage does",
}
PATCHMATCH = "gmic"
COMMAND = "v -99 srand 0 inpaint_matchpatch[0] [1]"  # whatever it is told, it tells its progress on stderr

Fill = Callable[[Image, Image], Image]
"""A picture uint8 [h, w, 3] BGR and its hole uint8 [h, w] to a new picture."""


@dataclass(frozen=True, slots=True)
class Way:
    """`facts`: what runs, of a network."""

    name: str
    fill: Fill
    facts: dict[str, str]


def ways(file: Path | None = None, **how: Any) -> tuple[list[Way], dict[str, str]]:
    """Those that are here, and why the others are not. `file`: weights of infill other than the shipped ones; `how`
    goes to the networks (`engine`, `device`, `precision`). Raises ModelError where infill itself cannot be loaded."""
    here = [
        Way(REFERENCE, telea, {}),
        _adapter("telea-reduced", "telea"),
        _adapter("push-pull"),
        _network(OURS, weights_file=str(file) if file else None, **how),
    ]
    absent = {}
    if find_spec(PATCHMATCH):
        here.append(Way("patchmatch", patchmatch, {}))
    else:
        absent["patchmatch"] = f"{PATCHMATCH} is not installed; next: pip install gmic"
    try:
        here.append(_network("lama", **how))
    except ModelError as error:
        absent["lama"] = why(error)
    return sorted(here, key=lambda way: NAMES.index(way.name)), absent


def telea(image: Image, hole: Image) -> Image:
    """Fast marching from the rim of the whole hole, however large it is."""
    return cv2.inpaint(image, hole, RADIUS, cv2.INPAINT_TELEA)  # type: ignore[no-any-return]


def patchmatch(image: Image, hole: Image) -> Image:
    """Patches from elsewhere in the picture, from coarse to fine (Barnes and others, SIGGRAPH 2009)."""
    gmic = importlib.import_module(PATCHMATCH)
    planes = [gmic.Image.from_yxc(plane.astype(np.float32)) for plane in (image, hole[..., None])]
    pixels = gmic.run(COMMAND, gmic.ImageList(planes))[0].to_numpy()  # [w, h, 1, 3]
    found: Image = np.clip(np.rint(pixels[:, :, 0].swapaxes(0, 1)), 0, 255).astype(np.uint8)
    return found


def why(error: ModelError) -> str:
    """What it says, fit for a page: in one line, without the folders of whoever measured."""
    return escaped(" ".join(str(error).split())).replace(str(Path.home()), "~")


def _adapter(name: str, model: str = "", **options: Any) -> Way:
    inpainter = load_inpainter(model or name, **options)
    facts = inpainter.info.facts()
    # A whole path names a folder of whoever measured.
    return Way(name, inpainter.inpaint, facts | {"source": Path(facts["source"]).name})


def _network(name: str, **options: Any) -> Way:
    """As the inpainting stage finishes what a network invents."""
    way, finish = _adapter(name, **options), Finish()

    def fill(image: Image, hole: Image) -> Image:
        return finish(way.fill(image, hole), image, hole, 0, 0, light=True, texture=True, grain=True)

    return Way(name, fill, way.facts)
