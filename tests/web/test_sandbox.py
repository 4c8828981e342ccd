"""The sandbox in which files of strangers are looked at: real processes that try to get out."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.web.probing import Probing
from pipeline.web.refusal import Refused
from tests.clips import make_clip

TRIES = {
    "read": "open({canary!r}).read()",
    "list": "os.listdir({folder!r})",
    "write": "open({folder!r} + '/new', 'w').write('x')",
    "remove": "os.unlink({canary!r})",
    "tcp": "socket.socket()",
    "unix": "socket.socket(socket.AF_UNIX)",
    "pair": "socket.create_connection(('127.0.0.1', 9))",
    "start": "subprocess.run(['/bin/true'], check=True)",
}
CODE = """
import importlib, json, os, socket, subprocess, sys
from pipeline.web import looking, sandbox
sandbox.limit(4 << 30, 20)
alone = sandbox.only_file({path!r}, looking._libraries())
done = ["alone"] if alone else []
def attempt(what, how):
    try:
        how()
        done.append(what)
    except (OSError, subprocess.SubprocessError):
        pass
attempt("own", lambda: open({path!r}).read())
{tries}
os.write(1, json.dumps(done).encode())
"""


@pytest.mark.fault("H8")
def test_who_looks_at_a_file_can_reach_nothing_else(tmp_path: Path) -> None:
    path, canary = tmp_path / "upload" / "x", tmp_path / "canary"
    path.parent.mkdir()
    path.write_text("x")
    canary.write_text("secret")
    tries = "\n".join(
        f"attempt({what!r}, lambda: {text.format(canary=str(canary), folder=str(tmp_path))})"
        for what, text in TRIES.items()
    )
    code = CODE.format(path=str(path), tries=tries)
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True).stdout
    done = json.loads(told)
    if "alone" not in done:
        pytest.skip("this kernel has no Landlock")
    assert done == ["alone", "own"]
    assert canary.exists()
    assert not (tmp_path / "new").exists()


def saying(code: str) -> Probing:
    """One whose process does this instead."""
    return Probing((sys.executable, "-c", code))


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import os; os.abort()", "the decoder broke"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "the decoder broke"),
        ("import time; time.sleep(60)", "no picture came of it within"),
        ("while True: print('x' * 100000)", "too much to say"),
        ("pass", "the decoder broke"),
        ('print(\'{"ok": false, "error": "is empty"}\')', "is empty"),
    ],
)
def test_a_process_that_breaks_hangs_or_floods_is_ended(code: str, why: str) -> None:
    async def look() -> None:
        await saying(code).file("/nowhere", seconds=2)

    with pytest.raises(Refused, match=why):
        asyncio.run(look())


def test_what_is_looked_at_gets_no_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEANPLATE_TOKEN", "secret")
    code = "import json, os, sys; print(json.dumps({'ok': True, 'environment': dict(os.environ), 'argv': sys.argv}))"

    async def look() -> dict[str, object]:
        return await saying(code).address("rtsp://ann:hidden@127.0.0.1/x")

    told = json.dumps(asyncio.run(look()))
    assert "secret" not in told
    assert "hidden" not in told


@pytest.mark.long
def test_only_a_few_look_at_a_time(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", 5)
    probing = Probing()

    async def many() -> list[object]:
        return await asyncio.gather(*(probing.file(os.fspath(clip)) for _ in range(20)), return_exceptions=True)

    found = asyncio.run(many())
    refused = [answer for answer in found if isinstance(answer, Refused)]
    assert {answer.status for answer in refused} == {503}
    assert len(refused) == 4
    assert all(answer["width"] == 96 for answer in found if isinstance(answer, dict))
