"""Well-framed messages that mean no good: whatever a worker says, the ledger stays right and the supervisor alive."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import messages, requests
from pipeline.admin import MAX_ANSWER
from pipeline.crew import Member
from pipeline.errors import ProtocolError
from pipeline.frame import FrameSpec
from pipeline.messages import Anything, Commit, Grant, Hello, Ready, unpack
from pipeline.posts import Verdict
from pipeline.report import build
from pipeline.runlog import RunLog
from pipeline.supervisor import Phase, Supervisor
from tests.ledgers import check_sums
from tests.test_config import TOY, load
from tests.thorough import examples

SPEC = FrameSpec(width=16, height=12)


class Puppet:
    """A process that is none: takes everything, and dies only on paper."""

    pid, pidfd, dead, kill_sent = 1, -1, False, False

    @property
    def lifeline(self) -> Puppet:
        return self

    def send_fds(self, fds: list[int]) -> None:
        assert fds

    def kill(self) -> None:
        self.kill_sent = True


class Stand:
    """A supervisor with a puppet for every worker; what is granted to each is written down."""

    def __init__(self, folder: Path) -> None:
        self.log = RunLog()
        self.supervisor = Supervisor(load(folder, TOY, "invert.workers=2"), folder, self.log)
        self.members: list[Member] = []
        self.granted: list[list[Grant]] = []
        crew = self.supervisor.crew
        for number, stage in enumerate((0, 1, 1, 2)):
            member = Member(stage, number, number + 1, b"%d" % number, Puppet(), 0.0)  # type: ignore[arg-type]
            crew.members[member.incarnation] = crew.by_identity[member.identity] = member
            self.members.append(member)
            self.granted.append([])
        self.supervisor._server.send = self._delivered  # type: ignore[method-assign]

    def _delivered(self, identity: bytes, data: bytes) -> bool:
        message = unpack(data)
        if isinstance(message, Grant):
            self.granted[int(identity)].append(message)
        return True

    def hear(self, number: int, data: bytes) -> None:
        """As from the inbox."""
        said = iter([(self.members[number].identity, data)])
        self.supervisor._server.receive = lambda: next(said, None)  # type: ignore[method-assign]
        self.supervisor._drain_inbox()
        self.supervisor._move_on()

    def begin(self) -> None:
        """Everybody is at work."""
        for number in (1, 2, 3, 0):
            self.hear(number, Hello(pid=1).pack())
        for number in (0, 1, 2, 3):
            self.hear(number, Ready(deadline=2.0, spec=None if number else SPEC).pack())
        assert self.supervisor.phase is Phase.RUNNING
        assert self.granted[0]

    def honest(self, number: int) -> None:
        """This one ends the oldest frame that it was granted, as it should."""
        if self.granted[number]:
            grant = self.granted[number].pop(0)
            self.hear(number, Commit(grant.slot, grant.generation, Verdict.DONE, 7, 1, 1000).pack())

    def ask(self, data: bytes) -> requests.Answer:
        """As by a command; the answer."""
        answers: list[requests.Answer] = []
        self.supervisor._admin.receive = lambda: [(b"me", understood(data))]  # type: ignore[method-assign]
        self.supervisor._admin.answer = lambda who, answer: answers.append(answer)  # type: ignore[method-assign]
        self.supervisor.steering.turn(0.0, ending=False, status=self.supervisor.status)
        (answer,) = answers
        assert len(answer.model_dump_json()) < MAX_ANSWER
        return answer

    def state(self) -> str:
        """All that the ledger knows, but for the count of what it dropped."""
        return repr([value for name, value in sorted(vars(self.supervisor.ledger).items()) if name != "stale"])


def understood(data: bytes) -> requests.Request | str:
    try:
        return requests.read_request(data)
    except ProtocolError as error:
        return str(error)


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path)
    yield made
    close(made)


def close(stand: Stand) -> None:
    stand.supervisor.crew.members.clear()
    stand.supervisor.close()
    stand.log.close()


# What may be said

number = st.one_of(st.integers(-2, 5), st.integers(-(2**63), 2**63 - 1))
word = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
anything: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**40), 10**40), st.floats(), word),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(word, inner, max_size=3)),
    max_leaves=8,
)
spec = st.builds(FrameSpec, width=st.integers(1, 64), height=st.integers(1, 64), live=st.booleans(), source=word)
commits = st.builds(
    Commit, st.integers(0, 70), st.one_of(st.integers(0, 40), st.integers(0, 2**32 - 1)), st.sampled_from(Verdict),
    number, number, number,
)  # fmt: skip
counts = st.dictionaries(word, st.integers(-(10**40), 10**40), max_size=3)
spoken = st.one_of(
    commits,
    st.builds(Hello, pid=st.integers()),
    st.builds(Ready, deadline=st.floats(1e-300, 1e300), spec=st.none() | spec, seconds=st.floats(-1e300, 1e300)),
    st.just(messages.Heartbeat()),
    st.builds(messages.Note, text=word),
    st.builds(messages.Tally.model_construct, counts=counts, errors=counts),
    st.builds(messages.Fault, when=st.sampled_from(["setup", "frame", "finish"]), error=word, traceback=word),
    st.builds(messages.Changed, revision=st.integers(-3, 3), error=word),
    st.builds(messages.Done, facts=st.dictionaries(word, anything, max_size=3)),
    st.sampled_from([messages.Stop(), messages.Drain(), messages.Set(revision=1, values={}), Grant(1, 2, 3, 4, 5)]),
    st.builds(messages.Mapped, spec=spec, mappings=st.just(())),
).map(lambda message: message.pack())
torn = st.tuples(spoken, st.integers(0, 60), st.binary(max_size=4)).map(lambda t: t[0][: t[1]] + t[2] + t[0][t[1] :])
said = st.tuples(st.integers(0, 3), st.one_of(spoken, torn, st.binary(max_size=100), st.just(b"honest")))


@pytest.mark.fault("H2")
@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(st.lists(said, max_size=25), st.booleans())
def test_whatever_workers_say_the_sums_agree_and_the_supervisor_lives(
    tmp_path_factory: pytest.TempPathFactory, talk: list[tuple[int, bytes]], at_work: bool
) -> None:
    stand = Stand(tmp_path_factory.mktemp("s"))
    try:
        if at_work:
            stand.begin()
        for who, data in talk:
            if data == b"honest":
                stand.honest(who)
            else:
                stand.hear(who, data)
            check_sums(stand.supervisor.ledger)
        json.dumps(stand.supervisor.status())
        json.dumps(build(stand.supervisor, 1.0))
    finally:
        close(stand)


@pytest.mark.fault("H2", "H5")
@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(st.lists(st.tuples(st.integers(0, 3), commits), max_size=25))
def test_a_commit_that_fits_no_lease_changes_nothing_and_is_counted(
    tmp_path_factory: pytest.TempPathFactory, talk: list[tuple[int, Commit]]
) -> None:
    stand = Stand(tmp_path_factory.mktemp("s"))
    try:
        stand.begin()
        for who in (0, 1, 0, 2):
            stand.honest(who)
        before, wrong = stand.state(), 0
        for who, commit in talk:
            if not any((g.slot, g.generation) == (commit.slot, commit.generation) for g in stand.granted[who]):
                stand.hear(who, commit.pack())
                wrong += 1
        assert stand.state() == before
        assert stand.supervisor.ledger.stale == wrong
    finally:
        close(stand)


@pytest.mark.fault("H2")
@given(st.binary(max_size=100))
def test_what_is_no_message_is_counted(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    with suppress(ProtocolError):
        unpack(data)
        return
    stand = Stand(tmp_path_factory.mktemp("s"))
    stand.begin()
    before = stand.state()
    stand.hear(1, data)
    assert stand.supervisor.books.foreign == 1
    assert stand.state() == before
    close(stand)


names = st.sampled_from(["ingest", "invert", "output", "sleep", "grow"]) | word
asked = st.one_of(
    st.builds(requests.Scale, stage=names, workers=st.integers(1, 64)),
    st.builds(requests.Change, stage=names, field=names, value=anything),
    st.sampled_from([requests.Pause(), requests.Resume(), requests.Status()]),
).map(lambda request: request.model_dump_json().encode())


@pytest.mark.fault("H2")
@settings(max_examples=examples(100), deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(st.lists(st.one_of(asked, st.binary(max_size=60)), max_size=15))
def test_whatever_is_asked_is_answered_and_what_is_refused_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, questions: list[bytes]
) -> None:
    stand = Stand(tmp_path_factory.mktemp("s"))
    try:
        stand.begin()
        for data in questions:
            before = stand.state(), stand.supervisor.crew.wanted[:]
            if stand.ask(data).refused:
                assert (stand.state(), stand.supervisor.crew.wanted) == before
            check_sums(stand.supervisor.ledger)
    finally:
        close(stand)


@pytest.mark.fault("H2")
def test_a_source_that_does_not_say_what_it_brings_ends_the_run_in_words(stand: Stand) -> None:
    stand.hear(0, Hello(pid=1).pack())
    stand.hear(0, Ready(deadline=1.0).pack())
    assert stand.supervisor.failure == (4, "ingest: says that it is ready, but not what it brings")


@pytest.mark.fault("H2")
@pytest.mark.parametrize("kind", ["counts", "errors", "models", "facts", "notes"])
def test_what_is_written_down_of_what_workers_say_is_bounded(stand: Stand, kind: str) -> None:
    stand.begin()
    for turn in range(400):
        filler = {f"{turn}-{at}": turn for at in range(100)}
        message: dict[str, Anything] = {
            "counts": messages.Tally(counts=filler),
            "errors": messages.Tally(errors=filler),
            "models": Ready(deadline=1.0, models=({str(turn): "x" * 20_000},)),
            "facts": messages.Done(facts={str(turn): "x" * 20_000}),
            "notes": messages.Note(text=f"{turn}" + "x" * 20_000),
        }
        stand.hear(3, message[kind].pack())
    assert len(json.dumps(build(stand.supervisor, 1.0))) < 5_000_000


@pytest.mark.fault("H2")
@pytest.mark.parametrize("value", ["1e99999999", "1/1e99999999", "9" * 5000, "1" * 40 + "/" + "7" * 40])
def test_a_number_that_would_fill_all_memory_is_no_message(value: str) -> None:
    text = json.dumps({"type": "ready", "deadline": 1, "spec": {"width": 1, "height": 1, "rate": value}})
    with pytest.raises(ProtocolError):
        unpack(text.encode())
