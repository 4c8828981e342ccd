"""What decoders make of damaged bytes: an error, the right picture all the same, or a wrong one without a word."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.codec_clips import Clip, Shelf
from benchmarks.codec_ways import NEURAL, Way, named
from models.base import Image
from models.coding import CodingError, Decoder

CLIP, PICTURES, KEY_EVERY = "pan_stream_walk", 7, 6
QUANTISER = 34.0
TRIALS = {"roi-12": 400, "roi-12-h265": 400, NEURAL: 40}
SEED = 20

Told = Callable[[str], None]


@dataclass(frozen=True)
class Sent:
    """A stream: its packets, and the picture that each of them holds."""

    packets: Sequence[bytes]
    pictures: Sequence[Image]


def measure(shelf: Shelf, ways: Sequence[str], before: Mapping[str, Any], told: Told) -> dict[str, Any]:
    """By way, how many of the trials ended how; of others than these `ways` what was found before. Whatever a decoder
    raises but CodingError ends the measurement."""
    clip = shelf[CLIP](PICTURES)
    found = dict(before.get("ways", {}))
    for name in (name for name in TRIALS if name in ways):
        found[name] = of_way(clip, named(name), TRIALS[name])
        told(f"{name}: {found[name]}")
    return {"clip": CLIP, "seed": SEED, "key_every": KEY_EVERY, "ways": found}


def of_way(clip: Clip, way: Way, trials: int) -> dict[str, Any]:
    """`error`, `right` and `wrong`: the damaged packets; `after_wrong`: pictures after a damaged one, up to the next
    key picture, that are wrong and do not say so; `again`: streams whose next key picture is right."""
    sent, chance = send(clip, way), np.random.default_rng(SEED)
    counts: Counter[str] = Counter()
    slowest = 0.0
    for _ in range(trials):
        at = int(chance.integers(0, KEY_EVERY))
        decoder = way.decoder(clip)
        for packet in sent.packets[:at]:
            decoder.decode(packet)
        begun = time.perf_counter()
        counts[outcome(decoder, damaged(sent.packets[at], chance), sent.pictures[at])] += 1
        slowest = max(slowest, time.perf_counter() - begun)
        after = [outcome(decoder, sent.packets[next], sent.pictures[next]) for next in range(at + 1, len(sent.packets))]
        until = KEY_EVERY - at - 1
        counts["after_wrong"] += after[:until].count("wrong")
        counts["again"] += all(one == "right" for one in after[until:])
        decoder.close()
    kinds = ("error", "right", "wrong", "after_wrong", "again")
    return {"trials": trials, **{kind: counts[kind] for kind in kinds}, "slowest_ms": round(1000 * slowest, 1)}


def send(clip: Clip, way: Way) -> Sent:
    """The clip, with a key picture every KEY_EVERY."""
    encoder, decoder = way.encoder(clip), way.decoder(clip)
    packets = [
        encoder.encode(image, mask, way.at(QUANTISER), key=at % KEY_EVERY == 0).data
        for at, (image, mask) in enumerate(zip(clip.images, clip.masks, strict=True))
    ]
    pictures = [decoder.decode(packet).copy() for packet in packets]
    encoder.close()
    decoder.close()
    return Sent(packets, pictures)


def damaged(packet: bytes, chance: np.random.Generator) -> bytes:
    """Cut off somewhere, or with one to eight bits flipped."""
    if chance.random() < 0.5:
        return packet[: int(chance.integers(0, len(packet)))]
    changed = bytearray(packet)
    for place in chance.integers(0, 8 * len(packet), int(chance.integers(1, 9))):
        changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def outcome(decoder: Decoder, packet: bytes, truth: Image) -> str:
    """`error`, `right` or `wrong`."""
    try:
        return "right" if np.array_equal(decoder.decode(packet), truth) else "wrong"
    except CodingError:
        return "error"
