"""Watch: reads along what an RTSP server says, as FFmpeg reads it, and objects where it sends its caller elsewhere.

RFC 2326 with interleaved data (10.12): either `$`, channel, length (16 bits) and as many bytes, or lines up to an empty
one, and then Content-Length bytes. Pure: bytes in, bytes out.
"""

from __future__ import annotations

import re

LONGEST_HEAD = 1 << 16
LONGEST_BODY = 1 << 20
_STATUS = re.compile(rb"RTSP/\d\.\d (\d{3})( .*)?")
_REQUEST = re.compile(rb"([A-Z_]{3,20}) \S+ RTSP/\d\.\d")
_LENGTH = re.compile(rb"content-length[ \t]*:", re.IGNORECASE)


class Strayed(Exception):
    """The server sends its caller elsewhere, or says what could be read in more than one way."""


class Watch:
    """Of one connection. What `passed` gives may go on to the client: whole messages, in order."""

    def __init__(self) -> None:
        self._held = bytearray()

    def passed(self, data: bytes) -> bytes:
        """What is whole by now. Raises Strayed."""
        self._held += data
        begun = 0
        while (end := self._end_of(begun)) is not None:
            begun = end
        whole = bytes(self._held[:begun])
        del self._held[:begun]
        return whole

    def _end_of(self, begun: int) -> int | None:
        """Where the message that begins there ends; None where more has to come."""
        held = self._held
        if len(held) - begun < 4:
            return None
        if held[begun] == ord("$"):
            end = begun + 4 + int.from_bytes(held[begun + 2 : begun + 4], "big")
        else:
            head = self._head(begun)
            if head is None:
                return None
            end = head
        return end if end <= len(held) else None

    def _head(self, begun: int) -> int | None:
        """Where a message of lines ends, its body included; None where its head is not whole."""
        lines: list[bytes] = []
        at = begun
        while (end := self._held.find(b"\n", at)) >= 0:
            line = bytes(self._held[at:end]).replace(b"\r", b"")  # FFmpeg overlooks them wherever they are
            at = end + 1
            if not line:
                return at + _examined(lines)
            lines.append(line)
        if len(self._held) - begun > LONGEST_HEAD:
            raise Strayed("it says more than any camera does")
        return None


def _examined(lines: list[bytes]) -> int:
    """The length of the body that follows these lines. Raises Strayed."""
    if not lines:
        return 0
    if status := _STATUS.fullmatch(lines[0]):
        if status[1].startswith(b"3"):
            raise Strayed("its server sends on to another address; give that one, if it may be gone to")
    elif (request := _REQUEST.fullmatch(lines[0])) is None or request[1] == b"REDIRECT":
        raise Strayed("it does not speak RTSP, or sends on to another address")
    if any(line.startswith(b"$") for line in lines):
        raise Strayed("it does not speak RTSP")
    lengths = [line.partition(b":")[2].strip() for line in lines[1:] if _LENGTH.match(line.lstrip())]
    if not lengths:
        return 0
    if len(set(lengths)) > 1 or not re.fullmatch(rb"\d{1,7}", lengths[0]) or int(lengths[0]) > LONGEST_BODY:
        raise Strayed("it does not speak RTSP")
    return int(lengths[0])
