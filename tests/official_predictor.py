"""Runs Ultralytics' own predictor and saves what it finds: `FOLDER CALLS`; a process of its own.

torchvision's compiled operators do not fit every build of torch, and without them it does not even import. Here they
are declared, which is enough for that, and its suppression is replaced by the one that Ultralytics keeps itself.
"""

from __future__ import annotations

import json
import sys
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch

OPERATORS = (
    *(
        f"{name}{what}"
        for name in ("roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool")
        for what in ("", "_backward")
    ),
    *("nms", "qnms", "deform_conv2d", "deform_conv2d_backward"),
)


def import_torchvision() -> None:
    """Make `import torchvision` work, with compiled operators or without."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    if not hasattr(torch.ops.torchvision, "nms"):
        for name in OPERATORS:
            library.define(f"{'_' if name.endswith('_backward') else ''}{name}(Tensor x) -> Tensor")
    import torchvision
    from ultralytics.utils.nms import TorchNMS

    torchvision.ops.nms = TorchNMS.nms
    globals()["_kept"] = library  # its declarations go when it goes


def main(folder: str, calls: str) -> None:
    import models.blocks  # noqa: F401  (the fence: nothing is fetched, no thread count changes)

    import_torchvision()
    from ultralytics import YOLO

    from tests.scenes import asset

    load = cache(partial(YOLO, task="segment"))
    for index, call in enumerate(json.loads(calls)):
        model = load(call.pop("checkpoint"))
        picture = asset(call.pop("picture"))
        found = model.predict(picture, save=False, verbose=False, **call)[0]
        boxes, height, width = found.boxes, *found.orig_shape
        masks = np.zeros((0, height, width), np.uint8) if found.masks is None else found.masks.data.byte().numpy()
        np.savez(
            Path(folder) / f"{index}.npz",
            boxes=boxes.xyxy.numpy(),
            scores=boxes.conf.numpy(),
            classes=boxes.cls.numpy().astype(int),
            masks=masks,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
