"""Finding what is to be removed: Segmentation as one mask, InstanceSegmentation one by one, for somebody who tracks."""

from stages.segmentation.instances import InstanceSegmentation
from stages.segmentation.labels import to_rows
from stages.segmentation.stage import Segmentation

__all__ = ["InstanceSegmentation", "Segmentation", "to_rows"]
