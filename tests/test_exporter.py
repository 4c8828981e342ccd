"""The Prometheus endpoint: what it serves, where it listens, and that it always answers and holds up nobody."""

from __future__ import annotations

import http.client
import signal
import socket
import threading
import urllib.request
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.cli import exporter, live
from pipeline.cli.exporter import Exporter
from pipeline.cli.series import families
from pipeline.cli.usage import Device, Usage
from pipeline.errors import RunError, SetupError
from pipeline.instances import claim
from tests.answers import Speaker, answer
from tests.commands import cleanplate
from tests.dials import going_run
from tests.runs import Run, toy
from tests.waiting import wait_until

RUN = "remove-people"
Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(address: str) -> Values:
    """Every sample, as Prometheus reads it."""
    with urllib.request.urlopen(address, timeout=20) as reply:
        assert reply.status == 200
        return values(reply.read().decode())


def values(text: str) -> Values:
    found: Values = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.type != "unknown"
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def of(found: Values, name: str, /, **labels: str) -> float | None:
    return found.get((name, frozenset(labels.items())))


@pytest.fixture
def speaker(monkeypatch: pytest.MonkeyPatch) -> Speaker:
    made = Speaker()
    monkeypatch.setattr(live, "ask", made.ask)
    monkeypatch.setattr(exporter, "own_run", lambda: RUN)
    monkeypatch.setattr(exporter, "FRESH_S", 0.0)
    return made


def test_the_numbers_of_the_status_are_served_in_seconds_and_by_name(speaker: Speaker) -> None:
    speaker.told["stages"]["inpainting"] |= {"queue": 7, "restarts": 3, "dropped": 21, "failures": 2}
    speaker.told["stages"]["inpainting"]["counts"] = {"level: small": 17}
    speaker.told["frames"]["dropped"] = {"inpainting": 21, "output": 1}
    speaker.told["slots"] = {"total": 14, "free": 4, "quarantined": 1}
    with Exporter(0) as served:
        found = scrape(served.address)
    assert of(found, "cleanplate_up", run=RUN) == 1
    assert of(found, "cleanplate_phase", run=RUN, phase="running") == 1
    assert of(found, "cleanplate_phase", run=RUN, phase="paused") == 0
    assert of(found, "cleanplate_frames_total", run=RUN, fate="output") == 230
    assert of(found, "cleanplate_frames_total", run=RUN, fate="dropped") == 22
    assert of(found, "cleanplate_frames_accepted_total", run=RUN) == 239
    assert of(found, "cleanplate_latency_seconds", run=RUN, quantile="0.99") == pytest.approx(0.6)
    assert of(found, "cleanplate_hop_seconds", run=RUN, quantile="0.5") == pytest.approx(80e-6)
    assert [of(found, "cleanplate_slots", run=RUN, state=s) for s in ("free", "taken", "quarantined")] == [4, 9, 1]
    stage = {"run": RUN, "stage": "inpainting"}
    assert of(found, "cleanplate_stage_busy_seconds", **stage, quantile="0.5") == pytest.approx(0.0832)
    assert of(found, "cleanplate_stage_busy_seconds_sum", **stage) == pytest.approx(230 * 0.0832)
    assert of(found, "cleanplate_stage_busy_seconds_count", **stage) == 230
    assert of(found, "cleanplate_queue_frames", **stage) == 7
    assert of(found, "cleanplate_restarts_total", **stage) == 3
    assert of(found, "cleanplate_failures_total", **stage) == 2
    assert of(found, "cleanplate_stage_dropped_total", **stage) == 21
    assert of(found, "cleanplate_stage_workers", **stage) == 2
    assert of(found, "cleanplate_worker_frames_total", **stage, worker="1") == 115
    assert of(found, "cleanplate_counted_total", **stage, what="level: small") == 17
    assert not [name for name, _ in found if "gpu" in name]


