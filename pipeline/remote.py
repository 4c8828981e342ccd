"""RemoteRun: a run in a child process, held from any thread of a program, a notebook or a server.

The child is `python -m pipeline.remote_child`. Nothing of the run stands in its arguments or its environment.

    stdin    one line of JSON, the RunOrders; then `stop`, a line, for each time it is asked to end: the first time it
             finishes its file, the second time it ends at once. At the end of stdin it finishes its file as well.
    stdout   JSON lines: {"event": "started", "name", "pid"} once it is known to `ps`, then it can be steered by
             `pipeline.admin.ask(name, ...)`; {"event": "note", "text"}; {"event": "frames", "done"} about ten times a
             second; and last {"event": "end", "code", "error", "report"}, the exit code as the command line gives it.
    stderr   what the workers' libraries write there, and a last word where Python itself breaks.

The child ends with its parent: by stdin, and by PR_SET_PDEATHSIG, which is why a thread that lives as long as the child
starts it: the kernel looks at the thread that did.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.errors import RunError

LONGEST_EVENT = 16_000_000  # bytes; the longest one holds the run report
STOP = b"stop\n"


@dataclass(frozen=True)
class RunOrders:
    """What is to be run, in the words of `load_config` and `run_plan`."""

    config: str
    sets: tuple[str, ...] = ()
    given: str | None = None
    wanted: tuple[str, ...] = ()
    name: str | None = None
    limit: int | None = None
    report: str | None = None
    stays: bool = False  # whether further orders follow when it has ended: then workers keep what they have loaded
    finish_alone: bool = True  # whether it finishes its file when who holds it has died; else it dies as well


@dataclass(frozen=True)
class Ending:
    """How it ended: the exit code, the one line to show where it failed, and the report; empty where there is none."""

    code: int
    error: str | None = None
    report: dict[str, Any] = field(default_factory=dict)


class RemoteRun:
    """Begun by `start()`; every method may be called from any thread, and none but the waiting ones ever waits.

    `heard` gets each event, in this object's own thread; the end in any case, when the process is gone. It should be
    quick; when it raises, the run is stopped and `wait()` raises the same. `stderr`: a descriptor for what the child
    writes there; None: where this process does."""

    def __init__(
        self,
        orders: RunOrders,
        heard: Callable[[dict[str, Any]], None] = lambda _: None,
        *,
        stderr: int | None = None,
    ) -> None:
        self.name = ""  # as `ps` shows it, once it has begun
        self.pid: int | None = None
        self._orders = orders
        self._heard = heard
        self._stderr = stderr
        self._child: subprocess.Popen[bytes] | None = None
        self._stops = 0
        self._told = 0  # how many of them the child has been told
        self._guard = threading.Lock()
        self._begun, self._over = threading.Event(), threading.Event()
        self._ending: Ending | None = None
        self._trouble: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="cleanplate run", daemon=True)

    def start(self) -> None:
        """Start the child; it says by events what comes of it. Once only."""
        self._thread.start()

    @property
    def ending(self) -> Ending | None:
        """How it ended; None while it goes on."""
        return self._ending if self._over.is_set() else None

    def wait_begun(self, timeout: float | None = None) -> bool:
        """Wait until it can be steered, or is over. False where neither came in time."""
        return self._begun.wait(timeout)

    def wait_over(self, timeout: float | None = None) -> bool:
        """Wait until it has ended. False where it has not in time."""
        return self._over.wait(timeout)

    def wait(self, timeout: float | None = None) -> Ending | None:
        """How it ended; None where it has not in time. Raises what `heard` raised."""
        if not self._over.wait(timeout):
            return None
        if self._trouble is not None:
            raise self._trouble
        return self._ending

    def stop(self) -> None:
        """Ask it to end: it finishes its file first; asked again, it ends at once."""
        with self._guard:
            self._stops += 1
        self._pass_on()

    def kill(self) -> None:
        """End it now, with nothing finished. Its workers end with it."""
        if self._child is not None:
            self._child.kill()

    # In the thread

    def _run(self) -> None:
        try:
            self._ending = self._live()
        except BaseException as error:  # noqa: BLE001 - it is raised again by who waits
            self._trouble = error
            self._ending = Ending(RunError.exit_code, str(error))
        finally:
            assert self._ending is not None
            self._tell({"event": "end", **asdict(self._ending)})
            self._over.set()
            self._begun.set()

    def _live(self) -> Ending:
        command = [sys.executable, "-P", "-m", "pipeline.remote_child", str(os.getpid())]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, start_new_session=True
        ) as child:
            assert child.stdin is not None
            try:
                self._give_orders(child)
                ending = self._listen(child)
            except BaseException:
                child.kill()
                raise
            finally:
                with self._guard:
                    self._child = None
                _close(child.stdin)
            code = child.wait()
        return ending or Ending(128 - code if code < 0 else RunError.exit_code, last_word(code))

    def _give_orders(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stdin is not None
        try:
            child.stdin.write(json.dumps(asdict(self._orders)).encode() + b"\n")
            child.stdin.flush()
        except BrokenPipeError:
            return  # it has died already, which is seen by what follows
        with self._guard:
            self._child, self.pid = child, child.pid
        self._pass_on()

    def _listen(self, child: subprocess.Popen[bytes]) -> Ending | None:
        """Hear what it says until it says no more."""
        assert child.stdout is not None
        ending = None
        while (line := child.stdout.readline(LONGEST_EVENT)).endswith(b"\n"):  # else it died in mid-sentence
            event = json.loads(line)
            if event["event"] == "end":  # told when the process is gone
                ending = Ending(event["code"], event["error"], event["report"])
                continue
            if event["event"] == "started":
                self.name = event["name"]
                self._begun.set()
            if self._trouble is None:
                self._tell(event)
        return ending

    def _tell(self, event: dict[str, Any]) -> None:
        try:
            self._heard(event)
        except BaseException as error:  # noqa: BLE001 - it is raised again by who waits
            self._trouble = self._trouble or error
            self.stop()

    def _pass_on(self) -> None:
        """Tell the child how often it was asked to end."""
        with self._guard:
            while self._child is not None and self._told < self._stops:
                assert self._child.stdin is not None
                self._told += 1
                try:
                    self._child.stdin.write(STOP)
                    self._child.stdin.flush()
                except (BrokenPipeError, ValueError):  # it is ending already
                    return


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return  # what was still to be said is said to nobody


def last_word(code: int) -> str:
    """What is said of a run whose process ended with this code, and said nothing."""
    how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
    return f"the process of the run {how} and said nothing; `cleanplate logs` may know more"
