"""Sandbox: what a process gives up before it looks at what a stranger sent. On Linux; elsewhere it gives up less."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
import sys
from collections.abc import Sequence

PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP, FILTER = 22, 2
# Landlock: the same numbers on every architecture.
CREATE, ADD, RESTRICT = 444, 445, 446
BENEATH = 1
READ_FILE, READ_DIR = 1 << 2, 1 << 3
READING = 1 | READ_FILE | READ_DIR  # executing is reading, too
FS_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}  # since which version
CONNECTING = 2
SOCKET_CALLS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}


def limit(memory: int, seconds: int) -> None:
    """At most so many bytes of address space and seconds of processor; no core file, no file written, no new rights."""
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))
    if sys.platform.startswith("linux"):
        _prctl(PR_SET_NO_NEW_PRIVS, 1)


def only_file(path: str, libraries: Sequence[str]) -> bool:
    """From here on this process reads that file and no other but libraries, writes none, and opens no socket.

    False where the kernel cannot do that (no Landlock): then it is up to the lists of formats and protocols alone."""
    reading = [(path, READ_FILE), *((folder, READ_FILE | READ_DIR) for folder in libraries)]
    alone = _landlock(reading, connecting=False)
    return _no_sockets() and alone


def no_writing() -> bool:
    """From here on it writes nothing but devices."""
    return _landlock(reading=None, connecting=True)


def _landlock(reading: Sequence[tuple[str, int]] | None, connecting: bool) -> bool:
    """`reading`: what may be read, with its rights; None: all. Needs `limit` before."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    rights = FS_RIGHTS[max(known for known in FS_RIGHTS if known <= version)]
    if reading is None:
        rights &= ~READING
    net = CONNECTING if version >= 4 and not connecting else 0
    asked = struct.pack("=QQ", rights, net)[: 16 if net else 8]
    rules = libc.syscall(CREATE, asked, ctypes.c_size_t(len(asked)), 0)
    if rules < 0:
        return False
    try:
        for path, right in [("/dev", rights)] if reading is None else reading:
            _grant(libc, rules, path, right)
        _check(libc.syscall(RESTRICT, rules, 0))
    finally:
        os.close(rules)
    return True


def _grant(libc: ctypes.CDLL, rules: int, path: str, right: int) -> None:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        _check(libc.syscall(ADD, rules, BENEATH, struct.pack("=Qi", right, handle), 0))
    finally:
        os.close(handle)


def _no_sockets() -> bool:
    """A filter of system calls: `socket` fails with EPERM. Landlock knows of TCP only."""
    if platform.machine() not in SOCKET_CALLS:
        return False
    architecture, call = SOCKET_CALLS[platform.machine()]
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    allow, refuse, end = 0x7FFF0000, 0x00050001, 0x80000000
    steps = (
        (load, 0, 0, 4),  # the architecture that the call is made for
        (equal, 1, 0, architecture),
        (give, 0, 0, end),
        (load, 0, 0, 0),  # its number
        (at_least, 2, 0, 0x40000000),  # those of x32 are the same calls by other numbers
        (equal, 1, 0, call),
        (give, 0, 0, allow),
        (give, 0, 0, refuse),
    )
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    program = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("@HP", len(steps), ctypes.addressof(program))
    _prctl(PR_SET_SECCOMP, FILTER, ctypes.create_string_buffer(header, len(header)))
    return True


def _prctl(what: int, *values: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    filled = [*values, *([0] * (4 - len(values)))]
    given = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in filled]
    _check(libc.prctl(what, *given))


def _check(answer: int) -> None:
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
