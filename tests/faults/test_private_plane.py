"""What a run is made of is its user's alone: memory, sockets, folders and names; and nothing listens on a network."""

from __future__ import annotations

import ast
import fcntl
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.errors import ConfigError
from pipeline.instances import claim, private_dir, running
from tests.faults.intruder import sockets_of
from tests.runs import ROOT, Run, toy
from tests.waiting import wait_until

STRANGER = 54_321
MIDDLE = {"name": "total", "uses": "tests.toys:Sum"}, {"name": "invert", "uses": "tests.toys:Invert", "workers": 2}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """One that goes on."""
    folder = tmp_path_factory.mktemp("run")
    made = Run(folder, toy(folder, *MIDDLE, sink="CollectWithMask"), "--set", "ingest.count=100000000")
    wait_until(lambda: made.output.exists() and made.output.stat().st_size > 100)
    yield made
    made.process.send_signal(signal.SIGINT)
    assert made.end().code == 130


def tree(run: Run) -> list[psutil.Process]:
    """All of its processes."""
    top = psutil.Process(run.process.pid)
    found = [top, *top.children(recursive=True)]
    assert len(found) == 6
    return found


def memory_files(process: psutil.Process) -> dict[str, Path]:
    """The shared memory that a process holds open, by name."""
    found = {}
    for link in Path(f"/proc/{process.pid}/fd").iterdir():
        if (name := os.readlink(link)).startswith("/memfd:cleanplate:"):
            found[name.split(":")[2].split(" ")[0]] = link
    return found


@pytest.mark.fault("H3")
@pytest.mark.real
def test_no_process_of_a_run_has_a_socket_of_any_network(run: Run) -> None:
    for process in tree(run):
        assert process.net_connections(kind="inet") == []
    listening = [c for c in tree(run)[0].net_connections(kind="unix") if c.laddr]
    assert {Path(c.laddr).name for c in listening} == {path.name for path in sockets_of(run.folder / "state" / "toy")}


@pytest.mark.fault("H3")
@pytest.mark.real
def test_folder_and_sockets_are_the_users_alone(run: Run) -> None:
    folder = run.folder / "state" / "toy"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)] == [0o700, 0o700]
    assert {path.name for path in sockets_of(folder)} == {"admin", "control"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in sockets_of(folder)} == {0o600}


@pytest.mark.fault("H3")
@pytest.mark.real
@pytest.mark.skipif(os.getuid() != 0 or shutil.which("setpriv") is None, reason="only root can be somebody else")
def test_another_user_can_neither_connect_nor_open_the_memory(run: Run) -> None:
    """With the names and numbers of everything, and nothing but the rights of files between."""
    if as_stranger("print('alive')") != "alive\n":
        pytest.skip("nobody else may run this Python")
    (memory,) = {path for name, path in memory_files(tree(run)[0]).items() if name == "image"}
    assert "PermissionError" in as_stranger(f"open({str(memory)!r})")
    assert "PermissionError" in as_stranger(f"open('/proc/{run.process.pid}/environ')")
    for socket in sockets_of(run.folder / "state" / "toy"):
        assert "PermissionError" in as_stranger(f"import socket; socket.socket(1).connect({str(socket)!r})")
        with tempfile.TemporaryDirectory(prefix="cleanplate-") as name:  # the socket itself is closed to him as well
            os.link(socket, f"{name}/socket")
            os.chmod(name, 0o755)
            assert "PermissionError" in as_stranger(f"import socket; socket.socket(1).connect('{name}/socket')")


