"""Trains the neural coder: `python -m models.train_codec --help`."""

from __future__ import annotations

import argparse
import csv
import logging
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models import training_log
from models.base import Image
from models.codec_bases import begin
from models.codec_material import Shot, gather, table
from models.codec_scenes import LENGTH, Scene, View, shifted
from models.codec_shipping import plot, ship
from models.codec_training import Lesson, Marks, Teacher, lesson, thumbnail

SIZE, BATCH = 128, 4
SEED = 20
RATE, BASES_RATE = 5e-4, 2e-5  # of learning
WARM = 200  # steps in which it rises
FALL = 0.25  # of all steps in which it falls, at the end
MEAN = 0.998  # of the weights so far that stays in their running mean, which is what is shipped
WINDOWS = 400  # of which the transforms begin as principal components
SAVE, TELL = 250, 25  # steps between checkpoints, lines of the log
COLUMNS = "step", "loss", "bits", "region_db", "background_db", "head"
_log = logging.getLogger("train_codec")


class School:
    """Scenes side by side, each a picture further with every lesson; predictions are made of what came of the last."""

    def __init__(self, shots: Sequence[Shot], seed: int) -> None:
        self._shots, self.random = shots, np.random.default_rng(seed)
        self._scenes = [self._scene() for _ in range(BATCH)]
        self._numbers = [number % LENGTH for number in range(BATCH)]
        self._before: list[Image | None] = [None] * BATCH

    def next(self) -> Lesson:
        """The next picture of each scene."""
        views: list[View] = []
        for place, number in enumerate(self._numbers):
            if number == 0:
                self._scenes[place], self._before[place] = self._scene(), None
            views.append(self._scenes[place].view(number))
        predictions = [self._prediction(view, before) for view, before in zip(views, self._before, strict=True)]
        images, masks = np.stack([view.image for view in views]), np.stack([view.mask for view in views])
        keys = [before is None for before in self._before]
        return lesson(images, masks, np.stack(predictions), keys, self.random)

    def heed(self, marks: Marks) -> None:
        """What was made of it is what the next lesson begins with."""
        self._before = list(marks.pictures)
        self._numbers = [(number + 1) % LENGTH for number in self._numbers]

    def _scene(self) -> Scene:
        return Scene(self._shots, SIZE, self.random)

    def _prediction(self, view: View, before: Image | None) -> Image:
        return view.image if before is None else shifted(before, view.moved, self.random)


class Training:
    """What a checkpoint holds: the networks, the mean of their weights, the optimiser, how far it is."""

    def __init__(self, folder: Path, shots: Sequence[Shot]) -> None:
        torch.manual_seed(SEED)
        self._folder, self.step = folder, 0
        self.teacher = Teacher()
        self._optimiser = _optimiser(self.teacher)
        checkpoint = folder / "checkpoint.pt"
        if checkpoint.is_file():
            self._load(torch.load(checkpoint, weights_only=True))
        else:
            begin(self.teacher.network, _rests(shots))
            self.mean = {name: value.clone() for name, value in self.teacher.network.state_dict().items()}
        # a resumed training sees other scenes, not those of its beginning again
        self._school = School(shots, SEED + self.step)

    def run(self, steps: int) -> None:
        """Go on to that many steps in all."""
        rows: list[tuple[float, ...]] = []
        with training_log.reopened(self._folder, COLUMNS, self.step) as file:
            log = csv.writer(file)
            while self.step < steps:
                marks = self._learn(steps)
                rows.append((marks.loss.item(), marks.bits, marks.region, marks.background, marks.head))
                if self.step % TELL == 0:
                    log.writerow([self.step, *(f"{_mean(column):.5g}" for column in zip(*rows, strict=True))])
                    file.flush()
                    rows.clear()
                if self.step % SAVE == 0 or self.step == steps:
                    self._save()

    def _learn(self, steps: int) -> Marks:
        rising, falling = min(1.0, (self.step + 1) / WARM), min(1.0, (steps - self.step) / (FALL * steps))
        for group in self._optimiser.param_groups:
            group["lr"] = group["full"] * rising * falling
        with torch.autocast("cpu", torch.bfloat16):
            marks: Marks = self.teacher(self._school.next())
        self._optimiser.zero_grad()
        marks.loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.teacher.parameters(), 1.0, error_if_nonfinite=True)
        self._optimiser.step()
        self._school.heed(marks)
        self.step += 1
        keep = min(MEAN, 1 - 1 / self.step)
        for name, value in self.teacher.network.state_dict().items():
            self.mean[name].lerp_(value, 1 - keep)
        return marks

    def _save(self) -> None:
        state = {"step": self.step, "teacher": self.teacher.state_dict(), "mean": self.mean}
        fresh = self._folder / "checkpoint.part"
        torch.save({**state, "optimiser": self._optimiser.state_dict()}, fresh)
        os.replace(fresh, self._folder / "checkpoint.pt")

    def _load(self, state: dict[str, Any]) -> None:
        self.step, self.mean = state["step"], state["mean"]
        self.teacher.load_state_dict(state["teacher"])
        self._optimiser.load_state_dict(state["optimiser"])


