"""Privacy: finding what identifies somebody, and covering it so that nobody can take the cover off."""

from stages.privacy.cover import Cover
from stages.privacy.detection import Detection
from stages.privacy.removal import Backdrop, Removal

__all__ = ["Backdrop", "Cover", "Detection", "Removal"]
