"""The house: names resolve inside this tree, files stay small, and what is banned is not there."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

from manual import house
from tests.runs import ROOT

SOURCES = sorted(house.sources())


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def passed_over(path: Path, ways: tuple[type[ast.stmt], ...], *, all_errors: bool) -> list[str]:
    """Places where what is caught is answered by nothing but `ways`; with `all_errors`, where everything is caught."""
    return [
        f"{relative(path)}:{node.lineno}"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ExceptHandler)
        and (not all_errors or node.type is None or "Exception" in ast.dump(node.type))
        and all(isinstance(step, ways) for step in node.body)
    ]


@pytest.mark.parametrize("name", house.PACKAGES)
def test_each_generic_name_resolves_inside_this_tree(name: str) -> None:
    found = importlib.util.find_spec(name)
    assert found is not None
    assert found.origin is not None
    assert Path(found.origin).resolve().is_relative_to(ROOT)


def test_the_tests_are_a_package() -> None:
    assert (ROOT / "tests" / "__init__.py").exists()


def test_no_source_file_is_longer_than_300_lines() -> None:
    assert {path: length for path, length in house.measured().files.items() if length > house.MOST} == {}


def test_the_house_is_kept() -> None:
    found = house.measured()
    assert 80 <= found.median <= 150
    assert found.short >= 0.9
    assert found.typed == 1
    assert found.tests >= found.runs


def test_every_module_says_first_what_it_owns() -> None:
    assert [relative(path) for path in SOURCES if not ast.get_docstring(tree(path))] == []


def test_no_error_is_swallowed() -> None:
    assert [place for path in SOURCES for place in passed_over(path, (ast.Pass, ast.Continue), all_errors=True)] == []


def test_nothing_is_caught_only_to_be_passed_over() -> None:
    """What may be ignored is named in `contextlib.suppress`, where a comment can say why."""
    assert [place for path in SOURCES for place in passed_over(path, (ast.Pass,), all_errors=False)] == []


def test_nobody_prints_but_the_command_line_and_the_benchmarks() -> None:
    places = [
        f"{relative(path)}:{node.lineno}"
        for path in SOURCES
        if not relative(path).startswith(("pipeline/cli/", "benchmarks/"))
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert places == []


BANNED = {
    r"multiprocessing\.(Lock|RLock|Queue|Event|Condition|Semaphore|Barrier|Value)": "a killed holder never lets go",
    r"os\.kill(pg)?\(": "signals go through a pidfd",
    r"\btime\.time(_ns)?\(": "deadlines are monotonic",
    r"\b(send_pyobj|recv_pyobj|pickle\.loads?)\(": "no pickle on any wire",
    r"zmq\.(SocketType\.)?X?(PUB|SUB)\b": "tokens never travel by PUB/SUB",
    r"set_start_method|get_context\(|multiprocessing\.(Process|Pool|Manager)\b|ProcessPoolExecutor": "exec, no fork",
    r"\bos\.fork(pty)?\(": "children are started by exec",
}


@pytest.mark.parametrize("pattern", BANNED, ids=list(BANNED.values()))
def test_what_is_banned_is_not_in_the_runtime_the_stages_or_the_models(pattern: str) -> None:
    places = [relative(p) for p in SOURCES if "benchmarks" not in p.parts and re.search(pattern, p.read_text())]
    assert places == []


UNDER_ANOTHER_NAME = {
    "multiprocessing": {
        "Lock",
        "RLock",
        "Queue",
        "Event",
        "Condition",
        "Semaphore",
        "Barrier",
        "Value",
        "Process",
        "Pool",
    },
    "os": {"kill", "killpg", "fork", "forkpty"},
    "time": {"time", "time_ns"},
    "zmq": {"PUB", "SUB", "XPUB", "XSUB"},
    "pickle": {"load", "loads"},
}


def test_what_is_banned_is_not_imported_by_its_bare_name() -> None:
    places = [
        f"{relative(path)}:{node.lineno}"
        for path in SOURCES
        if "benchmarks" not in path.parts
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom)
        and {alias.name for alias in node.names} & UNDER_ANOTHER_NAME.get(str(node.module).split(".")[0], set())
    ]
    assert places == []


def test_signals_are_sent_by_one_module_and_by_the_faults_of_tests() -> None:
    """psutil's ways too: it knows processes by number, which may be another's by now."""
    sending = re.compile(r"pidfd_send_signal|killpg|pthread_kill|raise_signal|\.send_signal\(|\.suspend\(")
    places = {relative(path) for path in SOURCES if "benchmarks" not in path.parts and sending.search(path.read_text())}
    assert places == {"pipeline/process.py", "pipeline/faults.py", "pipeline/opcodes.py"}


def test_the_runtime_reads_the_calendar_for_stamps_only() -> None:
    """A deadline by the clock on the wall goes off, or never does, when somebody sets that clock."""
    runtime = (ROOT / "pipeline").glob("*.py")
    places = {relative(path) for path in runtime if re.search(r"\bdatetime\.(utc)?now\(", path.read_text())}
    assert places == {"pipeline/run.py", "pipeline/runlog.py", "pipeline/proof.py"}


def test_environment_variables_are_read_in_few_places_only() -> None:
    """pipeline/environment.py for the runtime; models/weights.py and threads.py for models, which know no pipeline.

    models/lama_script.py lends a library the variable that it reads, and puts back what was there; a benchmark asks
    where the browser stands."""
    reading = re.compile(r"os\.(environ\.get|getenv|environ\[[^\]]+\](?! =))")
    places = {relative(p) for p in SOURCES if reading.search(p.read_text())}
    known = {"pipeline/environment.py", "models/weights.py", "models/threads.py", "models/lama_script.py"}
    assert places <= known | {"benchmarks/glass_page.py"}


def test_openvino_is_imported_where_it_is_kept_from_calling_home() -> None:
    importing = re.compile(r"^\s*(import|from) openvino\b", re.MULTILINE)
    assert {relative(p) for p in SOURCES if importing.search(p.read_text())} == {"models/quiet_openvino.py"}


@pytest.mark.parametrize("module", ["pipeline.cli.app", "pipeline.worker", "stages.ingest", "stages.segmentation"])
def test_importing_it_brings_in_no_heavy_library(module: str) -> None:
    heavy = ["torch", "ultralytics", "av", "torchvision", *(["cv2"] if module.startswith("pipeline.") else [])]
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_import_contracts_name_every_module_of_the_runtime() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    modules = {f"pipeline.{path.stem}" for path in (ROOT / "pipeline").glob("*.py") if path.stem != "__init__"}
    for contract in settings["tool"]["importlinter"]["contracts"][:2]:
        assert modules <= set(contract["source_modules"])


def test_every_package_folder_is_shipped() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shipped = set(settings["tool"]["setuptools"]["packages"])
    folders = {str(path.parent.relative_to(ROOT)).replace("/", ".") for path in SOURCES}
    assert folders - {"manual"} == shipped, "what makes the documentation is of use in a checkout only"