def _optimiser(teacher: Teacher) -> torch.optim.Optimizer:
    bases = [*teacher.network.coarse.parameters(), *teacher.network.fine.parameters()]
    known = {id(part) for part in bases}
    others = [part for part in teacher.parameters() if id(part) not in known]
    groups = [{"params": bases, "full": BASES_RATE}, {"params": others, "full": RATE}]
    return torch.optim.AdamW(groups, lr=RATE, weight_decay=1e-4)


def _mean(values: Sequence[float]) -> float:
    """Of those that are there: a lesson may have no region."""
    there = [value for value in values if not math.isnan(value)]
    return sum(there) / len(there) if there else math.nan


def _rests(shots: Sequence[Shot]) -> torch.Tensor:
    """What thumbnails leave of many windows, [N, 3, S, S]."""
    random = np.random.default_rng(SEED)
    images = np.stack([Scene(shots, SIZE, random).view(0).image for _ in range(WINDOWS)])
    windows = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    return windows - thumbnail(windows, 4.0)


def packed(material: Path, folder: Path) -> list[Shot]:
    """The material, gathered once and kept."""
    kept = folder / "material.npz"
    if not kept.is_file():
        shots = list(gather(material))
        parts = {
            f"{number}-{name}": getattr(shot, name) for number, shot in enumerate(shots) for name in Shot.__slots__
        }
        np.savez(kept, **parts)
    with np.load(kept) as store:
        count = len(store.files) // 2
        return [Shot(store[f"{number}-images"], store[f"{number}-masks"]) for number in range(count)]


def main(words: Sequence[str] | None = None) -> None:
    """See `--help`."""
    parser = argparse.ArgumentParser(prog="python -m models.train_codec", description=__doc__)
    parser.add_argument("material", type=Path, help="folder with the packages of docs/semantic/sources.md unpacked")
    parser.add_argument("folder", type=Path, help="where checkpoint and log lie, or will")
    parser.add_argument("--steps", type=int, default=8000, help="in all, those of a checkpoint included")
    parser.add_argument("--sources", type=Path, help="write the list of sources there")
    parser.add_argument("--plot", type=Path, help="draw the curve of the log there")
    parser.add_argument("--ship", type=Path, help="count tables, write them there with the weights")
    chosen = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    if chosen.sources:
        chosen.sources.write_text(table())
    shots = packed(chosen.material, chosen.folder)
    training = Training(chosen.folder, shots)
    _log.info("from step %d to %d", training.step, chosen.steps)
    training.run(chosen.steps)
    if chosen.plot:
        plot(chosen.folder / training_log.NAME, chosen.plot)
    if chosen.ship:
        ship(chosen.folder / "checkpoint.pt", shots, SEED, chosen.ship)


if __name__ == "__main__":
    main()
