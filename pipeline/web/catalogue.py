"""Catalogue: the pipelines that this server offers, described once by a process of their own."""

from __future__ import annotations

import asyncio
import copy
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import SetupError
from pipeline.reading import close_match
from pipeline.web.refusal import Refused

PRIVATE = ("where", "steer", "sink", "source")
LONGEST_S = 120.0


@dataclass(frozen=True)
class Offer:
    """One pipeline, and what only the server has to know of it: where it stands, which stages are steered."""

    told: Mapping[str, Any]  # as /api/pipelines tells it
    where: str
    steer: Mapping[str, str | None]  # choose, zones, rules, targets: the stage that does it
    sink: str
    source: str

    @property
    def name(self) -> str:
        return str(self.told["name"])

    @property
    def privacy(self) -> bool:
        return bool(self.told["privacy"])

    def stages(self, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Its stages with these values (STAGE.FIELD) in the place of the configured ones."""
        made: list[dict[str, Any]] = copy.deepcopy(list(self.told["stages"]))
        for stage in made:
            stage["workers"] = values.get(f"{stage['name']}.workers", stage["workers"])
            for field in stage["fields"]:
                field["value"] = values.get(f"{stage['name']}.{field['name']}", field["value"])
        return made

    def check(self, settings: Mapping[str, Any]) -> None:
        """Only what is offered may be set. Raises Refused (422)."""
        known = dict(self._settable())
        for path, value in settings.items():
            if path not in known:
                raise Refused(422, f"{path}: cannot be set here{close_match(path, known)}")
            items = known[path].get("items")
            if isinstance(items, dict) and "enum" in items:
                for one in value if isinstance(value, list) else [value]:
                    _check_chosen(path, one, items["enum"])
            elif "enum" in known[path] and isinstance(value, str):
                _check_chosen(path, value, known[path]["enum"])

    def live(self, stage: str, field: str) -> bool:
        """Whether this may be set while it runs."""
        return any(
            one["name"] == stage and any(known["name"] == field and known["live"] for known in one["fields"])
            for one in self.told["stages"]
        )

    def _settable(self) -> list[tuple[str, Mapping[str, Any]]]:
        found: list[tuple[str, Mapping[str, Any]]] = []
        for stage in self.told["stages"]:
            if stage["scalable"]:
                found.append((f"{stage['name']}.workers", {}))
            found += [(f"{stage['name']}.{field['name']}", field["schema"]) for field in stage["fields"]]
        return found


class Catalogue:
    """Described in the background from the start; whoever asks meanwhile waits."""

    def __init__(self, configurations: Sequence[str]) -> None:
        self._configurations = list(configurations)
        self._task: asyncio.Task[dict[str, Offer]] | None = None
        self.problems: list[str] = []

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._describe())
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def offers(self) -> dict[str, Offer]:
        """By name. Raises SetupError where there are none."""
        assert self._task is not None
        return await asyncio.shield(self._task)

    async def find(self, name: str) -> Offer:
        """Raises Refused (422)."""
        offers = await self.offers()
        if name not in offers:
            raise Refused(422, f"no pipeline {name!r:.80}{close_match(name, offers)}; GET /api/pipelines lists them")
        return offers[name]

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _describe(self) -> dict[str, Offer]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "pipeline.web.describe",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            async with asyncio.timeout(LONGEST_S):
                said, _ = await process.communicate(json.dumps(self._configurations).encode())
            found = json.loads(said)
        except (TimeoutError, ValueError) as error:
            raise SetupError("the pipelines could not be described; `cleanplate check` says what is wrong") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        self.problems = found["problems"]
        if not found["pipelines"]:
            raise SetupError(self.problems[0] if self.problems else "no pipeline is offered; give one with --pipeline")
        offers = (_offer(told) for told in found["pipelines"])
        return {offer.name: offer for offer in offers}


def _check_chosen(path: str, value: Any, choices: Sequence[Any]) -> None:
    """Raises Refused (422)."""
    if value not in choices:
        words = [str(one) for one in choices]
        raise Refused(422, f"{path}: {value!r:.60} is none of {', '.join(words)}{close_match(str(value), words)}")


def _offer(told: dict[str, Any]) -> Offer:
    private = {name: told.pop(name) for name in PRIVATE}
    return Offer(told=told, **private)
