"""Promptable segmenters, SAM and its like by Ultralytics' networks: a box in, the mask of what is in it out.

Ultralytics' own loaders are not used: they download, and unpickle what they are given.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models import blocks, weights
from models.base import Image, ModelError, ModelInfo
from models.device import choose
from models.restricted_pickle import Checkpoint, TensorRef, read_checkpoint

SIDE = 1024  # pixels of the network's square input
ROOM = 0.5  # of the box's longer side that is shown around it
FILL = 114  # as Ultralytics pads
MEAN, SPREAD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # RGB, of ImageNet

OF_VIDEO = ("no_obj_embed_spatial", "obj_ptr_tpos_proj.")  # what SAM 2.1 has beside, for its memory over frames

Network = Any  # Ultralytics' SAMModel or SAM2Model


class Promptable:
    """One network, one picture and box at a time."""

    def __init__(self, weights_file: str, *, device: str = "auto", side: int = SIDE) -> None:
        """`weights_file` is a name in `models.weights` or a path; `side` of the network's input, a multiple of 128.

        Raises ModelError: missing, or none of SAM's."""
        path = weights.locate(weights_file)
        self._network, self._side = read_network(path), side
        self._network.set_imgsz((side, side))
        self._place, _ = choose(device, "float32")
        self._network.to(self._place)
        self.info = ModelInfo(
            Path(weights_file).stem, str(path), weights.sha256(path), str(self._place), "float32", "torch"
        )

    @torch.inference_mode()
    def cut(self, image: Image, box: NDArray[np.float32]) -> Image:
        """uint8 [H, W] of 0 and 255: what is in `box` (x0 y0 x1 y1, pixels) of `image`, uint8 [H, W, 3] BGR.

        Raises FloatingPointError where the network's answer is not finite."""
        x0, y0, x1, y1 = shown = _around(box, *image.shape[:2])
        part = image[y0:y1, x0:x1]
        scale = self._side / max(part.shape[:2])
        height, width = (max(1, round(side * scale)) for side in part.shape[:2])
        canvas = np.full((self._side, self._side, 3), FILL, np.uint8)
        canvas[:height, :width] = cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR)
        prompt = torch.from_numpy((box - np.array(shown[:2] * 2, np.float32)) * np.float32(scale))
        logits = answer(self._network, _normal(canvas).to(self._place), prompt.to(self._place)[None])
        if not bool(torch.isfinite(logits).all()):
            raise FloatingPointError("the promptable network's output is not finite")
        fine = nn.functional.interpolate(logits[None, None], (self._side, self._side), mode="bilinear")[
            0, 0, :height, :width
        ]
        mask = np.zeros(image.shape[:2], np.uint8)
        inside = (fine > 0).to(torch.uint8).cpu().numpy() * np.uint8(255)
        mask[y0:y1, x0:x1] = cv2.resize(inside, part.shape[1::-1], interpolation=cv2.INTER_AREA) // 128 * 255
        return mask

    def warm_up(self) -> float:
        """Run twice; return the seconds of the second time."""
        picture, box = np.full((64, 64, 3), 127, np.uint8), np.array([16, 16, 48, 48], np.float32)
        self.cut(picture, box)
        begun = time.perf_counter()
        self.cut(picture, box)
        return time.perf_counter() - begun


def answer(network: Network, picture: Tensor, boxes: Tensor) -> Tensor:
    """Mask logits [side / 4, side / 4] of one box [1, 4] on a normalised picture [1, 3, side, side]."""
    masks: Tensor
    if hasattr(network, "sam_mask_decoder"):
        levels = network._prepare_backbone_features(network.forward_image(picture))[1]
        sides = [picture.shape[-1] // stride for stride in (4, 8, 16)]
        if network.directly_add_no_mem_embed:
            levels[-1] = levels[-1] + network.no_mem_embed
        planes = [level.permute(1, 2, 0).view(1, -1, side, side) for level, side in zip(levels, sides, strict=True)]
        corners = boxes.view(-1, 2, 2), torch.tensor([[2, 3]], dtype=torch.int32, device=boxes.device)
        encoder, decoder = network.sam_prompt_encoder, network.sam_mask_decoder
        sparse, dense = encoder(points=corners, boxes=None, masks=None)
        fine = {"repeat_image": False, "high_res_features": planes[:-1]}
        masks = decoder(planes[-1], encoder.get_dense_pe(), sparse, dense, multimask_output=False, **fine)[0]
    else:
        encoder, decoder = network.prompt_encoder, network.mask_decoder
        sparse, dense = encoder(points=None, boxes=boxes, masks=None)
        features = network.image_encoder(picture)
        masks = decoder(features, encoder.get_dense_pe(), sparse, dense, multimask_output=False)[0]
    return masks.float()[0, 0]


def read_network(path: Path) -> Network:
    """The network whose tensors are in a checkpoint: `mobile_sam` or the tiny `sam2`. Raises ModelError."""
    checkpoint = read_checkpoint(path)
    tensors = _tensors(checkpoint)
    network = build("sam2" if any(name.startswith("sam_mask_decoder.") for name in tensors) else "mobile_sam")
    try:
        missing, strange = network.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        raise ModelError(f"{path}: no MobileSAM and no tiny SAM 2: {str(error)[:200]}") from error
    if wrong := [*missing, *(name for name in strange if not name.startswith(OF_VIDEO))]:
        raise ModelError(f"{path}: no MobileSAM and no tiny SAM 2: {len(wrong)} tensors amiss, {wrong[0]!r} for one")
    return network


def build(kind: str) -> Network:
    """A network with random weights."""
    assert blocks.LAYERS  # imported first: it keeps Ultralytics quiet and off the network
    from ultralytics.models.sam.build import build_mobile_sam, build_sam2_t

    network = (build_sam2_t if kind == "sam2" else build_mobile_sam)()
    return network.eval().requires_grad_(False)


def _tensors(checkpoint: Checkpoint) -> dict[str, Tensor]:
    root = checkpoint.root
    root = root.get("model", root) if isinstance(root, dict) else None
    if not isinstance(root, dict) or not root or not all(isinstance(ref, TensorRef) for ref in root.values()):
        raise ModelError(f"{checkpoint.path}: no tensors by name, as MobileSAM and SAM 2 are kept")
    return {str(name): checkpoint.tensor(ref).float() for name, ref in root.items()}


def _around(box: NDArray[np.float32], height: int, width: int) -> tuple[int, int, int, int]:
    room = ROOM * float(max(box[2] - box[0], box[3] - box[1])) + 8
    x0, y0 = (max(0, int(side - room)) for side in box[:2])
    return x0, y0, min(width, int(box[2] + room) + 1), min(height, int(box[3] + room) + 1)


def _normal(canvas: Image) -> Tensor:
    """float32 [1, 3, side, side], RGB."""
    picture = torch.from_numpy(np.ascontiguousarray(canvas[..., ::-1])).permute(2, 0, 1)[None].float()
    return (picture - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(SPREAD).view(1, 3, 1, 1)
