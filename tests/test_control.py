"""The control sockets: to one worker by an identity that nobody can guess, and never blocking."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from pipeline.control import ControlClient, ControlServer, new_identity
from pipeline.errors import ConfigError
from pipeline.messages import MAX_BYTES, Heartbeat, Hello, Note, Stop, unpack
from tests.waiting import wait_until


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ControlServer]:
    made = ControlServer(tmp_path)
    yield made
    made.close()


def next_of(server: ControlServer) -> tuple[bytes, bytes]:
    found: list[tuple[bytes, bytes]] = []
    wait_until(lambda: bool(found.append(got) or True) if (got := server.receive()) else False)
    return found[0]


def test_messages_go_both_ways_with_the_senders_identity(server: ControlServer) -> None:
    client = ControlClient(server.endpoint, b"seg-0-abc")
    client.send(Hello(pid=1))
    identity, data = next_of(server)
    assert (identity, unpack(data)) == (b"seg-0-abc", Hello(pid=1))
    assert server.send(identity, Stop().pack())
    assert client.receive(10) == Stop()
    client.close()


def test_a_message_to_nobody_is_refused_not_dropped_silently(server: ControlServer) -> None:
    assert not server.send(b"nobody", Stop().pack())


def test_nothing_to_receive_is_none_at_once(server: ControlServer) -> None:
    assert server.receive() is None


@pytest.mark.fault("H3")
def test_the_socket_is_private_and_goes_with_the_server(tmp_path: Path) -> None:
    made = ControlServer(tmp_path)
    path = tmp_path / "control"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    made.close()
    assert not path.exists()


@pytest.mark.fault("H1")
def test_a_message_above_the_limit_closes_its_sender_and_harms_nobody_else(server: ControlServer) -> None:
    context = zmq.Context()
    bully = context.socket(zmq.DEALER)
    bully.setsockopt(zmq.LINGER, 0)
    bully.setsockopt(zmq.RECONNECT_IVL, -1)
    bully.connect(server.endpoint)
    bully.send(b"x" * (MAX_BYTES + 1))
    client = ControlClient(server.endpoint, b"good")
    client.send(Heartbeat())
    assert next_of(server)[0] == b"good"
    assert server.receive() is None
    client.close()
    bully.close()
    context.term()


@pytest.mark.fault("H4")
def test_a_second_socket_with_a_workers_identity_takes_nothing_over(server: ControlServer) -> None:
    first = ControlClient(server.endpoint, b"seg-0-abc")
    first.send(Hello(pid=1))
    next_of(server)
    thief = ControlClient(server.endpoint, b"seg-0-abc")
    thief.socket.setsockopt(zmq.LINGER, 0)
    thief.send(Hello(pid=2))
    server.send(b"seg-0-abc", Stop().pack())
    assert first.receive(10) == Stop()
    assert thief.receive(0.2) is None
    assert server.receive() is None
    first.close()
    thief.close()


@pytest.mark.fault("H2")
def test_every_part_but_the_last_of_a_strange_message_is_ignored(server: ControlServer) -> None:
    context = zmq.Context()
    odd = context.socket(zmq.DEALER)
    odd.setsockopt(zmq.LINGER, 0)
    odd.connect(server.endpoint)
    odd.send_multipart([b"a", b"b", b"c"])
    assert next_of(server)[1] == b""
    odd.close()
    context.term()


def test_a_folder_whose_path_is_too_long_for_a_socket_is_refused_in_words(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(ConfigError, match="File name too long; CLEANPLATE_STATE"):
        ControlServer(folder)
    assert set(os.listdir("/proc/self/fd")) == before


def test_sending_never_blocks_even_when_the_other_side_reads_nothing(server: ControlServer) -> None:
    client = ControlClient(server.endpoint, b"deaf")
    client.send(Heartbeat())
    next_of(server)
    note = Note(text="x" * 60_000).pack()
    assert not all(server.send(b"deaf", note) for _ in range(10_000))
    client.close()


@pytest.mark.fault("H5")
def test_a_message_of_a_worker_that_is_gone_is_not_taken_for_its_successors(server: ControlServer) -> None:
    """Its last words may come late: they bear its own identity, which nobody has after it."""
    first = ControlClient(server.endpoint, new_identity("seg", 0))
    first.send(Hello(pid=1))
    first.close()
    second = ControlClient(server.endpoint, new_identity("seg", 0))
    second.send(Hello(pid=2))
    heard = {unpack(data).pid: identity for identity, data in (next_of(server), next_of(server))}
    assert heard[1] != heard[2]
    second.close()


@pytest.mark.fault("H4")
def test_identities_are_new_each_time_and_long() -> None:
    made = {new_identity("seg", 0) for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(one) >= 30 for one in made)
