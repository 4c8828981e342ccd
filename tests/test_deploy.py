"""Images, compose file and service: linted by the tools of their own worlds, and true about this tree.

Docker itself is not there where these run: that the images build is for whoever builds them."""

from __future__ import annotations

import difflib
import fnmatch
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cli.commands import load
from pipeline.web.rules import OPEN
from tests.packaging import PACKAGES
from tests.runs import ROOT, Run
from tests.scenes import make_standing

DEPLOY = ROOT / "deploy"
IMAGES = ("Dockerfile", "Dockerfile.cuda")
UNIT = DEPLOY / "cleanplate.service"
MOST_EXPOSED = 2.5  # of 10, by `systemd-analyze security`


def program(name: str) -> str:
    """One that comes with the extra `dev`, or with the system; the test is skipped where it does not."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def said(*words: str | Path) -> tuple[int, str]:
    done = subprocess.run([*map(str, words)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def steps(image: str) -> list[tuple[str, str]]:
    """Instructions and what follows them, without comments, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / image).read_text(), flags=re.MULTILINE).replace("\\\n", "")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def of(image: str, word: str) -> list[str]:
    return [rest for step, rest in steps(image) if step == word]


def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def unit() -> list[tuple[str, str]]:
    lines = (line for line in UNIT.read_text().splitlines() if line and line[0] not in "#[")
    return [(key, value) for key, _, value in (line.partition("=") for line in lines)]


@pytest.mark.parametrize("image", IMAGES)
def test_hadolint_finds_nothing_in_an_image(image: str) -> None:
    assert said(program("hadolint"), DEPLOY / image) == (0, "")


