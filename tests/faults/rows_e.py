"""Rows of group E: models that fail, and what must not be seen of it in a privacy pipeline."""

from __future__ import annotations

ROWS: dict[str, tuple[str, str, str]] = {
    "E1": (
        "A model answers with numbers that are none",
        "NaN and infinity in boxes and scores",
        "the frame goes out blank, counted",
    ),
    "E2": (
        "A model's answer has another shape, count or order than it should",
        "boxes of three numbers, more boxes than scores, classes that are none, the worst first",
        "blank where it can be no answer; covered all the same where only the order is another",
    ),
    "E3": (
        "A model finds nothing because it failed",
        "it raises, answers None, or with something that is no list of things",
        "blank: only an answer that says so means that nobody is there",
    ),
    "E4": (
        "A model finds things beside the picture",
        "boxes of 10^9, of negative places, that end before they begin, that lie wholly outside",
        "what is partly inside is covered to the edge; nonsense is no answer: blank",
    ),
    "E5": ("A model runs out of memory", "MemoryError over one frame", "tried once more, then blank; no restart"),
    "E6": (
        "A model breaks for good, or crashes its process",
        "SIGSEGV, and a model that raises from some frame on",
        "blank from then on; what crashed is started again; nothing is passed on unseen",
    ),
    "E10": ("A model is late", "one that sleeps for ten minutes over a frame", "ended at its deadline; then blank"),
    "E11": (
        "What covers does not cover",
        "a cover that leaves the picture, or a part of it, as it is",
        "found out by who looks at the result: blank",
    ),
    "E12": (
        "Anything at all goes wrong in a privacy pipeline",
        "every stage and every sink killed, frozen, slowed down and crashed in a live run, while a model answers "
        "nonsense now and then and the source is lost; a bright pattern inside what is to be protected",
        "the pattern is in no file, picture, stream, log or report, and no sink maps a plane that holds it",
    ),
}
