"""Levels: what the processes of a run hold, looked at again and again, and whether it grows."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
import psutil


class Levels:
    """Samples of one run. `pids`: its processes by name, which must live as long as it is watched."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self.samples: dict[str, list[tuple[int, int, int, int]]] = defaultdict(list)  # frames, bytes, fds, threads
        self.p99_ms: list[float] = []
        self._pids = dict(pids)

    def take(self, status: Mapping[str, Any]) -> None:
        """Look at everybody; `status` is what the run has just told of itself."""
        assert status["ledger_balanced"]
        self.p99_ms.append(status["latency_ms"]["p99"])
        for name, pid in self._pids.items():
            process = psutil.Process(pid)
            with process.oneshot():
                found = process.memory_info().rss, process.num_fds(), process.num_threads()
            self.samples[name].append((status["frames"]["accepted"], *found))

    def assert_level(self, *, most_slope: float) -> None:
        """After a fifth for warming up. `most_slope`: bytes for each frame."""
        for name, samples in self.samples.items():
            frames, rss, fds, threads = np.array(samples[len(samples) // 5 :]).T
            slope = np.polyfit(frames, rss, 1)[0]
            growth = _late(rss) - _early(rss)
            print(f"{name}: {slope:.1f} bytes a frame over {frames[-1] - frames[0]} frames, {growth / 1e6:+.2f} MB,")
            print(f"    descriptors {_early(fds):.0f} to {_late(fds):.0f}, threads {_early(threads):.0f} to "
                  f"{_late(threads):.0f}")  # fmt: skip
            assert slope <= most_slope or growth <= 500_000, f"{name} grows"
            assert growth <= 10e6
            for what in (fds, threads):
                assert abs(_late(what) - _early(what)) <= 2, name
                assert max(what) <= np.median(what) + 30, name

    def assert_as_quick_at_the_end(self) -> None:
        """The 99th percentile of the latency: in the last tenth of the time by that in the second tenth."""
        tenth = len(self.p99_ms) // 10
        first, last = (statistics.median(part) for part in (self.p99_ms[tenth : 2 * tenth], self.p99_ms[-tenth:]))
        print(f"p99 latency: {first:.1f} ms at first, {last:.1f} ms at last")
        assert last <= 1.5 * first


def _early(values: np.ndarray) -> float:
    return float(np.median(values[: len(values) // 5]))


def _late(values: np.ndarray) -> float:
    return float(np.median(values[-len(values) // 5 :]))
