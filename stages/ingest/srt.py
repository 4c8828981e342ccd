"""SRT, read by the FFmpeg program of imageio-ffmpeg: the one inside PyAV cannot. The address goes in by stdin."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlsplit

from pipeline.errors import ConfigError
from pipeline.masking import masked

if TYPE_CHECKING:
    from av.container import InputContainer

KNOWN = ("mode", "latency", "passphrase", "pbkeylen", "streamid")
LONGEST_SILENCE_S = 2.0


def open_srt(url: str, silence: float) -> tuple[InputContainer, Callable[[], None]]:
    """Open an SRT stream; what it returns beside it ends the program. Raises FFmpegError.

    Query: mode (caller or listener), latency (microseconds), passphrase, pbkeylen, streamid; `check` refuses others.
    """
    import av
    import imageio_ffmpeg

    program = subprocess.Popen(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "quiet", "-analyzeduration", "300000",
         "-probesize", "500000", "-protocol_whitelist", "pipe,srt,udp", "-f", "concat", "-safe", "0", "-i", "pipe:0",
         "-map", "0:v:0", "-c", "copy", "-flush_packets", "1", "-f", "nut", "pipe:1"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def end() -> None:
        program.kill()
        program.wait()
        for pipe in (program.stdin, program.stdout):
            if pipe is not None:
                pipe.close()

    assert program.stdin is not None
    assert program.stdout is not None
    try:
        program.stdin.write(f"ffconcat version 1.0\nfile '{_address(url, silence)}'\n".encode())
        program.stdin.close()
        options = {"analyzeduration": "0", "probesize": "32"}
        return av.open(f"pipe:{program.stdout.fileno()}", format="nut", options=options), end
    except BaseException:
        end()
        raise


def check(address: str) -> None:
    """Raises ConfigError, with the address as it is given, for what SRT is not told by one."""
    for name, value in parse_qsl(urlsplit(address).query, keep_blank_values=True):
        if name not in KNOWN:
            raise ConfigError(f"--input {masked(address)}: srt:// knows no `{name}`, only {', '.join(KNOWN)}")
        if name == "mode" and value not in ("caller", "listener"):
            raise ConfigError(f"--input {masked(address)}: mode is caller or listener, not `{value}`")


def _address(url: str, silence: float) -> str:
    """The same with time-outs, such that it can stand between quotes."""
    parts = urlsplit(url)
    patience = round(min(silence, LONGEST_SILENCE_S) * 1e6)
    query = [f"{name}={quote(value, safe='')}" for name, value in parse_qsl(parts.query) if name in KNOWN]
    query += [f"timeout={patience}", f"listen_timeout={round(silence * 1e6)}"]
    return f"srt://{quote(parts.netloc, safe=':[]')}?{'&'.join(query)}"