def test_the_compose_file_is_one_by_its_own_schema() -> None:
    code, found = said(program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")
    assert code == 0, found


@pytest.fixture
def standing(tmp_path: Path) -> Path:
    """The service, with a program that is there in place of the installed one."""
    path = tmp_path / UNIT.name
    path.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", UNIT.read_text(), flags=re.MULTILINE))
    return path


def test_systemd_finds_nothing_wrong_with_the_service(standing: Path) -> None:
    assert said(program("systemd-analyze"), "verify", standing) == (0, "")


def test_the_service_is_shut_in_as_far_as_it_can_be(standing: Path) -> None:
    code, found = said(program("systemd-analyze"), "security", "--offline=yes", standing)
    score = re.search(r"Overall exposure level for \S+: ([\d.]+)", found)
    assert code == 0, found
    assert score
    assert float(score[1]) <= MOST_EXPOSED, found


def allowed() -> set[str]:
    """The system calls that the service may make, its sets opened up as this machine's systemd knows them."""
    groups: dict[str, set[str]] = {}
    for line in said(program("systemd-analyze"), "syscall-filter")[1].splitlines():
        if line.startswith("@"):
            group = groups.setdefault(line.strip(), set())
        elif line.startswith(" ") and not line.lstrip().startswith("#"):
            group.add(line.strip())

    def members(name: str) -> set[str]:
        return {one for inner in groups[name] for one in members(inner)} if name[0] == "@" else {name}

    given = [word for key, value in unit() if key == "SystemCallFilter" for word in value.split()]
    return {one for word in given for one in members(word)}


def test_the_service_may_call_what_frames_workers_and_sandbox_need_and_nothing_of_an_administrator() -> None:
    needed = {"memfd_create", "fallocate", "pidfd_open", "pidfd_send_signal", "waitid", "prctl", "sendmsg", "setsid"}
    assert needed | {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "execve"} <= allowed()
    assert not {"mount", "ptrace", "bpf", "kexec_load", "reboot", "init_module"} & allowed()


@pytest.mark.long
@pytest.mark.real
@pytest.mark.timeout(600)
def test_a_run_calls_nothing_that_the_service_may_not(tmp_path: Path) -> None:
    """Every system call of every process of a run, counted: ingest, networks, output."""
    clip = make_standing(tmp_path / "street.mp4", 3)
    args = ("--input", str(clip), "--output", str(tmp_path / "clean.mp4"))
    counted = tmp_path / "calls"
    under = (program("strace"), "-f", "-qq", "-c", "-U", "name", "-o", str(counted))
    ended = Run(tmp_path, "remove-people", *args, under=under).end(500)
    assert ended.code == 0, ended.stderr
    calls = {line.strip() for line in counted.read_text().splitlines() if re.fullmatch(r"\s*[a-z]\w+\s*", line)}
    calls -= {"syscall", "total"}
    assert calls >= {"memfd_create", "pidfd_open", "execve"}, "it was seen"
    assert calls <= allowed()


def test_the_two_images_differ_in_torch_and_what_a_gpu_needs_alone() -> None:
    first, second = ([f"{word} {rest}" for word, rest in steps(image)] for image in IMAGES)
    differing = [line for line in difflib.ndiff(first, second) if line[:2] in ("- ", "+ ")]
    assert len(differing) == 6
    assert all(re.match(r". (RUN pip install|ENV PATH=.*CLEANPLATE_CACHE)", line) for line in differing), differing


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_nobody_serves_the_page_and_asks_it_how_it_is(image: str) -> None:
    assert of(image, "USER") == ["10001:10001"]
    assert (of(image, "ENTRYPOINT"), of(image, "CMD")) == (['["cleanplate"]'], ['["serve"]'])
    (health,) = of(image, "HEALTHCHECK")
    address = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", health)
    assert address
    (port,) = (option.default for option in load("serve").params if option.name == "port")
    assert (int(address[1]), of(image, "EXPOSE")) == (port, [str(port)])
    assert address[2] in OPEN


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_is_built_of_what_is_there_and_let_through(image: str) -> None:
    ignored, *let = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    through = [line[1:] for line in let if line[0] == "!"]
    assert (ignored, [line for line in let if line[0] != "!"]) == ("*", ["**/__pycache__"])
    copied = [word for rest in of(image, "COPY") if "--from" not in rest for word in rest.split()[:-1]]
    assert sorted(copied) == sorted(through)
    assert set(copied) >= {*PACKAGES, "pyproject.toml", "README.md", "LICENSE", "constraints.txt"}
    assert [word for word in copied if not (ROOT / word).exists()] == []
    assert not any(fnmatch.fnmatch(word, "*test*") for word in copied)


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_asks_for_extras_that_there_are_and_a_python_that_will_do(image: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (wanted,) = re.findall(r"'\.\[([\w,]+)\]'", (DEPLOY / image).read_text())
    assert set(wanted.split(",")) <= set(project["optional-dependencies"])
    assert "dev" not in wanted
    assert {base.partition(" ")[0] for base in of(image, "FROM")} == {"python:3.11-slim-bookworm"}
    assert project["requires-python"] == ">=3.11"


def test_what_compose_starts_is_confined_and_for_this_machine_alone() -> None:
    services = compose()["services"]
    assert set(services) == {"page", "gpu"}
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["init"] is True
        assert {"memory", "cpus", "pids"} == set(service["deploy"]["resources"]["limits"])
        assert {volume.partition(":")[0] for volume in service["volumes"]} == set(compose()["volumes"])
        assert service["command"][service["command"].index("--host") + 1] == "127.0.0.1"
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).exists()
    assert services["gpu"]["deploy"]["resources"]["reservations"]["devices"][0]["driver"] == "nvidia"
    assert services["gpu"]["profiles"]


def test_folders_that_are_kept_are_those_that_the_image_has() -> None:
    (volumes,) = {tuple(service["volumes"]) for service in compose()["services"].values()}
    folders = [volume.partition(":")[2] for volume in volumes]
    for image in IMAGES:
        text = (DEPLOY / image).read_text()
        assert all(folder in text for folder in folders)


def started() -> list[list[str]]:
    """What compose and the service start, after the name of the program."""
    own = next(value for key, value in unit() if key == "ExecStart")
    return [*(service["command"] for service in compose()["services"].values()), shlex.split(own)[1:]]


def test_what_is_started_is_a_command_with_options_that_it_has() -> None:
    known = {name for option in load("serve").params for name in option.opts}
    for words in started():
        assert words[0] == "serve"
        assert {word for word in words if word.startswith("--")} <= known
    advice = re.findall(r"--[a-z-]+", " ".join(line for line in UNIT.read_text().splitlines() if "--behind" in line))
    assert advice
    assert set(advice) <= known


def test_an_interrupted_service_counts_as_ended_well() -> None:
    settings = dict(unit())
    assert settings["SuccessExitStatus"] == "143"
    assert settings["KillMode"] == "mixed"
    environment = dict(word.split("=") for word in settings["Environment"].split())
    assert environment["CLEANPLATE_STATE"] == f"/run/{settings['RuntimeDirectory']}"
    assert environment["CLEANPLATE_CACHE"] == f"/var/cache/{settings['CacheDirectory']}"
