"""What mkdocs does to each page: links that lead out of `docs/`, into the source, become plain names."""

from __future__ import annotations

import re
from typing import Any

OUTWARD = re.compile(r"\[([^\]]+)\]\((?:\.\./)+(?:pipeline|stages|models|tests|benchmarks|configs|deploy)[^)]*\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The site holds no source: `[ring.py](../pipeline/ring.py)` is a link in the repository, and `ring.py` here."""
    return OUTWARD.sub(r"\1", markdown)
