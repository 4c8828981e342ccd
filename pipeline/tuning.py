"""Tuning: gives a stage that works new values for its live fields, all of them or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.stage import Stage


def tune(stage: Stage, options: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Between two frames. `options` are those it was made from. Where `changed()` raises, the old values are back and
    what it raised travels on. Raises ValueError for values that the class does not allow."""
    wanted = type(stage).model_validate({**options, **values})
    fields = frozenset(values)
    former = {name: getattr(stage, name) for name in fields}
    _put(stage, {name: getattr(wanted, name) for name in fields})
    try:
        stage.changed(fields)
    except Exception:
        _put(stage, former)
        stage.changed(fields)
        raise


def _put(stage: Stage, values: Mapping[str, Any]) -> None:
    """A stage is frozen for everybody but the runtime."""
    stage.__dict__.update(values)
