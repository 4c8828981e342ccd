"""From prototype masks to one label map of the whole picture, in shapes that never change; knows no network.

Instances are numbered by rank while they are painted, the best highest: so the largest number wins, and growing all of
them together is one dilation of the numbers, which equals growing one after the other by
`stages.segmentation.labels.Labeller`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from models.letterbox import Letterbox
from models.masks import RATIO, WIDER

AT_ONCE = 1 << 28  # bytes for the masks that are made together
PER_PIXEL = 8  # of them for a pixel of one mask: logit, mask, rank
_CORNER = math.sqrt(2) - 1  # of a regular octagon: half an edge against the inner radius


class Painter:
    """Masks of one letterbox at the picture's own resolution."""

    def __init__(self, fit: Letterbox, contour: float, place: torch.device) -> None:
        """`contour`: see `models.masks`."""
        self._fit, self._contour = fit, contour
        self._threshold = math.log(contour / (1 - contour))
        sides = (fit.width, fit.inner_width, fit.left, fit.out_width), (
            fit.height, fit.inner_height, fit.top, fit.out_height,
        )  # fmt: skip
        x, y = (_among_prototypes(*side) for side in sides)
        grid = torch.stack((x.expand(len(y), -1), y[:, None].expand(-1, len(x))), -1)
        self._grid = grid[None].to(place)
        self._columns, self._rows = (torch.arange(side, device=place) for side in (fit.width, fit.height))
        self._limits = torch.tensor([fit.width, fit.height] * 2, dtype=torch.float32, device=place)
        self._scale = torch.tensor([fit.scale_x, fit.scale_y] * 2, dtype=torch.float32, device=place)
        self._shift = torch.tensor([fit.left, fit.top] * 2, dtype=torch.float32, device=place)

    def undo_boxes(self, boxes: Tensor) -> Tensor:
        """As `Letterbox.undo_boxes`."""
        return torch.minimum(((boxes - self._shift) / self._scale).clamp(min=0), self._limits)

    def paint(self, prototypes: Tensor, coefficients: Tensor, boxes: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """Ranks int16 [height, width] (0: nobody, n - i: the pixel is row i's), and which rows have a pixel, bool [n].

        `prototypes` [masks, h, w], `coefficients` [n, masks], `boxes` [n, 4] on the picture, best first; `there` [n].
        """
        most = len(boxes)
        boxes = torch.where(there[:, None], self._reach(boxes), 0)
        logits = (coefficients @ prototypes.float().flatten(1)).view(-1, *prototypes.shape[1:])
        ranks = torch.zeros((self._fit.height, self._fit.width), dtype=torch.int16, device=boxes.device)
        shown = []
        step = max(1, AT_ONCE // (PER_PIXEL * ranks.numel()))
        for start in range(0, most, step):
            part = slice(start, min(start + step, most))
            masks = self._masks(logits[part], boxes[part])
            shown.append(masks.flatten(1).any(1))
            rank = torch.arange(most - start, most - part.stop, -1, dtype=torch.int16, device=boxes.device)
            torch.maximum(ranks, torch.where(masks, rank[:, None, None], 0).amax(0), out=ranks)
        return ranks, torch.cat(shown)

    def _masks(self, logits: Tensor, boxes: Tensor) -> Tensor:
        """bool [k, height, width] of [k, h, w] and [k, 4]; a pixel is in a box that starts in it."""
        fine = F.grid_sample(logits[None], self._grid, mode="bilinear", padding_mode="border", align_corners=True)[0]
        x0, y0, x1, y1 = boxes[:, :, None].unbind(1)
        across = (self._columns >= x0) & (self._columns < x1)
        down = (self._rows >= y0) & (self._rows < y1)
        return (fine > self._threshold) & across[:, None, :] & down[:, :, None]

    def _reach(self, boxes: Tensor) -> Tensor:
        """How far the masks may go: with a generous contour somewhat out of their boxes."""
        if self._contour >= 0.5:
            return boxes
        side = WIDER * torch.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])[:, None]
        wider = torch.cat((boxes[:, :2] - side, boxes[:, 2:] + side), 1)
        return torch.minimum(wider.clamp(min=0), self._limits)


def _among_prototypes(outer: int, inner: int, pad: int, whole: int) -> Tensor:
    """Where each of `outer` pixels lies among the prototypes of one axis, float32 [outer], -1 the first and 1 the last
    one's middle. What was found on the grey around the picture is left out."""
    place = ((torch.arange(outer) + 0.5) * inner / outer + pad) / RATIO - 0.5
    place = place.clamp(pad // RATIO, -(-(pad + inner) // RATIO) - 1)
    return 2 * place / (whole // RATIO - 1) - 1


def grown(ranks: Tensor, pixels: int) -> Tensor:
    """Dilate int16 [H, W] by the octagon of `stages.segmentation.growth`: a square first, then a diamond."""
    if not pixels:
        return ranks
    squares = math.ceil(pixels * _CORNER)
    form = torch.float16 if ranks.is_cuda else torch.float32  # exact for whole numbers up to 2048; fewer are given
    field = F.max_pool2d(ranks.to(form)[None, None], (2 * squares + 1, 1), 1, (squares, 0))
    field = F.max_pool2d(field, (1, 2 * squares + 1), 1, (0, squares))[0, 0].to(torch.int16)
    for _ in range(pixels - squares):
        wider = field.clone()
        for to, of in ((wider[1:], field[:-1]), (wider[:-1], field[1:]), (wider[:, 1:], field[:, :-1])):
            torch.maximum(to, of, out=to)
        field = torch.maximum(wider, F.pad(field[:, 1:], (0, 1)))
    return field