def test_what_workers_and_devices_use_is_served_where_it_is_known() -> None:
    usages = {1300: Usage(12.5, 812 << 20, 3 << 30, 0.41), 1000: Usage(1.5, 90 << 20)}
    found: Values = {}
    for family in families(answer(), usages, [Device(0, "H200", 0.63, 5 << 30, 9 << 30)]):
        found |= {(one.name, frozenset(one.labels.items())): one.value for one in family.samples}
    worker = {"run": RUN, "stage": "inpainting", "worker": "0"}
    assert of(found, "cleanplate_worker_cpu_seconds_total", **worker) == 12.5
    assert of(found, "cleanplate_worker_memory_bytes", **worker) == 812 << 20
    assert of(found, "cleanplate_worker_gpu_memory_bytes", **worker) == 3 << 30
    assert of(found, "cleanplate_worker_gpu_ratio", **worker) == 0.41
    assert of(found, "cleanplate_gpu_ratio", gpu="0", name="H200") == 0.63
    ingest = {"run": RUN, "stage": "ingest", "worker": "0"}
    assert of(found, "cleanplate_worker_cpu_seconds_total", **ingest) == 1.5
    assert of(found, "cleanplate_worker_gpu_ratio", **ingest) is None
    assert of(found, "cleanplate_worker_cpu_seconds_total", run=RUN, stage="plate", worker="0") is None


def test_every_name_keeps_to_the_conventions() -> None:
    for family in families(answer(), {1300: Usage(1.0, 1, 1, 1.0)}, [Device(0, "H200", 0.5, 1, 2)]):
        assert family.name.startswith("cleanplate_")
        assert not any(unit in family.name for unit in ("_ms", "_us", "_mb", "percent"))
        assert family.documentation.endswith(".")
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter")


def test_a_run_that_does_not_answer_is_told_as_down_with_the_reason_and_never_as_an_error(
    speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang() -> None:
        raise RunError('remove-people does not answer within 2 s; "why"\nno')

    speaker.silent = hang
    with Exporter(0) as served:
        found = scrape(served.address)
        assert of(found, "cleanplate_up", run=RUN) == 0
        assert [dict(labels)["reason"] for name, labels in found if name == "cleanplate_unanswered"] == [
            'remove-people does not answer within 2 s; "why"\nno'
        ]
        speaker.silent, speaker.told = (lambda: None), {"unheard of": 1}
        reasons = [dict(labels).get("reason") for _, labels in scrape(served.address)]
        assert "KeyError: 'stages'" in reasons
        monkeypatch.setattr(exporter, "own_run", lambda: None)
        assert of(scrape(served.address), "cleanplate_up", run="") == 0


def test_it_listens_on_loopback_alone_and_only_while_it_is_entered(speaker: Speaker) -> None:
    with Exporter(0) as served:
        listening = [one for one in psutil.Process().net_connections() if one.status == psutil.CONN_LISTEN]
        assert [(one.laddr.ip, one.laddr.port) for one in listening] == [("127.0.0.1", served.port)]
        for address in own_addresses():
            with pytest.raises(OSError), socket.create_connection((address, served.port), timeout=5):  # noqa: PT011
                pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", served.port), timeout=5)


def own_addresses() -> list[str]:
    """This machine's addresses but for loopback."""
    found = [one for interface in psutil.net_if_addrs().values() for one in interface]
    return [one.address for one in found if one.family == socket.AF_INET and not one.address.startswith("127.")]


def test_scrapes_at_once_ask_the_run_one_at_a_time_and_share_a_fresh_answer(
    speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "FRESH_S", 60.0)
    free, here = threading.Event(), threading.Semaphore(0)

    def slow() -> None:
        here.release()
        assert free.wait(30)

    speaker.silent = slow
    got: list[Values] = []
    with Exporter(0) as served:
        clients = [threading.Thread(target=lambda: got.append(scrape(served.address))) for _ in range(4)]
        for client in clients:
            client.start()
        assert here.acquire(timeout=30)
        free.set()
        for client in clients:
            client.join(30)
    assert len(got) == 4
    assert len(speaker.asked) == 1


def test_leaving_waits_for_a_request_under_way_and_no_other_follows(speaker: Speaker) -> None:
    free, here = threading.Event(), threading.Event()

    def slow() -> None:
        here.set()
        assert free.wait(30)

    speaker.silent = slow
    with Exporter(0) as served:
        client = threading.Thread(target=lambda: scrape(served.address))
        client.start()
        assert here.wait(30)
        threading.Timer(0.2, free.set).start()
    assert free.is_set()
    client.join(30)
    assert list(served._collector.collect()) == []
    assert len(speaker.asked) == 1


def test_clients_that_say_nothing_are_bounded_and_dropped(speaker: Speaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter._Quiet, "timeout", 1.0)
    before = threading.active_count()
    with Exporter(0) as served:
        idle = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(3 * exporter.MOST_CLIENTS)]
        assert threading.active_count() <= before + 1 + exporter.MOST_CLIENTS

        def served_again() -> bool:
            try:
                return of(scrape(served.address), "cleanplate_up", run=RUN) == 1
            except (OSError, http.client.HTTPException):  # every place is taken still
                return False

        wait_until(served_again)
        for one in idle:
            one.close()


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=rf"--metrics {port}: 127.0.0.1:{port}: address already in use"):
            Exporter(port)


