"""`cleanplate verify --repair`: what is left is covered, solid and larger, in a new file, and looked for again."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pipeline.config import load_config
from pipeline.errors import ConfigError, RunError
from pipeline.run import run_plan

if TYPE_CHECKING:
    from pipeline.cli.verifying import Outcome
    from stages.privacy.sightings import Span

ROUNDS = 3
QUALITY = {"h264": 16, "h265": 18, "vp9": 20, "av1": 20}  # crf: what is not covered should look as it did
CODECS = {"h264": "h264", "hevc": "h265", "av1": "av1", "vp9": "vp9", "prores": "prores", "ffv1": "ffv1"}
CODECS |= {"mjpeg": "mjpeg"}


def check_apart(new: str, *others: str | None) -> None:
    """Raises ConfigError where the new file would replace what it is made from."""
    for one in others:
        if one and os.path.realpath(one) == os.path.realpath(new):
            raise ConfigError(f"--repair {new}: would replace {one}; give another name")


def repair(first: Outcome, new: str, look_over: Callable[[str, Outcome], Outcome], *, quiet: bool) -> Outcome:
    """Make `new` from the output, until a look finds nothing in it, ROUNDS times at most; what was found in it last.

    Each round begins with the output as it was: nothing is encoded twice. Raises CleanplateError."""
    spans: list[Span] = []
    outcome = first
    for number in range(1, ROUNDS + 1):
        spans += outcome.spans
        if not quiet:
            print(f"cleanplate: repair {number}: covering {len(spans)} spans in {new}", file=sys.stderr, flush=True)
        _cover(first.wish.out, new, spans, first.size, quiet=quiet)
        outcome = look_over(new, first)
        if not outcome.spans:
            break
    return outcome


def beside(first: Outcome, new: str) -> Any:
    """The wish for the next look: the same of another file."""
    return replace(first.wish, out=new)


def _cover(given: str, new: str, spans: list[Span], size: tuple[int, int], *, quiet: bool) -> None:
    """Run an ordinary pipeline, closed as any for privacy, that covers these. Raises RunError."""
    from stages.privacy.repair import places_of, written

    with tempfile.TemporaryDirectory(prefix="cleanplate-repair-") as folder:
        places = Path(folder) / "places.json"
        places.write_text(json.dumps(written(places_of(spans), *size)))
        config = Path(folder) / "repair.yaml"
        config.write_text(yaml.safe_dump(_config(given, new, str(places)), sort_keys=False))
        plan = load_config(str(config), given=given, wanted=new, environment={})
        result = run_plan(plan, told=lambda text: None if quiet else print(f"cleanplate: {text}", file=sys.stderr))
    if result.code:
        raise RunError(f"{new}: the repair failed: {result.error or result.report['result']}")


def _config(given: str, new: str, places: str) -> dict[str, Any]:
    stages = [
        {"name": "ingest", "uses": "stages.ingest:Auto"},
        {"name": "repair", "uses": "stages.privacy.repair:Repair", "with": {"places": places}},
        {"name": "cover", "uses": "stages.privacy:Cover", "with": {"effect": "solid"}},
        {"name": "output", "uses": "stages.output:Auto", "with": _encoding(given, new)},
    ]
    return {"name": "repair", "fail": "closed", "stages": stages}


def _encoding(given: str, new: str) -> dict[str, Any]:
    """The codec of the given file where the new one can hold it, at a quality at which little is lost."""
    from pipeline.errors import SetupError
    from stages.media import open_media, video_stream
    from stages.output.wishes import CONTAINERS, check_held

    ending = Path(new).suffix.lower()
    if ending not in CONTAINERS:
        return {}
    with open_media(given) as container:
        codec: Any = CODECS.get(video_stream(container, given).codec_context.name, "h264")
    try:
        check_held(new, ending, codec)
    except SetupError:
        codec = "h264"
    return {"codec": codec} | ({"crf": QUALITY[codec]} if codec in QUALITY else {})
