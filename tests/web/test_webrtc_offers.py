"""What is left of an offer: nothing that would make the server send packets to other machines, or work for long."""

from __future__ import annotations

import time

import pytest

from pipeline.web.offers import MOST_BYTES, MOST_CANDIDATES, MOST_LINES, checked
from pipeline.web.refusal import Refused

CLIENT = "192.0.2.77"
FINGERPRINT = ":".join(["AB"] * 32)


def sdp(*lines: str, video: str = "m=video 9 UDP/TLS/RTP/SAVPF 96") -> str:
    head = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", video, "c=IN IP4 0.0.0.0", "a=rtcp-mux", "a=mid:0"]
    keys = ["a=ice-ufrag:abcd", f"a=ice-pwd:{'p' * 22}", f"a=fingerprint:sha-256 {FINGERPRINT}", "a=setup:actpass"]
    return "\r\n".join([*head, *keys, "a=recvonly", "a=rtpmap:96 VP8/90000", *lines, ""])


def candidate(address: str, port: object = 50000, kind: str = "host", transport: str = "udp") -> str:
    return f"a=candidate:1 1 {transport} 2113937151 {address} {port} typ {kind}"


def kept(*lines: str, client: str | None = CLIENT) -> list[str]:
    found = checked(sdp(*lines).encode(), client, sends=False).splitlines()
    return [line for line in found if line.startswith(("a=candidate", "a=end-of", "a=remote"))]


@pytest.mark.fault("D8")
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "192.0.2.78",
        "::1",
        "fe80::1",
        "metadata.internal",
        "x.local",
        "2130706433",
    ],
)
def test_a_candidate_that_is_not_the_clients_own_address_goes(address: str) -> None:
    assert kept(candidate(address)) == []
    assert kept(candidate(address, kind="srflx")) == []


@pytest.mark.fault("D8")
def test_the_clients_own_address_stays_however_it_is_written() -> None:
    own = candidate(CLIENT)
    assert kept(own, candidate("10.0.0.1")) == [own]
    assert kept(own, client=f"::ffff:{CLIENT}") == [own]
    assert kept(own, client=None) == []


@pytest.mark.parametrize(
    "line",
    [
        candidate(CLIENT, transport="tcp"),
        candidate(CLIENT, port="0"),
        candidate(CLIENT, port="65536"),
        candidate(CLIENT, port="http"),
        "a=candidate:",
        f"a=candidate:1 2 udp 1 {CLIENT} 50000 typ host",
        f"a=candidate:1 1 udp -1 {CLIENT} 50000 typ host",
        f"a=candidate:1 1 udp 1 {CLIENT} 50000 kind host",
    ],
)
def test_a_candidate_that_cannot_be_used_goes(line: str) -> None:
    assert kept(line) == []


@pytest.mark.fault("D8")
def test_no_more_candidates_stay_than_are_worth_a_packet() -> None:
    assert len(kept(*(candidate(CLIENT, port) for port in range(1000, 1200)))) == MOST_CANDIDATES


def test_the_end_of_candidates_goes_so_that_a_client_may_still_come_by_itself() -> None:
    assert kept("a=end-of-candidates", f"a=remote-candidates:1 {CLIENT} 7") == []


@pytest.mark.fault("D8")
@pytest.mark.parametrize(
    ("offer", "status", "words"),
    [
        (b"", 400, "that is no SDP"),
        (b"<html>", 400, "that is no SDP"),
        (b"v=0\r\n\xff\xfe", 400, "not UTF-8"),
        (b"v=0\r\na=\x00", 400, "that is no SDP"),
        (b"v=0\r\ns=-\r\n", 400, "0 media sections"),
        (b"v=0\r\n" + b"x" * MOST_BYTES, 413, "more than 65536 bytes"),
        (b"v=0\r\n" + b"a=x\r\n" * MOST_LINES, 400, "801 lines"),
        (sdp(*["m=video 9 UDP/TLS/RTP/SAVPF 96"] * 4).encode(), 400, "5 media sections"),
        (sdp("m=application 9 UDP/DTLS/SCTP webrtc-datachannel").encode(), 400, "data channels"),
        (sdp(video="m=audio 9 UDP/TLS/RTP/SAVPF 96").encode(), 400, "no video section"),
        (sdp(*[f"a=rtpmap:{n} VP8/90000" for n in range(65)]).encode(), 400, "more than 64 codecs"),
        (sdp().replace("a=ice-pwd:" + "p" * 22, "a=ice-pwd:short").encode(), 400, "ice-pwd"),
        (sdp().replace("a=ice-ufrag:abcd", "a=ice-ufrag:" + "x" * 300).encode(), 400, "ice-ufrag"),
        (sdp().replace("a=ice-ufrag:abcd", "").encode(), 400, "no ice-ufrag"),
        (sdp().replace("sha-256", "md5").encode(), 400, "fingerprint"),
        (sdp().replace("AB:AB", "AB:ZZ").encode(), 400, "fingerprint"),
    ],
)
def test_what_is_no_offer_is_refused_in_words(offer: bytes, status: int, words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        checked(offer, CLIENT, sends=False)
    assert refused.value.status == status
    assert "\n" not in refused.value.text


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_lines_may_end_as_they_do_on_either_kind_of_system(newline: str) -> None:
    assert checked(sdp().replace("\r\n", newline).encode(), CLIENT, sends=False) == sdp()


def test_only_feedback_that_is_known_stays_and_once() -> None:
    found = checked(
        sdp("a=rtcp-fb:96 nack", "a=rtcp-fb:* goog-remb", "a=rtcp-fb:96 nack", "a=rtcp-fb:96 x").encode(),
        None,
        sends=False,
    )
    assert [line for line in found.splitlines() if "rtcp-fb" in line] == ["a=rtcp-fb:96 nack", "a=rtcp-fb:* goog-remb"]


@pytest.mark.alone
@pytest.mark.fault("D8")
@pytest.mark.parametrize("more", ["a=rtcp-fb:* nack pli", "a=fmtp:33 x=1", "a=ssrc:{} cname:x", "a=extmap:{} y"])
def test_the_worst_offers_that_pass_are_read_within_moments(more: str) -> None:
    from aiortc.sdp import SessionDescription

    codecs = [f"a=rtpmap:{number} VP8/90000" for number in range(96, 127)] * 2
    lines = [more.format(number) for number in range(MOST_LINES - len(codecs) - 20)]
    worst = checked(sdp(*codecs, "a=rtpmap:33 VP8/90000", *lines).encode(), CLIENT, sends=False)
    before = time.perf_counter()
    SessionDescription.parse(worst)
    assert time.perf_counter() - before < 0.2  # 20 ms where nothing else runs