def as_stranger(code: str) -> str:
    """What Python says to this code when it is run by somebody else."""
    user = [f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"]
    done = subprocess.run(
        ["setpriv", *user, sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd="/"
    )
    return done.stdout + done.stderr


@pytest.mark.real
def test_the_memory_is_the_users_alone_and_keeps_its_size(run: Run) -> None:
    held = memory_files(tree(run)[0])
    assert set(held) == {"image", "mask", "clean", "total/sum"}
    for path in held.values():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with path.open() as file:
            seals = fcntl.fcntl(file, fcntl.F_GET_SEALS)
        assert seals & fcntl.F_SEAL_SHRINK
        assert seals & fcntl.F_SEAL_GROW


@pytest.mark.real
def test_a_worker_maps_what_its_stage_names_and_nothing_else(run: Run) -> None:
    """The sink reads the result: the picture as it was is not in its address space, nor within its reach."""
    wanted = {"ingest": {"image": "rw"}, "total": {"image": "r-", "mask": "rw", "total/sum": "rw"}}
    wanted |= {"invert": {"image": "r-", "clean": "rw"}, "output": {"clean": "r-", "mask": "r-"}}
    for stage, planes in wanted.items():
        for worker in run.workers(stage):
            mapped = {}
            for line in Path(f"/proc/{worker.pid}/maps").read_text().splitlines():
                if "memfd:cleanplate:" in line:
                    mapped[line.split("memfd:cleanplate:")[1].split(" ")[0]] = line.split()[1][:2]
            assert mapped == planes, stage
            assert set(memory_files(worker)) <= set(planes)


@pytest.mark.fault("H4")
@pytest.mark.real
def test_identities_stand_nowhere_that_others_could_read_them(run: Run) -> None:
    lines = b"".join(Path(f"/proc/{p.pid}/{what}").read_bytes() for p in tree(run) for what in ("cmdline", "environ"))
    files = b"".join(p.read_bytes() for p in (run.folder / "state").rglob("*") if p.is_file())
    for stage in ("ingest", "total", "invert", "output"):
        assert f"{stage}-0-".encode() not in lines + files


@pytest.mark.real
def test_a_worker_that_crashes_leaves_no_picture_on_the_disk(run: Run) -> None:
    for worker in tree(run)[1:]:
        assert resource.prlimit(worker.pid, resource.RLIMIT_CORE) == (0, 0)


# Folders of others


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A folder of somebody else's."""
    if os.getuid() != 0:
        pytest.skip("needs root to give a folder away")
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", STRANGER, STRANGER)
    return tmp_path / "theirs"


def test_a_link_that_somebody_else_has_laid_is_not_followed(tmp_path: Path, theirs: Path) -> None:
    """To a folder of ours, say, which would then be swept of what looks like dead runs."""
    (tmp_path / "ours").mkdir(mode=0o755)
    (theirs / "link").symlink_to(tmp_path / "ours")
    os.chown(theirs / "link", STRANGER, STRANGER, follow_symlinks=False)
    with pytest.raises(ConfigError, match="belongs to another user"):
        private_dir(theirs / "link")
    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == 0o755


def test_runs_in_a_folder_of_somebody_elses_are_not_listed(
    tmp_path: Path, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`stop` would end the process that it names."""
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    with claim("toy", "", [], "mine", ""):
        assert [one.name for one in running()] == ["mine"]
        os.chown(tmp_path / "state", STRANGER, STRANGER)
        assert running() == []
        os.chown(tmp_path / "state", os.getuid(), -1)


@pytest.mark.parametrize("what", ["a file", "a link to nowhere"])
def test_a_state_folder_that_cannot_be_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    if what == "a file":
        (tmp_path / "state").touch()
    else:
        (tmp_path / "state").symlink_to(tmp_path / "nowhere")
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    with pytest.raises(ConfigError, match="CLEANPLATE_STATE sets the folder"), claim("toy", "", [], None, ""):
        pass


# No pickle on any wire

BANNED_MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "multiprocessing"}
BANNED_CALLS = {"send_pyobj", "recv_pyobj", "send_serialized", "recv_serialized"}
PEERS = {ROOT / "benchmarks" / name for name in ("transport_ways.py", "peers_queue.py")}
WIRES = sorted(p for folder in ("pipeline", "stages", "benchmarks") for p in (ROOT / folder).rglob("*.py"))


def runs_code_on_arrival(node: ast.AST) -> bool:
    """Whether it brings in, sends or reads what may hold code."""
    if isinstance(node, ast.Import):
        return bool(BANNED_MODULES & {alias.name.partition(".")[0] for alias in node.names})
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] in BANNED_MODULES
    if isinstance(node, ast.Attribute):
        return node.attr in BANNED_CALLS
    return isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False"


@pytest.mark.fault("H2")
def test_nothing_that_runs_code_on_arrival_is_sent_or_read() -> None:
    """The bench's peers may: they are what we compare ourselves with."""
    found = {
        path for path in WIRES if any(runs_code_on_arrival(node) for node in ast.walk(ast.parse(path.read_text())))
    }
    assert found == PEERS
