"""`cleanplate serve`: serve the page on which sessions are started, steered and watched."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

HELP = """Serve the page on which sessions are started, steered and watched.

It serves this machine only (http://127.0.0.1:8420/) unless --host says otherwise; then who comes must show an access
token, and the way here must be encrypted: by --tls-cert and --tls-key, or by a proxy in front (--behind-proxy). The
token is made at the first start, kept in a file that only you can read, and is a part of the address that is printed.

Sources are the cameras of this machine, uploads, the cameras of browsers, and rtsp:// and rtsps:// addresses. These may
not lead to this machine itself or to link-local addresses, unless --local-sources allows it.

Examples:

  cleanplate serve --open

  cleanplate serve --port 0 --pipeline live-camera --pipeline my-pipeline.yaml

  cleanplate serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem --allowed-host video.example.org

  cleanplate serve --host 0.0.0.0 --behind-proxy --allowed-host video.example.org

  cleanplate serve --allow-source http --source-host 192.168.1.20
"""

Text = str | None
Texts = list[str] | None
Folder = Path | None


def serve(
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0: a free one.")] = 8420,
    media: Annotated[Folder, typer.Option(help="Folder of uploads and results; by default among your data.")] = None,
    token: Annotated[
        Text,
        typer.Option(
            envvar="CLEANPLATE_TOKEN",
            help="The access token; auto: one that is made and kept. Other users can read it on the command line.",
        ),
    ] = None,
    tls_cert: Annotated[Folder, typer.Option(metavar="FILE", help="Certificate (PEM).")] = None,
    tls_key: Annotated[Folder, typer.Option(metavar="FILE", help="Its private key (PEM).")] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy in front encrypts, and says for whom it asks.")
    ] = False,
    allowed_hosts: Annotated[
        Texts, typer.Option("--allowed-host", metavar="NAME", help="A name by which the page is called up.")
    ] = None,
    pipelines: Annotated[
        Texts, typer.Option("--pipeline", metavar="CONFIG", help="Offer this pipeline, and only those given so.")
    ] = None,
    schemes: Annotated[
        Texts, typer.Option("--allow-source", metavar="SCHEME", help="Allow http, https or srt sources as well.")
    ] = None,
    source_hosts: Annotated[
        Texts, typer.Option("--source-host", metavar="HOST", help="Allow sources on this host only.")
    ] = None,
    local_sources: Annotated[
        bool, typer.Option("--local-sources", help="Allow sources on loopback and link-local addresses.")
    ] = False,
    ice_servers: Annotated[
        Texts, typer.Option("--ice-server", metavar="URL", help="A STUN or TURN server for WebRTC.")
    ] = None,
    max_sessions: Annotated[int, typer.Option(min=1, max=64, help="Sessions at once.")] = 8,
    max_sessions_each: Annotated[int, typer.Option(min=1, max=64, help="Sessions at once of one user.")] = 4,
    session_hours: Annotated[float, typer.Option(min=0.0001, help="The longest life of a session.")] = 1.0,
    grace: Annotated[float, typer.Option(min=0.1, help="Seconds that a session outlives its last page.")] = 15.0,
    max_upload_gb: Annotated[float, typer.Option(min=0.000001, help="GB (10^9 bytes) of an upload.")] = 2.0,
    max_user_gb: Annotated[float, typer.Option(min=0.000001, help="GB of all that one user keeps.")] = 10.0,
    keep_hours: Annotated[float, typer.Option(min=0.0001, help="How long files stay after their last use.")] = 24.0,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    os.environ.pop("CLEANPLATE_TOKEN", None)  # no pipeline need know it
    from pipeline.cli import serving

    serving.check_extra()
    serving.check_cover(host, tls_cert, tls_key, behind_proxy=behind_proxy)
    settings = serving.settings_of(
        host=host,
        port=port,
        media=media,
        token=serving.access_token(token, host),
        tls_cert=tls_cert,
        tls_key=tls_key,
        behind_proxy=behind_proxy,
        allowed_hosts=allowed_hosts,
        pipelines=pipelines,
        schemes=schemes,
        source_hosts=source_hosts,
        local_sources=local_sources,
        ice_servers=ice_servers,
        limits={
            "sessions": max_sessions,
            "sessions_each": min(max_sessions, max_sessions_each),
            "session_seconds": 3600 * session_hours,
            "grace_seconds": grace,
            "upload_bytes": round(1e9 * max_upload_gb),
            "owner_bytes": round(1e9 * max_user_gb),
            "keep_seconds": 3600 * keep_hours,
        },
    )
    code = serving.serve(settings, open_page=open_page)
    if code:
        raise typer.Exit(code)
