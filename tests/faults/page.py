"""The introduction of docs/faults.md, around its tables."""

INTRODUCTION = """<!-- Written by `python -m tests.faults.table`, from tests/faults/rows.py and the tests. -->
# Faults

What can go wrong under a running pipeline, how a test makes it go wrong, and what must happen then. Of {rows} faults
{tested} have tests ({tests} of them, most with several cases); for the others stands why not. The tables are made from
the tests themselves, and a test fails when they do not agree.

## What is promised

- **No frame of a file is lost to the death of a process.** Whichever worker is killed, wherever it is at that moment,
  each frame comes out once, in order, as in a run that nothing has disturbed. Only a frame over which worker after
  worker dies, or which its stage refuses, goes out blank instead; that is counted, and the run ends with exit code 4.
- **Every accepted frame has one fate**: output, blanked, dropped at a named stage, or rejected. The sums agree at every
  moment, in `top` and in the report, and the tests look.
- **Nothing is taken from the living.** A slot changes hands when its worker says so, or when that worker's death is
  certain. A silent worker is killed first; one that cannot be killed keeps what it holds.
- **Nothing is left behind**: no process, no memory, no socket, and no torn file under a final name.
- **What cannot go on says so in one line**, with the value, what is wrong and the way out; never by a traceback, a
  SIGBUS or silence. The report is written whatever the end.
- **Nobody else's business**: memory, sockets and folders are open to no other user, and nothing listens on a network.

## Why one may believe it

Who owns what stands in one plain Python object, changed by one thread, one message at a time
([ledger.py](../pipeline/ledger.py)). It knows no clock, no socket and no process, so it can be tried out in worlds that
are worse than this one:

1. **State machines.** Hypothesis plays workers that touch memory, die, fall silent and come back, and messages that
   arrive late, twice or never ([test_ledger_machine.py](../tests/test_ledger_machine.py)). A machine that finds nothing
   proves nothing; so each of a row of deliberately broken ledgers must be found out, and is.
2. **A model checker.** Spin goes through every order of every step, for a line and for a branch, with kills at any of
   them and with workers that leave ([tests/proof](../tests/proof)); here too the broken variants must be found.
3. **Kills at every bytecode** of a frame's cycle, in real workers
   ([test_bytecode.py](../tests/faults/test_bytecode.py)): a random sample each time, all of them in `make torture`.
4. **Kills at every system call**, threads of libraries and the imports of a starting Python included
   ([test_syscalls.py](../tests/faults/test_syscalls.py)).
5. **A storm** of kills, freezes and slow-downs over every worker at random, with every byte of every frame checked, and
   its seed printed ([test_storm.py](../tests/faults/test_storm.py)); `make torture MINUTES=60` for as long as you like.
6. **The matrix below**: one fault after the other, in whole runs of real processes.

What is marked *(long)* runs in `make long` only, what is marked *(torture)* in `make torture`. Tests that need what not
every machine allows (a mount namespace, a control group, strace, another user) are skipped there, and say so.

## What is not promised

- **Against yourself.** Other programs of the same user can kill a run, look into it, or feed its sockets until there is
  no memory or no file left: ZeroMQ collects a message of endlessly many parts, and aborts where no more files may be
  opened. The run then ends as after a kill, and nothing is left of it. Folder and sockets keep out everybody else.
- **Against a stage.** A stage is code of your choice, with your rights. That it gets planes read-only which it only
  reads keeps mistakes away from them, not malice. A configuration names classes, which are imported: it is code, too.
- **Live sources lose frames** when the pipeline is slower than they are: that is what keeps them live. Which, and at
  which stage, is counted.
- **A full disk ends the run**; it does not wait for room. What was written can be read, and the next run sets it aside.
"""
