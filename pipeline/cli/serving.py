"""What `cleanplate serve` does before and around the web server: what it may listen at, its token, its signals."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import webbrowser
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.environment import state_dir
from pipeline.errors import ConfigError, SetupError
from pipeline.instances import private_dir

if TYPE_CHECKING:
    import uvicorn

    from pipeline.web.settings import ServeSettings

NEEDED = ("fastapi", "uvicorn", "websockets", "aiortc")
TOKEN_FILE = "web-token"  # noqa: S105 - the name of a file
AUTO = "auto"
SHORTEST = 16  # characters of a token that is given
ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 - to tell them from an address that can be shown


def check_extra() -> None:
    """Raises SetupError where a part of the web extra is missing."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise SetupError(f"{', '.join(missing)}: not installed; the page needs it: pip install 'cleanplate[web]'")


def check_cover(host: str, cert: Path | None, key: Path | None, *, behind_proxy: bool) -> None:
    """Passwords and pictures do not travel in the clear. Raises ConfigError."""
    from pipeline.web.settings import LOOPBACK

    if (cert is None) != (key is None):
        raise ConfigError("--tls-cert and --tls-key belong together: give both")
    for option, path in (("--tls-cert", cert), ("--tls-key", key)):
        if path is not None and not os.access(path, os.R_OK):
            raise ConfigError(f"{option} {path}: there is no such file, or it cannot be read")
    if host not in LOOPBACK and cert is None and not behind_proxy:
        raise ConfigError(
            f"--host {host}: others could listen in; give --tls-cert and --tls-key, or --behind-proxy where a proxy in"
            " front encrypts"
        )


def access_token(given: str | None, host: str) -> str:
    """What who comes must know; empty where nobody else can come. Raises ConfigError."""
    from pipeline.web.settings import LOOPBACK

    if given and given != AUTO:
        if len(given) < SHORTEST:
            raise ConfigError(f"--token: {len(given)} characters can be guessed; {SHORTEST} or more, or `auto`")
        return given
    return _kept_token() if given == AUTO or host not in LOOPBACK else ""


def _kept_token() -> str:
    """That of the last time, or a new one."""
    path = private_dir(state_dir()) / TOKEN_FILE
    if path.exists() and (token := path.read_text().strip()):
        return token
    token = secrets.token_urlsafe(32)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(token)
    return token


def settings_of(
    *,
    media: Path | None,
    schemes: Sequence[str] | None,
    pipelines: Sequence[str] | None,
    limits: Mapping[str, Any],
    **rest: Any,
) -> ServeSettings:
    """The settings by what the command line gave. Raises ConfigError."""
    from pydantic import ValidationError

    from pipeline.reading import read_yaml
    from pipeline.web.settings import SHIPPED, ServeSettings

    for name in pipelines or ():
        read_yaml(name)
    usual = ServeSettings.model_fields["schemes"].default
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in rest.items()}
    try:
        return ServeSettings.model_validate({
            "media": (media or _data_folder()).absolute(),
            "schemes": (*usual, *(name.lower() for name in schemes or () if name.lower() not in usual)),
            "pipelines": tuple(pipelines or SHIPPED),
            "limits": limits,
            **{name: value for name, value in given.items() if value is not None},
        })  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}, not {first['input']!r:.60}") from error


def _data_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("cleanplate")) / "media"


def serve(settings: ServeSettings, *, open_page: bool) -> int:
    """Serve until a signal; the exit code. Raises SetupError."""
    from pipeline.web.listening import listening
    from pipeline.web.server import create_app
    from pipeline.web.sessions import check_state_dir

    check_state_dir()
    with _listener(settings) as listener:
        server = _server(listening(create_app(settings), settings), _address(settings, listener), open_page=open_page)
        ended_by: list[int] = []

        def note(number: int, _: object) -> None:
            """The first signal ends sessions in good order, the second at once."""
            server.force_exit = bool(ended_by)
            server.should_exit = True
            ended_by.append(number)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, note)
        asyncio.run(server.serve(sockets=[listener]))
    if not server.started:
        raise SetupError("the server could not be started; what stands above says why")
    return 128 + ended_by[0] if ended_by else 0


def _server(config: uvicorn.Config, address: str, *, open_page: bool) -> uvicorn.Server:
    import contextlib
    from collections.abc import Generator

    import uvicorn

    class Server(uvicorn.Server):
        """Says where it is when it is there; its signals are heeded by who runs it."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                print(address, flush=True)
                if open_page:
                    await asyncio.to_thread(webbrowser.open, address)

        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None, None, None]:
            yield

    return Server(config)


def _listener(settings: ServeSettings) -> socket.socket:
    """Bound, so that a port in use is found before anything is started. Raises SetupError."""
    import errno

    where = f"{settings.host}:{settings.port}"
    try:
        family = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((settings.host, settings.port), family=family, backlog=128)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            from stages.ingest.tcp_listener import owner

            who = owner(settings.port)
            raise SetupError(
                f"port {settings.port} is in use{f' by {who}' if who else ''}; --port takes another one, 0 any"
            ) from error
        if error.errno == errno.EACCES:
            raise SetupError(f"port {settings.port} is not for everybody; --port takes one above 1023") from error
        raise SetupError(f"{where}: cannot be listened at ({error.strerror or error})") from error


def _address(settings: ServeSettings, listener: socket.socket) -> str:
    """Where the page is, with the token behind the `#`: browsers send that to nobody."""
    host = settings.host
    if host in ANYWHERE:
        host = settings.allowed_hosts[0] if settings.allowed_hosts else "127.0.0.1"
    scheme = "https" if settings.tls_cert else "http"
    shown = f"[{host}]" if ":" in host else host
    token = f"#token={settings.token}" if settings.token else ""
    return f"{scheme}://{shown}:{listener.getsockname()[1]}/{token}"
