"""Rows of groups A and G that no test covers here, and why."""

from __future__ import annotations

REASONS: dict[str, str] = {
    "G4": "There is nothing to attach to: a plane's memory has no name, and its descriptor is handed on when it has "
    "its size, its pages and its seals (tests/test_ring.py).",
    "G9": "This version has no jobs: a run is from one input to one output, and ends with its process.",
    "G10": "This version keeps nothing between two runs that a newer or an older one could misread.",
}
