"""The only import of Ultralytics: keeps it from phoning home and from changing this process's threads.

Importing `ultralytics` looks up names in the DNS, sends usage events, installs packages and turns OpenCV's threads off
unless told otherwise. torchvision stays out: its operators do not fit every build of torch, and nothing here needs it.
"""

from __future__ import annotations

import os

import cv2
import torch

from models.weights import cache_folder

_threads = cv2.getNumThreads(), torch.get_num_threads()

for _name, _value in {
    "YOLO_OFFLINE": "1",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    "YOLO_CONFIG_DIR": str(cache_folder()),
    "ULTRALYTICS_SAFE_LOAD": "1",
    "OMP_NUM_THREADS": str(torch.get_num_threads()),
}.items():
    os.environ.setdefault(_name, _value)

from ultralytics.nn import modules  # noqa: E402
from ultralytics.nn.modules import C3, SPPF, Concat, Conv, Proto, Segment  # noqa: E402
from ultralytics.nn.modules.head import Detect, Pose, Pose26, Segment26  # noqa: E402
from ultralytics.nn.tasks import DetectionModel, PoseModel, SegmentationModel  # noqa: E402

cv2.setNumThreads(_threads[0])
torch.set_num_threads(_threads[1])

LAYERS = frozenset(modules.__all__) - {"TorchVision"}  # that one imports torchvision and fetches weights

__all__ = [
    "C3",
    "LAYERS",
    "SPPF",
    "Concat",
    "Conv",
    "Detect",
    "DetectionModel",
    "Pose",
    "Pose26",
    "PoseModel",
    "Proto",
    "Segment",
    "Segment26",
    "SegmentationModel",
]
