"""ServeSettings: all that `cleanplate serve` can be told; owns the defaults, opens nothing."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

LOOPBACK = ("127.0.0.1", "::1", "localhost")
SHIPPED = (
    "live-camera", "remove-people", "remove-chosen", "remove-target",
    "privacy-faces", "privacy-plates", "privacy-people", "privacy-all", "privacy-remove",
)  # fmt: skip


class Limits(BaseModel):
    """What sessions and uploads may take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sessions: int = Field(default=8, ge=1, le=64, description="sessions at once, of all owners")
    sessions_each: int = Field(default=4, ge=1, le=64, description="sessions at once of one owner")
    session_seconds: float = Field(default=3600, gt=0, description="the longest life of a session")
    grace_seconds: float = Field(default=15, gt=0, description="how long a session lives on without its page")
    upload_bytes: int = Field(default=2_000_000_000, ge=1, description="one upload")
    uploads_each: int = Field(default=4, ge=1, description="uploads of one owner that come in at once")
    owner_bytes: int = Field(default=10_000_000_000, ge=1, description="all that one owner keeps: uploads and results")
    keep_free_bytes: int = Field(default=1_000_000_000, ge=0, description="bytes of the disk that stay free")
    keep_seconds: float = Field(default=86400, gt=0, description="how long media stay after their last use")
    requests: float = Field(default=100, gt=0, description="requests a second of one owner, over time")
    peers: int = Field(default=8, ge=0, le=64, description="WebRTC connections at once")


class ServeSettings(BaseModel):
    """Frozen; `media` is the folder of uploads and results, one folder for each owner."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = Field(default=8420, ge=0, le=65535)
    media: Path
    token: str = Field(default="", repr=False, description="what who comes must know; empty: nothing, on loopback only")
    tls_cert: Path | None = None
    tls_key: Path | None = None
    behind_proxy: bool = False
    allowed_hosts: tuple[str, ...] = Field(default=(), description="further names by which the page is called up")
    pipelines: tuple[str, ...] = Field(default=SHIPPED, description="names of shipped configurations, or paths")
    schemes: tuple[str, ...] = Field(default=("cam", "rtsp", "rtsps"), description="of the sources that may be named")
    source_hosts: tuple[str, ...] = Field(default=(), description="where given, the only hosts a source may be on")
    local_sources: bool = Field(default=False, description="let sources be on loopback and link-local addresses")
    ice_servers: tuple[str, ...] = Field(default=(), description="STUN and TURN servers; none are asked by default")
    limits: Limits = Limits()

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in LOOPBACK
