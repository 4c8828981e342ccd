"""Rows of groups A and G that no test covers here, and why."""

from __future__ import annotations

REASONS: dict[str, str] = {
    "G4": "There is nothing to attach to: a plane's memory has no name, and its descriptor is handed on when it has "
    "its size, its pages and its seals (tests/test_ring.py).",
}
