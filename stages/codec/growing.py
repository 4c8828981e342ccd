"""Growing: the file of records that an export writes while a run goes on; what it was given survives the process."""

from __future__ import annotations

import itertools
import os
from typing import BinaryIO

from pipeline.errors import RunError, SetupError
from stages.codec.records import Head, Record, RecordError, read_head, read_records
from stages.media import reason, shown


class Growing:
    """Each record is handed to the kernel before `add()` returns."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.last: Record | None = None  # the last one that holds a picture
        self._file: BinaryIO | None = None

    def create(self, head: Head, *, again: bool = False) -> None:
        """Begin an empty one; what an interrupted run left is kept beside it, but not what this very run has begun
        (`again`). Raises SetupError."""
        try:
            if again and os.path.exists(self.path):
                os.unlink(self.path)
            elif os.path.exists(self.path):
                names = itertools.chain([f"{self.path}.old"], (f"{self.path}.old{n}" for n in itertools.count(2)))
                os.replace(self.path, next(name for name in names if not os.path.lexists(name)))
            self._file = open(self.path, "xb", buffering=0)  # noqa: SIM115 - it is closed by `close()`
            self._file.write(head.pack())
        except OSError as error:
            raise SetupError(f"{shown(self.path)}: cannot be written ({reason(error)})") from error

    def take_up(self, frames: int) -> None:
        """Keep the first `frames` records, nothing else, and go on after them. Raises SetupError."""
        try:
            self._file = file = open(self.path, "r+b")  # noqa: SIM115 - it is closed by `close()`
            read_head(file)
            end, kept = file.tell(), 0
            for record in read_records(file) if frames else ():
                if record.broken:
                    break
                end, kept = file.tell(), kept + 1
                self.last = record if record.data else self.last
                if kept == frames:
                    break
            if kept < frames:
                raise SetupError(f"{shown(self.path)}: holds {kept} of the {frames} pictures that were written")
            file.seek(end)
            file.truncate()
        except (OSError, RecordError) as error:
            raise SetupError(f"{shown(self.path)}: cannot be taken up ({reason(error)})") from error

    def add(self, record: Record) -> None:
        """Raises RunError."""
        assert self._file is not None
        try:
            data = memoryview(record.pack())
            while data:
                data = data[self._file.write(data) :]
            self._file.flush()
        except OSError as error:
            raise RunError(f"{shown(self.path)}: cannot be written ({reason(error)})") from error
        self.last = record if record.data else self.last

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
