"""Following what was found over time: masks that do not blink."""

from stages.tracking.stage import Tracking

__all__ = ["Tracking"]
