"""Rows of groups A and G that no test covers here, and why."""

from __future__ import annotations

REASONS: dict[str, str] = {}
