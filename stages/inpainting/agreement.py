"""Agreement: how far a picture, laid over the present one, is like it around a hole, and how much darker it is."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.frame import Image

FEWEST = 200  # pixels around a hole by which a picture can be judged
SAMPLES = 3000  # of them that are looked at for light and likeness
SHARE = 4  # by which the picture of the differences is reduced
SPREAD = 3  # pixels of that over which they are averaged
WORST = 40  # levels of difference: more says no more
LIKENESS = 0.25  # correlation below which a picture is not believed
PLAIN = 9.0  # levels squared: with less variance there is nothing to be told apart by

Floats = NDArray[np.float32]


class Agreement:
    """The present picture [h, w, 3] around a hole (255 in `hidden` [h, w]); asked once for each picture."""

    def __init__(self, image: Image, hidden: Image) -> None:
        self._image = image
        self._open = cv2.compare(hidden, 0, cv2.CMP_EQ)
        height, width = hidden.shape
        self._small = max(1, width // SHARE), max(1, height // SHARE)

    def judge(self, pixels: Image, shown: Image) -> tuple[Floats, Floats] | None:
        """For a picture [h, w, 3] that shows the scene where `shown` [h, w] is 255: how far it can be trusted, from 1
        down to nearly 0, float32 [h, w], and by how many levels [3] the present one is lighter.

        None where too little can be compared, or that is another scene."""
        around = cv2.bitwise_and(shown, self._open)
        places = np.flatnonzero(around)
        if len(places) < FEWEST:
            return None
        places = places[:: -(-len(places) // SAMPLES)]
        ours, theirs = (p.reshape(-1, 3)[places].astype(np.float32) for p in (self._image, pixels))
        if _likeness(ours[:, 1], theirs[:, 1]) < LIKENESS:
            return None
        median = np.median(ours - theirs, axis=0)
        light = np.where(np.abs(median) > 1, median, 0).astype(np.float32)
        return self._trust(pixels, around, light), light

    def _trust(self, pixels: Image, around: Image, light: Floats) -> Floats:
        lit = cv2.add(pixels, (*map(float, light), 0.0)) if light.any() else pixels
        error = cv2.cvtColor(cv2.absdiff(lit, self._image), cv2.COLOR_BGR2GRAY)
        error = cv2.bitwise_and(cv2.min(error, WORST), around)
        level, share = (self._blurred(plane) for plane in (error, around))
        mean = (level + np.float32(0.002)) / (share / 255 + np.float32(1e-4))
        height, width = around.shape
        return cv2.resize(1 / (1 + mean**2), (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[no-any-return]

    def _blurred(self, plane: Image) -> Floats:
        small = cv2.resize(plane, self._small, interpolation=cv2.INTER_AREA).astype(np.float32)
        return cv2.GaussianBlur(small, (0, 0), SPREAD)  # type: ignore[no-any-return]


def _likeness(ours: Floats, theirs: Floats) -> float:
    """Correlation; 1 where both are plain."""
    ours, theirs = ours - ours.mean(), theirs - theirs.mean()
    scale = float(np.sqrt((ours**2).mean() * (theirs**2).mean()))
    return 1.0 if scale < PLAIN else float((ours * theirs).mean()) / scale
