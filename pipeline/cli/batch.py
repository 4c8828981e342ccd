"""Several runs of one call, one after the other: a failed one does not stop the rest; and what became of each."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.cli.inputs import Errand
from pipeline.errors import CleanplateError
from pipeline.reading import printable
from pipeline.run import Result

WORDS = {
    "completed": "done",
    "completed_with_errors": "done with errors",
    "interrupted": "interrupted",
    "failed": "failed",
}
INTERRUPTED = 128


class End(NamedTuple):
    """How one errand ended; `made` is its output where there is one."""

    code: int
    said: str
    made: str = ""


@dataclass
class Batch:
    """Runs errands in turn with `run`, which shows what it has to show; remembers how each ended."""

    errands: Sequence[Errand]
    run: Callable[[Errand], Result]
    quiet: bool = False
    debug: bool = False
    ends: list[End] = field(default_factory=list)

    def work(self) -> int:
        """Run all and show the closing summary. The exit code of the call: see `code`."""
        for number, errand in enumerate(self.errands, 1):
            if not self.quiet:
                print(f"cleanplate: [{number}/{len(self.errands)}] {errand.label}", file=sys.stderr, flush=True)
            self.ends.append(self._run(errand))
            if self.ends[-1].code > INTERRUPTED:
                break
        if not self.quiet:
            print(self.summary(), flush=True)
        return self.code

    def _run(self, errand: Errand) -> End:
        try:
            errand.make_folders()
            result = self.run(errand)
        except KeyboardInterrupt:  # between two runs: no supervisor was there to take it
            return End(130, WORDS["interrupted"])
        except CleanplateError as error:
            if self.debug:
                traceback.print_exc()
            print(f"cleanplate: {error}", file=sys.stderr)
            return End(error.exit_code, WORDS["failed"])
        made = ", ".join(errand.outputs) if result.report["frames"]["output"] else None
        return End(result.code, WORDS[result.report["result"]], printable(made or ""))

    @property
    def code(self) -> int:
        """0 if all went well, else that of the interruption if there was one, else that of the first bad end."""
        bad = [end.code for end in self.ends if end.code]
        return next((code for code in bad if code > INTERRUPTED), bad[0] if bad else 0)

    def summary(self) -> str:
        """How many are done, and a line for each input."""
        done = sum(end.code == 0 for end in self.ends)
        ends = [*self.ends, *[End(0, "not begun")] * (len(self.errands) - len(self.ends))]
        wide, high = max(len(errand.label) for errand in self.errands), max(len(end.said) for end in ends)
        lines = [f"{done} of {len(self.errands)} inputs are done"]
        for errand, end in zip(self.errands, ends, strict=True):
            lines.append(f"  {errand.label:<{wide}}  {end.said:<{high}}  {end.made}".rstrip())
        return "\n".join(lines)
