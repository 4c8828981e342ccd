"""What the doctor tries out in a process of its own: codecs that may crash, libraries that may call home.

`python -m pipeline.cli.trials NAME` prints what it found as JSON; `carry_out` asks for that.
"""

from __future__ import annotations

import importlib
import importlib.metadata as metadata
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from pipeline.environment import worker_environment
from pipeline.errors import CleanplateError

TIMEOUT_S = 60
ENGINES = {
    "torch": "models.engines.torch_engine",
    "openvino": "models.engines.openvino_engine",
    "onnxruntime": "models.engines.onnx_engine",
}
CALLS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto")


def carry_out(name: str) -> Any:
    """What the trial of this name found. Raises CleanplateError where it crashed or hung."""
    command = [sys.executable, "-P", "-m", "pipeline.cli.trials", name]
    try:
        done = subprocess.run(
            command, env=worker_environment(1), capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CleanplateError(f"no answer within {TIMEOUT_S} s") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise CleanplateError(f"ended with {done.returncode}: {last}")
    return json.loads(done.stdout.splitlines()[-1])


def encoders() -> dict[str, Any]:
    """Each codec's encoder with the bytes of a packet it made, or why it made none; FFmpeg's versions."""
    import av

    from stages.output.codecs import CODECS
    from stages.output.hardware import hardware_encoders

    versions = {name: ".".join(map(str, version)) for name, version in av.library_versions.items()}
    software = {name: [codec.encoder, *_packet(codec)] for name, codec in CODECS.items()}
    return {"software": software, "hardware": dict(hardware_encoders()), "versions": versions}


def _packet(codec: Any) -> tuple[int, str]:
    """Opened and given a picture: listed is not usable."""
    import av
    import numpy as np

    from stages.output.encoding import Converter, Encoding, encode_one
    from stages.output.hardware import TRIAL

    try:
        with av.open(os.devnull, "w", format="matroska") as container:
            stream = Encoding(codec, TRIAL).add_to(container)
            container.start_encoding()
            picture = Converter(stream, TRIAL).convert(np.zeros((TRIAL.height, TRIAL.width, 3), np.uint8), 0)
            return encode_one(stream, picture).size, ""
    except (av.FFmpegError, ValueError, CleanplateError) as error:
        return 0, str(error)


def engines() -> dict[str, Any]:
    """Each engine with its version and why it cannot be imported; which of all that tried to reach the network."""
    calls: list[str] = []

    def listen(event: str, args: tuple[Any, ...]) -> None:
        if event in CALLS:
            calls.append(f"{event}{args[-1]!r}"[:200])

    sys.addaudithook(listen)
    found = {name: [_version(name), _brought_in(module)] for name, module in ENGINES.items()}
    _brought_in("ultralytics")
    switches = {}
    if "ultralytics.utils" in sys.modules:
        from ultralytics.utils.events import events

        switches["ultralytics"] = bool(events.enabled)
    return {"engines": found, "calls": calls, "switches": switches}


def _brought_in(module: str) -> str:
    """Import it: "", or why that is not possible."""
    try:
        importlib.import_module(module)
    except Exception as error:  # noqa: BLE001 - a library that is broken raises anything
        return f"{type(error).__name__}: {error}"
    return ""


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def gpu() -> dict[str, Any]:
    """What torch can use, and what the driver says of itself."""
    import torch

    devices = [
        f"{torch.cuda.get_device_name(number)}, {torch.cuda.get_device_properties(number).total_memory / 2**30:.0f} GiB"
        for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    ]
    return {"build": torch.__version__, "cuda": torch.version.cuda or "", "devices": devices}


TRIALS: dict[str, Callable[[], dict[str, Any]]] = {"encoders": encoders, "engines": engines, "gpu": gpu}

if __name__ == "__main__":
    print(json.dumps(TRIALS[sys.argv[1]]()))
