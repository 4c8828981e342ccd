"""`python -m manual`: write the pages that are made from the code, and say on stderr which have changed."""

from __future__ import annotations

import sys

from manual.pages import ROOT, write

for path in write():
    sys.stderr.write(f"{path.relative_to(ROOT)}\n")