def test_a_run_whose_port_is_taken_ends_before_any_worker_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = Run(tmp_path, toy(tmp_path), "--metrics", str(port)).end()
    assert ended.code == 3
    assert (
        ended.stderr == f"cleanplate: --metrics {port}: 127.0.0.1:{port}: address already in use; 0 takes a free port\n"
    )
    assert not (tmp_path / "out.txt").exists()
    assert ended.report == {}


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    done = cleanplate("run", "remove-people", "--metrics", port)
    assert done.returncode == 2
    assert "--metrics" in done.stderr


def test_without_the_option_nothing_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with going_run(tmp_path, monkeypatch) as run:
        process = psutil.Process(run.process.pid)
        assert [one for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN] == []


def test_only_the_run_of_this_very_process_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    assert exporter.own_run() is None
    with claim("toy", "", [], "mine", "noon"):
        assert exporter.own_run() == "mine"
        monkeypatch.setattr(exporter.os, "getpid", lambda: 1)
        assert exporter.own_run() is None


def address_of(run: Run) -> str:
    """Where its metrics are, as it says on stderr."""
    said = (run.folder / "stderr").read_text()
    return next(line for line in said.splitlines() if "metrics on" in line).split()[-1]


@pytest.mark.real
def test_a_real_run_is_scraped_while_it_works_hangs_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with going_run(tmp_path, monkeypatch, "--metrics", "0") as run:
        address = address_of(run)
        assert address.startswith("http://127.0.0.1:")
        first = scrape(address)
        assert of(first, "cleanplate_up", run="toy") == 1
        assert (of(first, "cleanplate_frames_total", run="toy", fate="output") or 0) > 0
        worker = {"run": "toy", "stage": "dial", "worker": "0"}
        assert (of(first, "cleanplate_worker_cpu_seconds_total", **worker) or 0) > 0
        assert (of(first, "cleanplate_worker_memory_bytes", **worker) or 0) > 1 << 20
        (dial,) = run.workers("dial")
        dial.send_signal(signal.SIGSTOP)  # a worker that hangs is no reason not to answer
        assert of(scrape(address), "cleanplate_up", run="toy") == 1
        dial.send_signal(signal.SIGCONT)

        def more() -> bool:
            found = scrape(address)
            return all(
                (of(found, name, **labels) or 0) > (of(first, name, **labels) or 0)
                for name, labels in (
                    ("cleanplate_frames_total", {"run": "toy", "fate": "output"}),
                    ("cleanplate_worker_cpu_seconds_total", worker),
                )
            )

        wait_until(more)


@pytest.mark.long
@pytest.mark.real
def test_the_endpoint_stays_up_over_all_inputs_of_a_call_and_goes_with_it(tmp_path: Path) -> None:
    """Scraped without a pause from before the first run to after the last: each answer is whole."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").touch()
    config = toy(tmp_path, {"name": "dial", "uses": "tests.dials:Dial"})
    config["stages"][0]["uses"] = "tests.dials:Named"
    del config["stages"][-1]["with"]["output"]
    given = ["-i", str(tmp_path / "a.txt"), "-i", str(tmp_path / "b.txt"), "-o", str(tmp_path / "{name}-out.txt")]
    run = Run(tmp_path, config, *given, "--metrics", "0", "--report", str(tmp_path / "{name}.json"))
    wait_until(lambda: "metrics on" in (run.folder / "stderr").read_text())
    address = address_of(run)
    seen: list[Values] = []
    while run.process.poll() is None:
        try:
            seen.append(scrape(address))
        except OSError:  # it has just ended
            break
    assert run.process.wait(30) == 0
    frames = [of(found, "cleanplate_frames_total", run="toy", fate="output") for found in seen]
    known = [count for count in frames if count is not None]
    assert known
    assert any(later < earlier for earlier, later in pairwise(known))  # the second run began anew
    with pytest.raises(OSError):  # noqa: PT011
        scrape(address)
