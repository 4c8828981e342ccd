"""Trains `infill`: `python -m models.train_infill --help`."""

from __future__ import annotations

import argparse
import csv
import logging
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from models import training_log
from models.base import Image
from models.device import choose, to_channels_last
from models.infill_lessons import Lessons
from models.infill_losses import Critic, alike, caught, distances, fooled, misplaced, penalty
from models.infill_material import pack, table, unpacked
from models.infill_network import InfillNetwork, settle
from models.infill_shipping import plot, ship
from models.membrane import membrane

PIXELS = 8 * 128 * 128  # of a batch, on a processor; a GPU takes more
SEED = 11
RATE, CRITIC_RATE = 5e-4, 2e-4  # of learning
WARM = 200  # steps in which it rises; it falls as a cosine from then on
MEAN = 0.999  # of the weights so far that stays in their running mean, which is what is shipped
SETTLED = 0.2  # of all steps after which the norms stay as they are: crops of all sizes have to do with the same
ALONE = 0.6  # of all steps before the critic is asked
FLAT = 8  # steps from one penalty of the critic to the next
SAVE, TELL = 250, 25  # steps between checkpoints, lines of the log
WEIGHTS = {"hole": 1.0, "squares": 4.0, "means": 1.0, "edges": 0.3, "places": 0.1, "fooled": 0.01, "alike": 0.5}
COLUMNS = ("step", *WEIGHTS, "critic", "better")
_log = logging.getLogger("train_infill")


@dataclass(frozen=True, slots=True)
class How:
    """What a training is given: steps in all, pixels of a batch, workers that cut crops, the device."""

    steps: int
    pixels: int
    workers: int
    device: torch.device


class Training:
    """What a checkpoint holds: both networks, the mean of the weights, the optimisers, how far it is."""

    def __init__(self, folder: Path, pictures: Sequence[Image], how: How) -> None:
        torch.manual_seed(SEED)
        self._folder, self._how, self.step = folder, how, 0
        self._network = to_channels_last(InfillNetwork(learning=True).to(how.device))
        self._critic = to_channels_last(Critic().to(how.device))
        self._learner = torch.optim.AdamW(self._network.parameters(), RATE, (0.9, 0.99), weight_decay=1e-4)
        self._judge = torch.optim.AdamW(self._critic.parameters(), CRITIC_RATE, (0.5, 0.99), weight_decay=1e-4)
        self._mean = {name: value.clone() for name, value in self._network.state_dict().items()}
        if (checkpoint := folder / "checkpoint.pt").is_file():
            self._load(torch.load(checkpoint, how.device, weights_only=True))
        self._lessons = self._begin(pictures)

    def run(self) -> None:
        """Go on to the last step."""
        rows: list[dict[str, float]] = []
        with training_log.reopened(self._folder, COLUMNS, self.step) as file:
            log = csv.writer(file)
            while self.step < self._how.steps:
                rows.append(self._learn())
                if self.step % TELL == 0:
                    log.writerow([self.step, *(f"{_mean(rows, column):.5g}" for column in COLUMNS[1:])])
                    file.flush()
                    rows.clear()
                if self.step % SAVE == 0 or self.step == self._how.steps:
                    self._save()

    def _begin(self, pictures: Sequence[Image]) -> Iterator[Tensor]:
        """Batches from the next step's on: a resumed training sees what it would have seen."""
        lessons = Lessons(pictures, self._how.pixels, SEED, self.step)
        pinned = self._how.device.type == "cuda"
        return iter(DataLoader(lessons, batch_size=None, num_workers=self._how.workers, pin_memory=pinned))

    def _learn(self) -> dict[str, float]:
        """A step of the network, and of the critic once it is asked."""
        self._pace()
        if self.step >= SETTLED * self._how.steps:
            settle(self._network)
        canvas = next(self._lessons).to(self._how.device, non_blocking=True)
        canvas = canvas.contiguous(memory_format=torch.channels_last)
        hole, truth = canvas[:, :1], canvas[:, 1:].contiguous(memory_format=torch.channels_last)
        with self._short():
            answer, likeness = self._network.answer(canvas)
        parts = {**distances(answer, truth, hole), "places": misplaced(likeness, truth, hole)}
        filled = torch.lerp(truth, answer, hole)
        told = {"better": _better(filled, canvas)} if self.step % 5 == 0 else {}
        if self.step >= ALONE * self._how.steps:
            told["critic"] = self._teach(filled.detach(), truth, hole)
            parts |= self._judged(filled, truth, hole)
        loss = torch.stack([WEIGHTS[name] * part for name, part in parts.items()]).sum()
        _stepped(self._learner, self._network, loss)
        self.step += 1
        keep = min(MEAN, 1 - 1 / self.step)
        for name, value in self._network.state_dict().items():
            if value.is_floating_point():
                self._mean[name].lerp_(value, 1 - keep)
        return {**told, **{name: part.item() for name, part in parts.items()}}

    def _judged(self, filled: Tensor, truth: Tensor, hole: Tensor) -> dict[str, Tensor]:
        self._critic.requires_grad_(False)
        with self._short():
            verdicts, seen = self._critic(filled)
            with torch.no_grad():
                _, wanted = self._critic(truth)
        self._critic.requires_grad_(True)
        return {"fooled": fooled(verdicts, hole), "alike": alike(seen, wanted)}

    def _teach(self, filled: Tensor, truth: Tensor, hole: Tensor) -> float:
        with self._short():
            of_filled, of_truth = self._critic(filled)[0], self._critic(truth)[0]
        loss = caught(of_filled, of_truth, hole)
        if self.step % FLAT == 0:
            loss = loss + FLAT * penalty(self._critic, truth)
        _stepped(self._judge, self._critic, loss)
        return loss.item()

    def _pace(self) -> None:
        rising = min(1.0, (self.step + 1) / WARM)
        rate = RATE * rising * (0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * self.step / self._how.steps)))
        for group in self._learner.param_groups:
            group["lr"] = rate

    def _short(self) -> torch.autocast:
        return torch.autocast(self._how.device.type, torch.bfloat16)

    def _parts(self) -> dict[str, Any]:
        return {
            "network": self._network, "critic": self._critic, "learner": self._learner, "judge": self._judge,
        }  # fmt: skip

    def _save(self) -> None:
        state = {name: part.state_dict() for name, part in self._parts().items()}
        fresh = self._folder / "checkpoint.part"
        torch.save({**state, "step": self.step, "mean": self._mean}, fresh)
        os.replace(fresh, self._folder / "checkpoint.pt")

    def _load(self, state: dict[str, Any]) -> None:
        self.step, self._mean = state["step"], state["mean"]
        for name, part in self._parts().items():
            part.load_state_dict(state[name])


