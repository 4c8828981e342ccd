"""A Ray cluster of two machines, both of them here, in a process of its own: `python -m tests.jobs.machines`.

It says its address on stdout and takes orders on stdin: `kill` ends the second machine as a power cut would.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

# On the loopback interface only, and for nobody else.
KEPT_HERE = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "of-a-test-" + "0" * 32,
}


class Machines:
    """The cluster as a test sees it. The second machine can be killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.address: str = json.loads(self._answer())["address"]

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def kill_one(self) -> None:
        """The second machine is gone, with whatever it did."""
        assert self._process.stdin is not None
        self._process.stdin.write("kill\n")
        self._process.stdin.flush()
        assert json.loads(self._answer()) == {"killed": True}


@contextmanager
def two_machines(cpus: int = 1, under: Sequence[str] = ()) -> Iterator[Machines]:
    """Two machines of as many processors each; ended afterwards. `under`: a command that runs them."""
    process = subprocess.Popen(
        [*under, sys.executable, "-m", "tests.jobs.machines", str(cpus)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, **KEPT_HERE},
    )  # fmt: skip
    try:
        yield Machines(process)
    finally:
        process.communicate(timeout=60)


def main(cpus: int) -> None:
    from ray.cluster_utils import Cluster

    offer = {"num_cpus": cpus, "object_store_memory": 200_000_000, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=offer)
    second = cluster.add_node(**offer)
    cluster.wait_for_nodes()
    print(json.dumps({"address": cluster.address}), flush=True)
    for _ in sys.stdin:
        cluster.remove_node(second, allow_graceful=False)
        print(json.dumps({"killed": True}), flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]))
