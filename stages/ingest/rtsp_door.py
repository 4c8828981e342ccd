"""Door: FFmpeg goes through it to one RTSP server and to no other, whatever that server tells it."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from urllib.parse import urlsplit

from stages.ingest.rtsp_watch import Strayed, Watch

PIECE = 1 << 16


class Door:
    """Listens on loopback for the one connection that FFmpeg makes, and carries it on to the server of `url`.

    Of rtsps:// it speaks the TLS itself, as FFmpeg would: encrypted, the certificate unchecked, as cameras have none
    that could be. `error`: why the server was not reached, or was left (Strayed); set before FFmpeg sees the end."""

    def __init__(self, url: str, patience: float) -> None:
        parts = urlsplit(url)
        self._secure = parts.scheme.lower() == "rtsps"
        self._host, self._port = parts.hostname or "", parts.port or (322 if self._secure else 554)
        self._patience = patience
        self.error: OSError | Strayed | None = None
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        self._listener.settimeout(patience)
        user, at, _ = parts.netloc.rpartition("@")
        query = f"?{parts.query}" if parts.query else ""
        self.url = f"rtsp://{user}{at}127.0.0.1:{self._listener.getsockname()[1]}{parts.path}{query}"
        self._thread = threading.Thread(target=self._run, name="rtsp-door", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Both connections end; awaited for a moment."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes up who waits for a connection
        self._thread.join(timeout=2 * self._patience)

    def _run(self) -> None:
        try:
            with self._listener:
                client, _ = self._listener.accept()
        except OSError:  # closed before anybody came
            return
        with client:
            client.settimeout(self._patience)
            try:
                server = self._called_up()
            except OSError as error:
                self.error = error
                return
            with server:
                try:
                    self._carry(client, server)
                except Strayed as error:
                    self.error = error
                except OSError:
                    return  # one of them was cut: the other sees its connection end

    def _called_up(self) -> socket.socket:
        server = socket.create_connection((self._host, self._port), timeout=self._patience)
        if not self._secure:
            return server
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            return context.wrap_socket(server)
        except BaseException:
            server.close()
            raise

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        """To and fro until one of them ends, or the door is closed."""
        watch = Watch()
        while not self._closed.is_set():
            waiting = isinstance(server, ssl.SSLSocket) and server.pending()
            ready = [server] if waiting else select.select([client, server], [], [], 0.2)[0]
            if server in ready:
                data = server.recv(PIECE)
                if not data:
                    return
                client.sendall(watch.passed(data))
            if client in ready:
                data = client.recv(PIECE)
                if not data:
                    return
                server.sendall(data)
