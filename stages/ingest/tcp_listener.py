"""Listener: one port, one sender at a time; who comes while another one sends is turned away at once."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress

from pipeline.errors import SetupError
from stages.ingest.tcp_address import Address

BACKLOG = 8  # who comes while nobody looks, as while models load, waits here, and so do his first frames
SLICE_S = 0.2  # the longest wait without a look at whether the run still goes on


class Listener:
    """Bound and listening from the start. Raises SetupError."""

    def __init__(self, address: Address) -> None:
        self._address = address
        try:
            family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
            self._socket = socket.create_server((address.host, address.port), family=family, backlog=BACKLOG)
        except OSError as error:
            raise SetupError(f"tcp://{address.host}:{address.port}: {self._why(error)}") from error

    @property
    def port(self) -> int:
        """Where it listens; also where port 0, any that is free, was asked for."""
        number: int = self._socket.getsockname()[1]
        return number

    def accept(self, seconds: float = SLICE_S) -> socket.socket | None:
        """Who comes within so many seconds, or is there already; None: nobody."""
        self._socket.settimeout(seconds)
        try:
            return self._socket.accept()[0]
        except (TimeoutError, BlockingIOError):
            return None
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                raise
            return None  # he was gone before he was looked at

    def turn_away(self) -> int:
        """Close whoever waits; how many those were. Never waits."""
        turned = 0
        while turned < BACKLOG and (other := self.accept(0.0)) is not None:
            other.close()
            turned += 1
        return turned

    def close(self) -> None:
        self._socket.close()

    def _why(self, error: OSError) -> str:
        if error.errno == errno.EADDRINUSE:
            who = owner(self._address.port)
            return f"port {self._address.port} is in use{f' by {who}' if who else ''}; take another one, or 0 for any"
        if error.errno == errno.EACCES:
            return f"port {self._address.port} is not for everybody; take one above 1023"
        if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
            return f"{self._address.host} is no address of this machine; 0.0.0.0 is all of them"
        return error.strerror or str(error)


def owner(port: int) -> str:
    """The program that listens at a port, as far as one may know."""
    import psutil

    with suppress(psutil.Error, OSError):
        for found in psutil.net_connections("tcp"):
            if found.status == psutil.CONN_LISTEN and found.laddr and found.laddr.port == port and found.pid:
                with suppress(psutil.Error):
                    return f"{psutil.Process(found.pid).name()} (process {found.pid})"
    return ""