def _stepped(optimiser: torch.optim.Optimizer, network: nn.Module, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0, error_if_nonfinite=True)
    optimiser.step()


@torch.no_grad()
def _better(filled: Tensor, canvas: Tensor) -> float:
    """By how many dB than the membrane, over all holes of a batch."""
    hole, truth = canvas[:, :1], canvas[:, 1:]
    plain = ((membrane(truth, hole) - truth) * hole).square().sum()
    return float(10 * torch.log10(plain / (filled - truth).square().sum().clamp(min=1e-9)))


def _mean(rows: Sequence[dict[str, float]], column: str) -> float:
    """Of those that have it: before the critic is asked there is nothing to tell of it."""
    there = [row[column] for row in rows if column in row]
    return sum(there) / len(there) if there else math.nan


def main(words: Sequence[str] | None = None) -> None:
    """See `--help`."""
    parser = argparse.ArgumentParser(prog="python -m models.train_infill", description=__doc__)
    parser.add_argument("folder", type=Path, help="where material, checkpoint and log lie, or will")
    parser.add_argument("--pack", type=Path, help="folder with the packages of docs/infill/sources.md unpacked")
    parser.add_argument("--steps", type=int, default=17000, help="in all, those of a checkpoint included")
    parser.add_argument("--pixels", type=int, default=PIXELS, help="of a batch (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=0, help="processes that cut crops; 0: none of their own")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ...")
    parser.add_argument("--sources", type=Path, help="write the list of sources there")
    parser.add_argument("--plot", type=Path, help="draw the curve of the log there")
    parser.add_argument("--ship", type=Path, help="write the weights there")
    chosen = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    if chosen.sources:
        chosen.sources.write_text(table())
    material = chosen.folder / "material.npz"
    if chosen.pack:
        pack(chosen.pack, material)
    pictures = list(unpacked(material, held_out=False).values())
    place, _ = choose(chosen.device)
    training = Training(chosen.folder, pictures, How(chosen.steps, chosen.pixels, chosen.workers, place))
    _log.info("from step %d to %d on %s", training.step, chosen.steps, place)
    training.run()
    if chosen.plot:
        plot(chosen.folder / training_log.NAME, chosen.plot)
    if chosen.ship:
        ship(chosen.folder / "checkpoint.pt", chosen.ship)


if __name__ == "__main__":
    main()
