"""The rows of the fault matrix: what can go wrong, how a test makes it go wrong, and what must happen then.

A test that covers a row says so with `@pytest.mark.fault("B2")`; a row that no test can cover here has its reason in
NOT_HERE. `python -m tests.faults.table` writes docs/faults.md from both.
"""

from __future__ import annotations

from typing import NamedTuple

from tests.faults.reasons_ag import REASONS as REASONS_AG
from tests.faults.rows_d import REASONS as REASONS_D
from tests.faults.rows_d import ROWS as ROWS_D
from tests.faults.rows_e import ROWS as ROWS_E
from tests.faults.rows_h import ROWS as ROWS_H


class Row(NamedTuple):
    """One fault. `made`: how it is brought about; `expected`: what the tests assert."""

    fault: str
    made: str
    expected: str


GROUPS = {
    "A": "Processes",
    "B": "Resources",
    "D": "Inputs over networks",
    "E": "Models, and what is to be protected",
    "F": "Configuration",
    "G": "Time and life cycle",
    "H": "Hostile neighbours and users",
}

ROWS: dict[str, Row] = {
    "A1": Row(
        "A worker is killed",
        "SIGKILL at named points of its life: before its first word, while it loads, with a frame granted, half way "
        "through writing it, before and after its commit, at its end",
        "another worker does the frame again; the output is that of an undisturbed run",
    ),
    "A2": Row(
        "A worker is killed anywhere in the cycle of a frame",
        "SIGKILL at the k-th bytecode of the work loop, for every k",
        "no frame torn, lost, doubled or out of order; no slot leaked",
    ),
    "A3": Row(
        "A worker is killed inside the kernel",
        "strace injects SIGKILL at the k-th system call, while Python is still importing too",
        "as A2",
    ),
    "A4": Row(
        "A worker freezes with a frame in its hands",
        "SIGSTOP at each point of A1",
        "it is killed first; only when its death is certain the slot is taken back",
    ),
    "A5": Row(
        "A worker freezes for a moment",
        "SIGSTOP, then SIGCONT before its deadline",
        "it is left alone; no frame is done twice",
    ),
    "A6": Row(
        "A worker hangs with Python's lock held",
        "a regular expression or a C call that does not come back",
        "noticed: a sign of life comes from the work loop itself, never from a thread beside it",
    ),
    "A7": Row(
        "The kernel kills for want of memory",
        "a limit on the address space, or the plain SIGKILL that the kernel would send",
        "told as a death by that signal; the worker is started again; a frame that always does it goes out blank",
    ),
    "A8": Row(
        "A program that a stage started is killed, hangs, or outlives it",
        "a child of the worker killed or stopped, and the worker killed while it lives",
        "it is in the worker's own process group and ends with it",
    ),
    "A9": Row(
        "A poisonous frame kills whoever takes it up",
        "SIGKILL at one frame, every time",
        "that frame goes out blank and is counted; the others are as they should be; no restart is charged for it",
    ),
    "A10": Row(
        "A stage dies again and again at its start",
        "SIGKILL, or an exception, in set-up",
        "restarts with growing waits, then an end that names the stage and its last words",
    ),
    "A11": Row(
        "The supervisor is killed",
        "SIGKILL to it alone, with one of its workers frozen",
        "no worker outlives it; its memory is gone, and its name and output are free at once",
    ),
    "A12": Row(
        "Everything is killed at once",
        "SIGKILL to the supervisor and all of its workers",
        "nothing is left, and the next run starts as if nothing had been",
    ),
    "A13": Row(
        "The supervisor is frozen for longer than any deadline",
        "SIGSTOP, several deadlines, SIGCONT",
        "no healthy worker is killed for it: the inbox is read before deadlines are judged",
    ),
    "A14": Row(
        "The user interrupts",
        "SIGINT, SIGTERM and SIGHUP, once and twice, at the start and in full flight, to the process or to its group",
        "the file is finished within ten seconds, exit code 130 or 143; the second time it ends at once",
    ),
    "A15": Row(
        "A process number is used again",
        "a worker dies, and its number goes to a stranger",
        "the stranger is never signalled: every signal goes through a pidfd, and a lint rule keeps it so",
    ),
    "A16": Row(
        "A worker cannot be killed",
        "a death that does not come after SIGKILL",
        "its slots stay out of use, counted; the rest of the ring goes on",
    ),
    "A17": Row(
        "A worker is started by a thread that ends",
        "a run asked for from a thread",
        "refused: the kernel would end the workers with that thread",
    ),
    "A18": Row(
        "Workers are added and removed while frames flow",
        "1 to 4 and back, to 0, and in a storm of kills",
        "no frame lost or out of order; who leaves finishes first; 0 is refused",
    ),
    "B1": Row(
        "The output is slower than the input",
        "a sink that sleeps over every frame",
        "from a file nothing is lost and memory stays flat: the source waits. Of a live source the older frames are "
        "dropped where they wait, never half done, and counted by stage; the age of what comes out stays bounded",
    ),
    "B2": Row(
        "The disk of the output is full",
        "a small tmpfs in a mount namespace of the run's own",
        "exit code 4 and one line with path and reason; what was committed before is in the `.part` and can be read; "
        "an earlier output stays",
    ),
    "B3": Row(
        "A limit on file sizes",
        "RLIMIT_FSIZE put on the running output worker alone",
        "as B2",
    ),
    "B4": Row(
        "The disk is full just when the file, or the report, is to be completed",
        "a tmpfs without a free inode, or with none but the part's space",
        "no torn file under the final name; the earlier one, or none, stands there, and the part is kept",
    ),
    "B5": Row(
        "/dev/shm is full, or memory is",
        "a tiny tmpfs on /dev/shm; a ring larger than what is free",
        "the former is none of our business: the ring has no name there. The latter is refused at the start, with what "
        "it needs, what there is and the way out",
    ),
    "B6": Row(
        "A memory limit is too small for the ring",
        "a control group, a limit on the address space, a kernel that refuses to reserve",
        "an error at the start that names the size, never a SIGBUS later",
    ),
    "B7": Row(
        "No more files may be opened",
        "RLIMIT_NOFILE around a run: enough for it, and too few",
        "with enough it works; with too few it ends in one line that says so, with a report; it never aborts",
    ),
    "B8": Row(
        "No process can be started",
        "RLIMIT_NPROC on the running supervisor of an ordinary user, and a worker killed",
        "a failed restart, counted against the budget and tried again with growing waits: with room again in time, "
        "nothing is lost; else the run ends in words",
    ),
    "B9": Row(
        "Other programs take all processors",
        "stress-ng with twice as many hogs as there are cores, beside a run with the shortest deadlines",
        "nobody is killed for being slow",
    ),
    "B10": Row(
        "The output folder is read-only, missing, or goes away",
        "a read-only mount; a folder that does not exist; a folder removed in mid-run",
        "one line with path and reason. What is unfinished lies beside what it will be, so that completing it is a "
        "rename and never a copy",
    ),
    "F1": Row(
        "A file that is no configuration",
        "broken YAML, tabs, a byte-order mark, NUL, other encodings, nothing at all, 10 MB, deep nesting, aliases that "
        "bite their tail or explode",
        "exit code 2 in one line with file and line, in a second, without taking memory; the mark does no harm",
    ),
    "F2": Row(
        "A wrong key or value",
        "unknown and doubled keys, wrong types, out of range, `no`, `1.10`, `12:30:00`",
        "exit code 2 with the key's path and the nearest known one; nothing is converted silently",
    ),
    "F3": Row(
        "A graph that cannot run",
        "a stage after itself or after a later one, a plane that nobody writes or that two write, a branch without a "
        "sink, no workers, names with `/` or spaces",
        "exit code 2 with the stage and what is wrong with it. A cycle cannot be written down: `after` names a stage "
        "above",
    ),
    "F4": Row(
        "YAML that runs code",
        "`!!python/object/apply:os.system` and its relatives, in a file and in `--set`",
        "refused; nothing ran",
    ),
    "F5": Row(
        "Variables and secrets",
        "variables that override values, misspelt or for nobody; passwords in addresses",
        "an unknown variable is an error that names it; passwords are shown as stars wherever anything is shown. "
        "(A configuration refers to no variable, so none of its own can be missing)",
    ),
    "F6": Row(
        "A bad change while it runs",
        "`set` with a wrong stage, field, type or range, and one that the stage itself refuses",
        "refused in one line; the old value stays in force, and no frame suffers. (A file is not read again: what may "
        "change is changed by `set`)",
    ),
    "F7": Row("The same file started twice", "two runs of one configuration", "as F9"),
    "F8": Row(
        "A ring that is too small",
        "`slots: 1`; fewer slots than workers and one more",
        "exit code 2 with the least that will do",
    ),
    "F9": Row(
        "Two runs of one name, or with one output",
        "started twice; again after a kill",
        "the second one is refused with exit code 2, by a lock that the kernel lets go when its holder dies. Two runs "
        "of one configuration without a name given get names with numbers",
    ),
    "G1": Row(
        "The clock on the wall jumps",
        "a day forward or back, 1970, 2038; the monotonic clock goes on",
        "no restart, no time-out, no negative duration: deadlines are monotonic and of one process",
    ),
    "G2": Row("Time stands still for everybody", "a machine put to sleep: as A13", "as A13"),
    "G3": Row(
        "A crashed run left things behind",
        "folders, sockets and locks of dead runs, of living ones, and of other users",
        "the dead are swept, the living and the foreign are not touched",
    ),
    "G4": Row(
        "Somebody attaches to memory that is not ready",
        "a stop between making it and giving it its size",
        "cannot be: memory has no name, and its descriptor is passed on when it is whole",
    ),
    "G5": Row(
        "Killed at any moment of writing a file",
        "at each step of writing and completing, and at torn ends of any length",
        "taken up where it was: every frame once; nothing beside the output in the end",
    ),
    "G6": Row(
        "The power goes",
        "the order of the system calls, as strace sees it",
        "data are on the disk before the rename, and the folder after it",
    ),
    "G7": Row(
        "A day of work",
        "as many small frames as a day has, with kills on the way",
        "memory, descriptors, threads and latency stay level",
    ),
    "G8": Row("Counters wrap", "generations and times near 2^31, 2^32 and 2^63", "works"),
    "G9": Row(
        "The source of a long job changes",
        "another video, one changed in the middle, cut shorter, touched or moved, between two runs of the job",
        "what it touches is done again, and it is said so; never a mix",
    ),
    "G10": Row("A job of an older or newer version", "its notes on disk", "a clear error, nothing lost"),
    "H1": Row(
        "Garbage on the sockets of a run",
        "raw bytes; a valid ZMTP greeting, then noise; the header of a frame of 1 GiB; 2,000 connections; handshakes "
        "that stop half way; floods of well-formed messages from nobody",
        "memory stays flat, frames flow on without a gap, what breaks the protocol or dawdles is cut off",
    ),
    "H2": Row(
        "Well-framed messages that mean no good",
        "hypothesis: any bytes, wrong types, huge numbers, NaN, wrong slots, old generations; by a worker itself",
        "refused and counted; the ledger is what it would have been without them; the supervisor lives",
    ),
    "H3": Row(
        "Somebody on the network",
        "every socket of every process of a run",
        "there is no port: only Unix sockets in a folder that is the user's alone",
    ),
    "H4": Row(
        "A stranger takes a worker's identity",
        "a second DEALER with the identity of a living worker",
        "takes nothing over and is not heard; identities are new for each incarnation, and cannot be guessed",
    ),
    "H5": Row(
        "Old messages again",
        "commits recorded and sent again, by a stranger and by the worker itself",
        "they end no lease a second time; they are counted; the output is the same",
    ),
}

ROWS |= {name: Row(*words) for name, words in (ROWS_D | ROWS_E | ROWS_H).items()}

NOT_HERE: dict[str, str] = {**REASONS_AG, **REASONS_D}
"""Rows that have no test, and why."""
