"""Offers: reads what a WebRTC client offers as hostile text, and leaves in it only what the server may act on.

A candidate in an offer is an address to which the server will send packets (connectivity checks). So only those stay
that name the client's own address: anything else would let a client make the server knock at other machines' ports.
Names (`xyz.local`, which browsers give instead of addresses) are not looked up. Neither costs a connection: a client
that can reach the server is found by the packets it sends (RFC 8445, peer reflexive candidates).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from pipeline.web.refusal import Refused

MOST_BYTES = 64 << 10
MOST_LINES = 800  # what a browser offers for two videos and a sound takes 300
MOST_SECTIONS = 4
MOST_CANDIDATES = 16
MOST_CODECS = 64  # of one section; a browser has 40
FEEDBACK = ("nack", "nack pli", "goog-remb")  # what aiortc knows; each line more costs it a look at each codec
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_FINGERPRINT = re.compile(r"sha-(256|384|512) [0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31,63}", re.IGNORECASE)


def checked(offer: bytes, client: str | None, *, sends: bool) -> str:
    """The offer without what the server must not act on; `client` is the address of who sent it, None where that is not
    known; `sends` says whether it must send video (WHIP) or take it (WHEP). Raises Refused."""
    lines = _lines(offer)
    sections = [line for line in lines if line.startswith("m=")]
    if not 1 <= len(sections) <= MOST_SECTIONS:
        raise Refused(400, f"the offer has {len(sections)} media sections; 1 to {MOST_SECTIONS} are taken")
    odd = [section for section in sections if not section.startswith(("m=video ", "m=audio "))]
    if odd:
        raise Refused(400, "the offer asks for more than video and audio; leave out data channels")
    if not any(section.startswith("m=video ") for section in sections):
        raise Refused(400, f"the offer has no video section; {'send' if sends else 'offer to receive'} video")
    _check_keys(lines)
    return "\r\n".join([*_kept(lines, client), ""])


def _lines(offer: bytes) -> list[str]:
    if len(offer) > MOST_BYTES:
        raise Refused(413, f"the offer has more than {MOST_BYTES} bytes")
    try:
        text = offer.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(400, "the offer is not UTF-8") from error
    lines = text.replace("\r\n", "\n").rstrip("\n").split("\n")
    if lines[0] != "v=0" or not all(line.isprintable() for line in lines):
        raise Refused(400, "that is no SDP: send what RTCPeerConnection.createOffer() gives")
    if len(lines) > MOST_LINES:
        raise Refused(400, f"the offer has {len(lines)} lines; at most {MOST_LINES} are taken")
    return lines


def _check_keys(lines: list[str]) -> None:
    """What ICE and DTLS will use must be there and of its form, before any socket is opened for it."""
    codecs = 0
    for line in lines:
        name, _, value = line.partition(":")
        codecs = 0 if line.startswith("m=") else codecs + (name == "a=rtpmap")
        if codecs > MOST_CODECS:
            raise Refused(400, f"a media section of the offer has more than {MOST_CODECS} codecs")
        for attribute, form in (("a=ice-ufrag", _UFRAG), ("a=ice-pwd", _PASSWORD), ("a=fingerprint", _FINGERPRINT)):
            if name == attribute and not form.fullmatch(value):
                raise Refused(400, f"the offer's {attribute[2:]} is not of its form")
    for attribute in ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:"):
        if not any(line.startswith(attribute) for line in lines):
            raise Refused(400, f"the offer has no {attribute[2:-1]}: only encrypted connections are made")


def _kept(lines: list[str], client: str | None) -> Iterator[str]:
    """End-of-candidates goes too: a client that gave no candidate of use may still come by itself."""
    candidates, seen = 0, set[str]()
    for line in lines:
        if line.startswith("a=candidate:"):
            candidates += 1
            if candidates > MOST_CANDIDATES or not _own(line, client):
                continue
        elif line.startswith("a=rtcp-fb:"):
            if line in seen or line.partition(" ")[2] not in FEEDBACK:
                continue
            seen.add(line)
        elif line.startswith("m="):
            seen.clear()
        elif line.startswith(("a=end-of-candidates", "a=remote-candidates")):
            continue
        yield line


def _own(candidate: str, client: str | None) -> bool:
    """Whether a candidate line is well-formed, over UDP, and names the client's own address (RFC 8839, section 5.1)."""
    parts = candidate.removeprefix("a=candidate:").split()
    if client is None or len(parts) < 8 or parts[2].lower() != "udp" or parts[6] != "typ":
        return False
    try:
        numbers = [int(parts[1]), int(parts[3]), int(parts[5])]
        there, own = ipaddress.ip_address(parts[4]), ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return False
    return numbers[0] == 1 and 0 <= numbers[1] < 1 << 32 and 0 < numbers[2] < 1 << 16 and _plain(there) == _plain(own)


def _plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An IPv4 address written as an IPv6 one, as such."""
    return getattr(address, "ipv4_mapped", None) or address
