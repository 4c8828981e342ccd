"""The process of one session: told by its orders on stdin what to run, it runs it to its end and says how that went.

It writes a JSON object a line on stdout: {"event": "planned"} when all is valid, {"event": "note", "text"}, and at last
{"event": "end", "code", "error"}. It ends with the web process, however that ends.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import yaml

from pipeline.config import Plan, load_config
from pipeline.errors import CleanplateError
from pipeline.events import Events
from pipeline.lifeline import die_with_parent
from pipeline.reading import read_yaml
from pipeline.web.orders import Orders, assembled

INTERNAL = 4
LONGEST_NOTE = 600  # characters
LONGEST_ERROR = 8000  # with the longest escapes, a line that the web process still reads


def main() -> None:
    """Read the orders, run, and exit as a run does."""
    events = Events.on_stdout()
    try:
        orders = Orders.model_validate_json(sys.stdin.readline())
        die_with_parent(orders.parent, signal.SIGTERM)  # asked to end when the web process does, be it killed
        code, error = work(orders, events)
    except CleanplateError as fault:
        code, error = fault.exit_code, str(fault)
    except Exception as fault:  # noqa: BLE001 - told to who asked for the session; the log holds the rest
        code, error = INTERNAL, f"internal error: {type(fault).__name__}: {fault}"
    events.finish(code=code, error=error and error[:LONGEST_ERROR])
    sys.exit(code)


def work(orders: Orders, events: Events) -> tuple[int, str | None]:
    """Run what is wanted; the exit code, and the reason where it failed. Raises CleanplateError."""
    from pipeline.cli.weights import ensure_weights
    from pipeline.run import run_plan

    def note(text: str) -> None:
        events.say("note", text=text[:LONGEST_NOTE])

    plan = plan_of(orders)
    events.say("planned")
    ensure_weights(plan, quiet=True, told=note)
    result = run_plan(plan, name=orders.name, report=Path(orders.report), told=note)
    return result.code, result.error


def plan_of(orders: Orders) -> Plan:
    """The valid pipeline. Raises ConfigError."""
    label, raw = read_yaml(orders.pipeline)
    made = assembled(raw, orders.settings, orders.outlets)
    path = Path(orders.folder) / f"{Path(label).stem}.yaml"
    path.write_text(yaml.safe_dump(made, sort_keys=False))
    try:
        return load_config(str(path), given=orders.input)
    finally:
        path.unlink()


if __name__ == "__main__":
    main()
