"""How late is a picture on the page? From a clock that a camera films to the same clock read back in a browser.

A real `cleanplate serve`, a real Chromium and its page, all on this machine: one clock for both ends. The camera's
stage draws the time into its picture at the moment it takes it; the page's canvas is read once for each frame that the
screen would show (so half a refresh, 8 ms, is a part of it). Two pipelines: one that does nothing (`nothing`), and the
removal of people (`removal`); two sizes; by WebSocket (JPEG) and by WebRTC (VP8).

`late_ms`: p50 and p99 of what is seen. `stages_ms`: what the pipeline itself took, its median latency from in to out by
its own books. `beyond_ms`: the difference; asked was at most GOAL_MS. `python -m benchmarks.glass` writes
`results/glass.json`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from benchmarks.glass_page import opened, watch
from benchmarks.results import FOLDER, complete, make_folder, save
from pipeline.errors import RunError
from pipeline.reading import shipped

if TYPE_CHECKING:
    from playwright.sync_api import Page

GOAL_MS = 150.0
SIZES = ((640, 360), (1280, 720))
WAYS = ("jpeg", "webrtc")
PIPELINES = ("nothing", "removal")
RATE = 30
FRAMES = 300
WARM = 60  # pictures: an encoder finds its pace, a browser its delay
NOTHING = {"name": "nothing", "uses": "benchmarks.glass_clock:Nothing"}
BEGIN = """
async (wish) => {
  const headers = { "Content-Type": "application/json" };
  const said = await fetch("/api/sessions", { method: "POST", body: JSON.stringify(wish), headers });
  const told = await said.json();
  if (!said.ok) throw new Error(told.error);
  return told.id;
}
"""
LOGGED_IN = """
async () => { while (!(await fetch("/api/sessions")).ok) await new Promise((go) => setTimeout(go, 100)); }
"""
END = '(id) => fetch("/api/sessions/" + id, { method: "DELETE" }).then((said) => said.status)'
DRAWN = """
([more, seconds]) => new Promise((resolve, reject) => {
  const drawn = () => window.cleanplate?.framesDrawn ?? 0;
  const least = drawn() + more, until = performance.now() + 1000 * seconds;
  const look = () => {
    if (drawn() >= least) resolve();
    else if (performance.now() > until) reject(new Error(`${drawn()} of ${least} pictures within ${seconds} s`));
    else setTimeout(look, 50);
  };
  look();
})
"""  # the page's own rules forbid what playwright's wait_for_function does
PATIENCE_S = 90


def configuration(folder: Path, name: str, size: tuple[int, int]) -> Path:
    """A pipeline with the clock for its camera: `nothing` between it and the page, or the removal of people."""
    width, height = size
    config = yaml.safe_load(shipped()["live-camera"].read_text())
    middle = config["stages"][1:-1] if name == "removal" else [NOTHING]
    camera = {"width": width, "height": height, "rate": RATE}
    config["name"] = f"{name}-{height}"
    ingest = {"name": "ingest", "uses": "benchmarks.glass_clock:Clock", "with": camera}
    config["stages"] = [ingest, *middle, config["stages"][-1]]
    path = folder / f"{config['name']}.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


@contextmanager
def serving(folder: Path, pipelines: Sequence[Path]) -> Iterator[str]:
    """`cleanplate serve` on a free port; its address. Raises RunError."""
    offered = [word for path in pipelines for word in ("--pipeline", str(path))]
    program = [sys.executable, "-c", "from pipeline.cli import main; main()"]
    command = [*program, "serve", "--port", "0", "--media", str(folder / "media"), *offered]
    errors = folder / "stderr"
    with errors.open("w") as stderr:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=dict(os.environ))
    assert server.stdout is not None
    try:
        address = server.stdout.readline().strip()
        if not address:
            raise RunError(f"cleanplate serve did not start: {errors.read_text().strip()[-500:]}")
        yield address
    finally:
        server.terminate()
        server.wait(timeout=60)
        server.stdout.close()


def measure(
    sizes: Sequence[tuple[int, int]] = SIZES,
    pipelines: Sequence[str] = PIPELINES,
    ways: Sequence[str] = WAYS,
    frames: int = FRAMES,
) -> list[dict[str, Any]]:
    """One entry for each combination. Raises RunError, SetupError."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked = [(pipeline, size) for pipeline in pipelines for size in sizes]
        with serving(folder, [configuration(folder, *one) for one in asked]) as address, opened() as page:
            for pipeline, size in asked:
                found += list(_watched(page, address, pipeline, size, ways, frames))
    return found


def _watched(
    page: Page, address: str, pipeline: str, size: tuple[int, int], ways: Sequence[str], frames: int
) -> Iterator[dict[str, Any]]:
    """A session, seen by JPEG first: its heads tell the pipeline's own time."""
    page.goto(address)
    page.evaluate(LOGGED_IN)
    wish = {"pipeline": f"{pipeline}-{size[1]}", "source": {"kind": "camera", "address": "cam:test"}}
    session = page.evaluate(BEGIN, wish)
    page.goto("about:blank")
    page.goto(f"{address}#{session}")
    page.evaluate(DRAWN, [WARM, PATIENCE_S])
    own = 0.0
    for way in ways:
        if way == "webrtc":
            page.locator("button.transport").locator("visible=true").click()
            page.evaluate(DRAWN, [WARM, PATIENCE_S])
        seen = watch(page, "result", frames)
        ages = [age for _, age, _ in seen["seen"] if age is not None]
        own = float(np.median(ages)) if way == "jpeg" and ages else own
        yield {"pipeline": pipeline, "size": f"{size[0]}x{size[1]}", "way": way, **_figures(seen, own)}
    page.evaluate(END, session)


def _figures(seen: dict[str, Any], own: float) -> dict[str, Any]:
    late = [one for one, _, _ in seen["seen"]]
    moments = [moment for _, _, moment in seen["seen"]]
    percentiles = {f"p{percent}": round(float(np.percentile(late, percent)), 1) for percent in (50, 95, 99)}
    return {
        "late_ms": percentiles,
        "stages_ms": round(own, 1),
        "beyond_ms": {name: round(value - own, 1) for name, value in percentiles.items()},
        "met": percentiles["p50"] - own <= GOAL_MS,
        "fps": round(1000 * (len(moments) - 1) / (moments[-1] - moments[0]), 1),
        "frames": len(late),
        "blurred": seen["blurred"],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.glass", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=FRAMES, help="pictures of each measurement")
    parser.add_argument("--pipeline", choices=PIPELINES, action="append", help="one of the two pipelines only")
    parser.add_argument("--json", type=Path, default=FOLDER / "glass.json", help="default: %(default)s")
    asked = parser.parse_args(arguments)
    make_folder(asked.json)
    found = measure(pipelines=asked.pipeline or PIPELINES, frames=asked.frames)
    save(asked.json, complete("glass", {"goal_ms": GOAL_MS, "rate": RATE, "measured": found}))
    for one in found:
        late, beyond = one["late_ms"], one["beyond_ms"]
        what = f"{one['pipeline']:8} {one['size']:9} {one['way']:7}"
        lateness = f"p50 {late['p50']:6.1f} ms, p99 {late['p99']:6.1f}; beyond the stages {beyond['p50']:6.1f}"
        print(f"{what} {lateness}; {one['fps']} frames/s{'' if one['met'] else '; too late'}")
    print(asked.json)


if __name__ == "__main__":
    main()
