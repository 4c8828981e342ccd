"""The log of a training: a CSV file that forgets what its checkpoint does not know, and its curves."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import numpy as np

NAME = "log.csv"


def reopened(folder: Path, columns: Sequence[str], step: int) -> TextIO:
    """The log in that folder, open at its end: what it says beyond `step`, its first column, is forgotten, as the
    training has."""
    path = folder / NAME
    known = path.read_text().splitlines() if path.is_file() else []
    kept = [line for line in known[1:] if int(line.split(",")[0]) <= step]
    path.write_text("".join(f"{line}\n" for line in (",".join(columns), *kept)))
    return path.open("a", newline="")


def plot(log: Path, out: Path, shown: Sequence[tuple[str, str]], smooth: int) -> None:
    """The curves of four columns of a log, with what they are called; `smooth`: lines that make a point of a curve."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    figure, axes = pyplot.subplots(2, 2, figsize=(10, 6), sharex=True, layout="constrained")
    steps = np.array([float(row["step"]) for row in rows])
    for axis, (column, label) in zip(axes.flat, shown, strict=True):
        values = np.array([float(row[column]) for row in rows])
        axis.plot(steps, values, color="0.8", linewidth=0.5)
        starts = range(0, len(values) - smooth + 1, smooth)
        told = [at for at in starts if np.isfinite(values[at : at + smooth]).any()]
        axis.plot([steps[at + smooth // 2] for at in told], [np.nanmean(values[at : at + smooth]) for at in told])
        axis.set_ylabel(label)
    figure.supxlabel("steps")
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=80)
