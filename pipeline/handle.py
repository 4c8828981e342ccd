"""Pipeline: a run as an object of a program or a notebook: begun, looked at, steered and ended from any thread."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pipeline.admin import ask
from pipeline.config import load_config
from pipeline.errors import CleanplateError, ConfigError, RunError
from pipeline.failures import failure
from pipeline.pictures import PLANES, SCHEME, Picture, Pictures
from pipeline.remote import RemoteRun, RunOrders
from pipeline.requests import Change, Pause, Request, Resume, Scale, Status

MOST_NOTES = 100
BEGIN_S = 60.0  # for Python and its libraries to come in, on a slow disk
SLOW_S = 60.0  # for an answer: a stage that nobody works for just now may still be loading its model
SHUT_S = 90.0  # from being asked to end: the frames under way, and the file
HURRY_S = 10.0  # from being asked again
INTERRUPTED = (130, 143)  # exit codes
Target = str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None


class Pipeline:
    """A configuration (a path or a shipped name) that runs from `source` to `target`, in processes of its own.

        with Pipeline("remove-people", source="street.mp4", target="clean.mp4") as run:
            run.set("segmentation.grow", 12)
            report = run.wait()

        with Pipeline("remove-people", source="cam:0") as run:
            for picture in run.frames():
                show(picture.clean)

    `target` is an output as the command line takes it, or several. Without one, or with `on_frame` or `planes`, there
    are pictures of the frames: `on_frame` gets each in a thread of its own, `frames()` brings them to yours. `planes`
    says what they hold; ["clean"] by default, ["image", "clean"] for before and after. Of a file every frame comes, and
    the run waits for who looks; of a live source the newest one, and the run waits for nobody. When `on_frame` raises,
    the run is stopped and `wait()` raises the same. `told` gets what a user should know, in a thread of the run.

    Raises ConfigError for what is wrong beforehand. Leaving the `with` block ends the run; one that is not ended ends
    with the program.
    """

    def __init__(
        self,
        config: str = "remove-people",
        *,
        source: str | os.PathLike[str] | None = None,
        target: Target = None,
        sets: Sequence[str] = (),
        on_frame: Callable[[Picture], None] | None = None,
        planes: Sequence[str] = (),
        frames: int | None = None,
        report: str | os.PathLike[str] | None = None,
        name: str | None = None,
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        if frames is not None and frames < 1:
            raise ConfigError(f"{frames = }: at least 1")
        if isinstance(planes, str) or isinstance(sets, str):
            raise ConfigError(f"{planes = }, {sets = }: a list of these is needed")
        self.notes: list[str] = []  # what a user should know, so far
        self.done = 0  # frames out so far
        self._config, self._sets = config, tuple(sets)
        self._source = None if source is None else os.fspath(source)
        targets = [target] if isinstance(target, str | os.PathLike) else target or ()
        self._targets = tuple(os.fspath(one) for one in targets)
        self._planes = tuple(planes) or ("clean",)
        self._has_pictures = bool(planes) or on_frame is not None or not self._targets
        self._limit, self._report_path = frames, None if report is None else str(Path(report))
        self._name, self._told, self._on_frame = name, told, on_frame
        self._run: RemoteRun | None = None
        self._pictures: Pictures | None = None
        self._looker: threading.Thread | None = None
        self._looking = self._asked_to_end = self._has_raised = False
        self._trouble: BaseException | None = None
        self._last: dict[str, Any] = {}
        self._check(f"{SCHEME}/{PLANES}{','.join(self._planes)}")

    # Its life

    def start(self) -> Self:
        """Begin, and return once the run can be steered; its models may still be loading. Once only.

        Raises ConfigError where the name or the target is in use, and what else ends it as early as that."""
        if self._run is not None:
            raise ConfigError("this pipeline was started before; make another one")
        if self._has_pictures:
            self._pictures = Pictures(self._planes)
        orders = RunOrders(
            self._config,
            self._sets,
            self._source,
            (*self._targets, *([self._pictures.address] if self._pictures else [])),
            self._name,
            self._limit,
            self._report_path,
        )
        self._run = RemoteRun(orders, self._heard)
        self._run.start()
        if self._on_frame is not None:
            self._looker = threading.Thread(target=self._look, args=(self._on_frame,), daemon=True)
            self._looker.start()
        if not self._run.wait_begun(BEGIN_S):
            self._run.kill()
            self._end()
            raise RunError(f"{self._config}: the run has not begun within {BEGIN_S:g} s")
        if (ending := self._run.ending) is not None and ending.code and not self._asked_to_end:
            self.wait()
        return self

    def stop(self) -> None:
        """Ask it to end: it finishes the target first; asked again, it ends at once. Never waits."""
        self._asked_to_end = True
        if self._run is not None:
            self._run.stop()
        if self._pictures is not None:
            self._pictures.discard()

    def wait(self, timeout: float | None = None) -> dict[str, Any] | None:
        """Wait for the end; the run report, or None where it goes on for longer than `timeout` seconds.

        Raises ConfigError, SetupFailed or RunFailed where it did not end well, and what `on_frame` raised. A run that
        `stop()` ended has ended well. Pictures that nobody takes meanwhile are thrown away."""
        run = self._started()
        if self._pictures is not None and self._looker is None and not self._looking:
            self._pictures.discard()
        ending = run.wait(timeout)
        if ending is None:
            return None
        self._settle()
        if self._trouble is not None:
            self._has_raised = True
            raise self._trouble
        if ending.code and not (self._asked_to_end and ending.code in INTERRUPTED):
            self._has_raised = True
            raise failure(ending)
        return ending.report

    def __enter__(self) -> Self:
        return self if self._run is not None else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        told = self._has_raised or error is not None
        self._end()
        if not told:
            self.wait()

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._run is not None and self._run.ending is None

    @property
    def name(self) -> str:
        """What `cleanplate ps` calls it."""
        return self._run.name if self._run is not None else ""

    @property
    def report(self) -> dict[str, Any] | None:
        """The run report once it has ended; None before, and where it ended before there was one."""
        ending = self._run.ending if self._run is not None else None
        return ending.report or None if ending else None

    # While it runs

    def frames(self) -> Iterator[Picture]:
        """The pictures, one by one, until the run ends; starts it where that was not done. Once only.

        Raises what `wait()` raises where it did not end well."""
        if not self._has_pictures or self._on_frame is not None or self._looking:
            raise ConfigError("no pictures to iterate over: without on_frame, once, and beside a target with planes=")
        if self._run is None:
            self.start()
        assert self._pictures is not None
        return self._frames(self._pictures)

    def stats(self) -> dict[str, Any]:
        """How it is going, as `cleanplate top` shows it: phase, frames, latency, and each stage with its workers, its
        queue and what can be set. After the end the last that was known, with the phase `ended`."""
        if self.running:
            try:
                self._last = self._ask(Status(), 5.0)
            except CleanplateError:
                if self._run is None or not self._run.wait_over(1.0):  # it may have ended just now
                    raise
        if not self.running and self.report is not None:
            self._last |= {"phase": "ended", **{key: self.report[key] for key in ("frames", "seconds", "latency_ms")}}
        return self._last

    def set(self, path: str, value: Any) -> Any:
        """Give a live field, `STAGE.FIELD`, a new value between two frames; returns the one that it had."""
        stage, dot, field = path.partition(".")
        if not (stage and dot and field):
            raise ConfigError(f"{path!r}: STAGE.FIELD is needed, as segmentation.grow")
        return self._ask(Change(stage=stage, field=field, value=value), SLOW_S)["from"]

    def scale(self, stage: str, workers: int) -> int:
        """Have so many workers for a stage from now on; returns how many there were to be before."""
        if workers < 1:
            raise ConfigError(f"{workers = }: at least 1")
        before: int = self._ask(Scale(stage=stage, workers=workers), 5.0)["from"]
        return before

    def pause(self) -> None:
        """Bring in nothing more; what is under way is finished."""
        self._ask(Pause(), 5.0)

    def resume(self) -> None:
        """Go on after a pause."""
        self._ask(Resume(), 5.0)

    # Inside

    def _check(self, pictures: str) -> None:
        """Whether the configuration is right, with this address for its pictures. Raises ConfigError."""
        wanted = (*self._targets, *([pictures] if self._has_pictures else []))
        plan = load_config(self._config, sets=self._sets, given=self._source, wanted=wanted or None)
        if self._has_pictures and not any(getattr(built.stage, "hands_over", False) for built in plan.stages):
            last = plan.stages[-1]
            raise ConfigError(f"{self._config}: no pictures come of {last.uses}; its last stage has to be an Auto")

    def _started(self) -> RemoteRun:
        if self._run is None:
            raise ConfigError("this pipeline was not started: call start(), or use it in a `with` block")
        if threading.current_thread() is self._looker:
            raise ConfigError("on_frame cannot wait for the end of the run that waits for it")
        return self._run

    def _ask(self, request: Request, timeout: float) -> dict[str, Any]:
        if self._run is None or not self._run.name:
            raise ConfigError("this pipeline does not run: call start() first")
        return ask(self._run.name, request, timeout)

    def _heard(self, event: dict[str, Any]) -> None:
        match event:
            case {"event": "frames", "done": done}:
                self.done = done
            case {"event": "note", "text": text}:
                if len(self.notes) < MOST_NOTES:
                    self.notes.append(text)
                self._told(text)
            case {"event": "end"} if self._pictures is not None:
                self._pictures.finish()

    def _look(self, on_frame: Callable[[Picture], None]) -> None:
        assert self._pictures is not None
        assert self._run is not None
        try:
            for picture in self._pictures:
                on_frame(picture)
        except BaseException as error:  # noqa: BLE001 - it is raised again by wait()
            self._trouble = error
            self._run.stop()
            self._pictures.discard()

    def _frames(self, pictures: Pictures) -> Iterator[Picture]:
        self._looking = True
        try:
            yield from pictures
        finally:
            pictures.discard()
        self.wait()

    def _settle(self) -> None:
        """The run has ended: so do the threads that look at its pictures."""
        if self._looker is not None:
            self._looker.join()
        if self._pictures is not None:
            self._pictures.close()

    def _end(self) -> None:
        """End it, however long that takes, but not for ever."""
        run = self._run
        if run is None:
            return
        for patience in (SHUT_S, HURRY_S):
            if run.ending is None:
                self.stop()
                run.wait_over(patience)
        if run.ending is None:
            run.kill()
            run.wait_over(None)
        self._settle()
