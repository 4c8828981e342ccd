"""Running pipelines as others see them: locks tell who lives, and nothing of the dead stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.instances import claim, is_locked, lock_of, private_dir, running, sweep
from tests.commands import cleanplate
from tests.runs import ROOT
from tests.waiting import wait_until

CLAIM = "from pipeline.instances import claim\nimport time\n"
CLAIM += "with claim('toy', 'in', ['out.mp4'], 'mine', 'now'):\n    print('up', flush=True)\n    time.sleep(600)\n"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLEANPLATE_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def holder(tmp_path: Path) -> subprocess.Popen[str]:
    """Another process that is the run `mine`."""
    child = subprocess.Popen([sys.executable, "-c", CLAIM], cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "up\n"
    return child


def end(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.communicate()


def test_a_run_is_listed_while_it_lives_and_gone_after() -> None:
    with claim("toy", "a.mp4", ["b.mp4"], None, "noon") as (instance, folder):
        assert [one.name for one in running()] == ["toy"]
        assert (instance.pid, instance.output) == (os.getpid(), "b.mp4")
        assert folder.stat().st_mode & 0o777 == 0o700
        assert json.loads((folder / "info.json").read_text())["input"] == "a.mp4"
    assert running() == []
    assert not folder.exists()


def test_a_name_that_would_colour_the_terminal_is_listed_harmlessly() -> None:
    with claim("toy", "a\x1b[31m.mp4", ["b\n.mp4"], None, "noon"):
        shown = cleanplate("ps").stdout.splitlines()
    assert len(shown) == 2
    assert shown[1].endswith(r"a\x1b[31m.mp4 -> b\n.mp4")


@pytest.mark.fault("F7", "F9")
def test_a_second_run_of_the_same_configuration_gets_a_number() -> None:
    with claim("toy", "", [], None, "") as (first, _), claim("toy", "", [], None, "") as (second, _):
        assert (first.name, second.name) == ("toy", "toy-2")


@pytest.mark.fault("F9")
def test_an_exact_name_in_use_is_refused_and_a_free_one_is_not() -> None:
    with claim("toy", "", [], "mine", ""):
        with pytest.raises(ConfigError, match="--name mine"), claim("toy", "", [], "mine", ""):
            pass
        with claim("toy", "", [], "other", "") as (instance, _):
            assert instance.name == "other"


@pytest.mark.fault("F9")
def test_the_same_output_under_another_spelling_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    same = str(tmp_path / "a" / ".." / "out.mp4")
    with (
        claim("toy", "", [str(tmp_path / "out.mp4")], None, ""),
        pytest.raises(ConfigError, match="another run is writing"),
        claim("toy", "", [same], None, ""),
    ):
        pass


def test_two_outputs_of_one_run_in_the_same_place_are_not_blamed_on_another_run(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    same = ["a.mp4", "http://127.0.0.1:8090/", "./a.mp4"]
    with pytest.raises(ConfigError, match="several outputs of this run"), claim("toy", "", same, None, ""):
        pass


def test_what_is_no_place_can_be_the_output_of_several_runs_and_sinks() -> None:
    with claim("toy", "", ["null:", "null:", "window:"], None, ""), claim("toy", "", ["null:", "window:"], None, ""):
        pass


@pytest.mark.fault("F9")
def test_a_killed_run_frees_its_name_and_output_and_is_swept(tmp_path: Path, state: Path) -> None:
    child = holder(tmp_path)
    assert is_locked(lock_of("mine"))
    assert [one.name for one in running()] == ["mine"]
    end(child)
    wait_until(lambda: not is_locked(lock_of("mine")))
    assert running() == []
    sweep(state)
    assert not (state / "mine").exists()
    with claim("toy", "", ["out.mp4"], "mine", ""):
        pass


def test_sweeping_leaves_the_living_alone(tmp_path: Path, state: Path) -> None:
    child = holder(tmp_path)
    sweep(state)
    assert (state / "mine" / "info.json").exists()
    end(child)


def test_the_folder_of_a_run_that_begins_at_this_moment_is_not_swept_away(state: Path) -> None:
    """Between making its lock file and locking it, a run looks dead."""
    folder = state / "toy"
    folder.mkdir(parents=True)
    beginning = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
    sweep(state)
    assert list(state.iterdir()) == []
    with claim("toy", "", [], "toy", ""):
        assert (folder / "info.json").exists()
        sweep(state)
        assert (folder / "info.json").exists()
        assert is_locked(folder / "lock")
    os.close(beginning)


def test_a_lock_on_a_file_that_was_removed_meanwhile_does_not_count(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run ends, and removes its folder, just between our opening of its lock and our locking it."""
    opened: list[Path] = []

    def open_and_lose(path: Path, *rest: int) -> int:
        fd = real_open(path, *rest)
        if Path(path).name == "lock" and not opened:
            opened.append(path)
            Path(path).unlink()
            Path(path).parent.rmdir()
        return fd

    real_open = os.open
    private_dir(state)
    monkeypatch.setattr(os, "open", open_and_lose)
    with claim("toy", "", [], None, "") as (_, folder):
        assert opened == [folder / "lock"]
        assert (folder / "lock").exists()
        assert is_locked(folder / "lock")


def test_asking_whether_a_run_lives_is_in_nobodys_way(state: Path) -> None:
    """`ps` may look at a lock file in the very moment in which a run claims it."""
    (state / "toy").mkdir(parents=True)
    (state / "toy" / "lock").touch()
    asking = os.open(state / "toy" / "lock", os.O_RDWR)
    assert not is_locked(state / "toy" / "lock")
    with claim("toy", "", [], "toy", ""):
        assert is_locked(state / "toy" / "lock")
    os.close(asking)


def test_what_is_no_run_in_the_state_folder_is_no_matter(state: Path) -> None:
    private_dir(state)
    (state / "a file").touch()
    (state / "empty").mkdir()
    (state / ".gone-half").mkdir()
    with claim("toy", "", [], None, ""):
        assert [one.name for one in running()] == ["toy"]
    assert {path.name for path in state.iterdir()} == {"a file", "empty"}


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".", "Big", "a b", "outputs", "shares", "a\nb", "x" * 49])
def test_a_run_cannot_be_given_a_name_that_leads_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught, claim("toy", "", [], name, ""):
        pass
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "up").exists()


def test_many_runs_that_start_and_end_at_once_never_share_a_name(state: Path) -> None:
    """Eight processes claim and let go as fast as they can; each marks the folder that it believes to be its own."""
    code = (
        "import os\nfrom pipeline.instances import claim\n"
        "for _ in range(40):\n"
        "    with claim('toy', '', [], None, '') as (_, folder):\n"
        "        os.close(os.open(folder / 'mine', os.O_CREAT | os.O_EXCL))\n"
        "        assert (folder / 'info.json').exists()\n"
    )
    all_of_them = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=os.environ) for _ in range(8)]
    assert [child.wait() for child in all_of_them] == [0] * 8
    assert running() == []
    sweep(state)
    assert list(state.iterdir()) == []


def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("needs root to give a folder away")
    folder = tmp_path / "theirs"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    with pytest.raises(ConfigError, match="belongs to another user"):
        private_dir(folder)
