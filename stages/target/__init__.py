"""Following what the user points at, and nothing else."""

from stages.target.stage import Target

__all__ = ["Target"]
