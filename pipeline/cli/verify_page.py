"""What `cleanplate verify` has found, as JSON and as a page with pictures; both for the owner's eyes only."""

from __future__ import annotations

import base64
import html
import json
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import CleanplateError

if TYPE_CHECKING:
    from pipeline.cli.verifying import Outcome
    from pipeline.frame import Image
    from stages.privacy.sightings import Sighting, Span

VERSION = 1
MOST_SIGHTINGS = 500  # of one span
MOST_SIDE = 240  # pixels of a picture
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:2rem;color:#111;background:#fff}
table{border-collapse:collapse}td,th{padding:.4rem .8rem;text-align:left;border-bottom:1px solid #ddd}
img{max-width:240px;display:block}.left,.unread{color:#b00020}.clean{color:#0a6b2d}"""


def as_json(outcome: Outcome, **more: Any) -> dict[str, Any]:
    """The whole result; pictures as data addresses."""
    wish, counts = outcome.wish, outcome.counts
    return {
        "verify": VERSION,
        "output": wish.out,
        "against": wish.against,
        "result": outcome.result,
        "classes": list(wish.classes),
        "detectors": outcome.detectors,
        "models": outcome.models,
        "every": wish.every,
        "frames": counts.frames,
        "looked": counts.looked,
        "unread": counts.unread,
        "unmatched": counts.unmatched,
        "dismissed": counts.dismissed,
        "further": outcome.further,
        "notes": outcome.notes,
        **more,
        "left": [_span(span) for span in outcome.spans],
    }


def _span(span: Span) -> dict[str, Any]:
    best = span.best or span.first
    return {
        "class": span.name,
        "first": {"frame": span.first.frame, "time": round(span.first.time, 3)},
        "last": {"frame": span.last.frame, "time": round(span.last.time, 3)},
        "seen": len(span.sightings),
        "score": span.score,
        "left": None if best.left is None else round(best.left, 3),
        "found_in": sorted({one.seen_in for one in span.sightings}),
        "best": _sighting(best),
        "sightings": [_sighting(one) for one in span.sightings[:MOST_SIGHTINGS]],
        "picture": address(span.picture) if span.picture is not None else None,
    }


def _sighting(one: Sighting) -> dict[str, Any]:
    box = [round(side, 1) for side in one.box]
    return {"frame": one.frame, "time": round(one.time, 3), "score": one.score, "box": box}


def address(picture: Image) -> str:
    """A picture [h, w, 3] as a data address, no larger than MOST_SIDE."""
    import cv2

    from stages.output.png import png

    height, width = picture.shape[:2]
    share = min(1.0, MOST_SIDE / max(height, width))
    if share < 1:
        size = max(1, round(width * share)), max(1, round(height * share))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return f"data:image/png;base64,{base64.b64encode(png(picture)).decode()}"


def as_page(content: dict[str, Any]) -> str:
    """The same as a page of HTML that needs nothing else."""
    left = content["left"]
    said = f"{len(left)} found" if left else "nothing is left that was found"
    said += f", {content['unread']} frames could not be read" if content["unread"] else ""
    rows = "".join(_row(one) for one in left)
    head = "<tr><th></th><th>class</th><th>from</th><th>to</th><th>frames</th><th>score</th><th>left of it</th></tr>"
    beside = f" beside {html.escape(str(content['against']))}" if content["against"] else ""
    facts = f"{content['looked']} of {content['frames']} frames looked at by {', '.join(content['detectors'])}"
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in content["notes"])
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; style-src '
        f"'unsafe-inline'\"><title>{html.escape(content['output'])}: what is left</title><style>{_STYLE}</style>"
        f"<h1>{html.escape(content['output'])}{beside}</h1>"
        f'<p class="{content["result"]}">{said}: {html.escape(", ".join(content["classes"]))}; {html.escape(facts)}</p>'
        f"{notes}<p>The pictures show what is left: keep this page to yourself.</p>"
        f"{f'<table>{head}{rows}</table>' if left else ''}</html>\n"
    )


def _row(one: dict[str, Any]) -> str:
    picture = f'<img alt="{html.escape(one["class"])}" src="{one["picture"]}">' if one["picture"] else ""
    share = "" if one["left"] is None else f"{100 * one['left']:.0f} %"
    cells = (
        picture,
        html.escape(one["class"]),
        f"{one['first']['time']:.2f} s, frame {one['first']['frame']}",
        f"{one['last']['time']:.2f} s, frame {one['last']['frame']}",
        str(one["seen"]),
        f"{one['score']:.2f}",
        share,
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def write_private(path: Path, text: str) -> None:
    """Replace the file by this text; only its owner may read it. Raises CleanplateError."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(text)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise CleanplateError(f"{path}: cannot be written ({error.strerror})") from error


def dumped(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1) + "\n"
