"""Rows of group D: inputs over networks."""

from __future__ import annotations

ROWS: dict[str, tuple[str, str, str]] = {
    "D1": (
        "A camera's server drops, refuses, hangs, falls silent",
        "a real RTSP server killed and started again, 20 times; wrong passwords and paths; a proxy that closes, "
        "resets, stalls, swallows; a server that hangs after DESCRIBE, or sends nothing more without a word",
        "state `reconnecting`, growing pauses between trials; back within 3 s of the server; no frame out of order, no "
        "last picture again, nothing leaked; at the start one line and exit 3",
    ),
    "D2": ("Packets are lost, doubled or come out of order", "netem in a network namespace", "damage is counted"),
    "D3": (
        "The stream is another one after a reconnect",
        "the server comes back with another size",
        "scaled to the first size, and said once",
    ),
    "D4": (
        "Half a picture over TCP, then the end, a reset, or nothing",
        "senders that stop in the midst of a picture, or between two",
        "half a picture is never shown, and counted; who is silent is closed; the listener waits for the next one",
    ),
    "D5": (
        "Raw pictures of another size or pixel format",
        "FFmpeg with another -s or -pix_fmt; noise; flat pictures",
        "no frame counts until its rows are proven; one line that names the flag to change; described streams only, "
        "where that is wished",
    ),
    "D6": (
        "Strangers at the port",
        "a second client; HTTP, TLS and SSH greetings; bytes that trickle in; connections that say nothing",
        "one sender at a time; garbage is closed and counted; the listener lives on",
    ),
    "D7": (
        "A source faster than the pipeline",
        "60 frames/s into what can do 10; an hour of them, compressed",
        "frames drop before they are worked on, and are counted; the others come no later than twice as late as ever",
    ),
    "D8": (
        "WebRTC clients that vanish, lie or would misuse the server",
        "a client that goes without a word; 50 offers; descriptions that are none, too large, or with another's "
        "fingerprint; candidates that lead to other machines",
        "so many peers and no more; a description of 64 KB at most; none lives 30 s after its client; nothing is sent "
        "to where the client is not",
    ),
    "D9": ("A port that is taken", "bound beforehand", "exit 3 with the port and who has it; port 0 takes a free one"),
}
"""What happens, how a test brings it about, what must happen then."""

REASONS: dict[str, str] = {
    "D2": "These machines have no network namespaces; what damage does is tested with files (group C of the sources).",
}
