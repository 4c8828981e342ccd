"""What programs and notebooks call: a whole run in one line. `Pipeline` is a run as an object; for single pictures see
`pipeline.inline.Inline`."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.failures import RunFailed, SetupFailed, failure
from pipeline.handle import Pipeline
from pipeline.pictures import Picture
from pipeline.remote import Ending, RemoteRun, RunOrders
from pipeline.run import run_plan
from pipeline.supervisor import Supervisor

__all__ = ["Picture", "Pipeline", "RunFailed", "SetupFailed", "process_video"]


def process_video(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    config: str = "remove-people",
    sets: Sequence[str] = (),
    frames: int | None = None,
    report: str | os.PathLike[str] | None = None,
    told: Callable[[str], None] = lambda _: None,
    on_frame: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """Run a configuration (a path or a shipped name) from `source` to `target`; returns the run report.

        process_video("street.mp4", "clean.mp4", sets=["segmentation.classes=[dog]"], frames=100)

    `told` gets what a user should know, `on_frame` how many frames are out, each time it is more; both in the calling
    thread, which this keeps until the end. In the main thread the run heeds the signals of the process; in another one
    it is a child process. Raises ConfigError for what is wrong beforehand, RunFailed for what went wrong on the way:
    frames that could be done are in the target all the same.
    """
    if frames is not None and frames < 1:
        raise ConfigError(f"{frames = }: at least 1")
    seen = 0

    def count(done: int) -> None:
        nonlocal seen
        if done > seen:
            seen = done
            on_frame(done)

    plan = load_config(config, sets=sets, given=os.fspath(source), wanted=os.fspath(target))
    if threading.current_thread() is threading.main_thread():
        path = Path(report) if report else None
        result = run_plan(plan, limit=frames, report=path, told=told, tick=lambda run: count(_out(run)))
        ending = Ending(result.code, result.error, result.report)
    else:
        words = os.fspath(source), (os.fspath(target),)
        orders = RunOrders(config, tuple(sets), *words, limit=frames, report=os.fspath(report) if report else None)
        ending = _run_in_child(orders, told, count)
    if ending.code:
        raise failure(ending)
    return ending.report


def _out(supervisor: Supervisor) -> int:
    return supervisor.ledger.fates["output"] + supervisor.ledger.fates["blanked"]


def _run_in_child(orders: RunOrders, told: Callable[[str], None], count: Callable[[int], None]) -> Ending:
    """Run it in a child, and call back in this thread. What a callback raises ends the run, its file finished."""
    heard: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    run = RemoteRun(orders, heard.put)
    run.start()
    try:
        while (event := heard.get())["event"] != "end":
            if event["event"] == "note":
                told(event["text"])
            elif event["event"] == "frames":
                count(event["done"])
    finally:
        if run.ending is None:
            run.stop()
        ending = run.wait()
    assert ending is not None
    return ending
