"""Overrides: single values of a pipeline from outside its file, by variables and by `--set`. Reads no environment."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pipeline.environment import PREFIX
from pipeline.errors import ConfigError
from pipeline.masking import masked
from pipeline.reading import close_match, printable, read_value
from pipeline.stage import RESERVED_KEYS


class Overrides:
    """Puts values into a pipeline as it was read, and remembers who gave which, for complaints about them."""

    def __init__(self, raw: dict[str, Any], keys: Collection[str]) -> None:
        """`keys`: the top-level ones that may be set."""
        self._raw = raw
        self._keys = keys
        self._givers: dict[str, str] = {}
        listed = raw.get("stages")  # not validated yet: anything may stand there
        found = [stage for stage in listed if isinstance(stage, dict)] if isinstance(listed, list) else []
        self._stages = {str(stage.get("name")): stage for stage in found}

    def add_variable(self, name: str, text: str) -> None:
        """`CLEANPLATE__KEY`, `CLEANPLATE__KEY__PART`, `CLEANPLATE__STAGE__KEY` or `CLEANPLATE__STAGE__FIELD`.

        Raises ConfigError."""
        label = printable(name)
        rest = name.removeprefix(PREFIX)
        stages = {_shouted(stage): stage for stage in sorted(self._stages)}
        head = max((one for one in stages if rest.startswith(f"{one}__")), key=len, default="")
        value = read_value(text, label)
        if len(meant := [stage for stage in self._stages if _shouted(stage) == head]) > 1:
            raise ConfigError(f"{label}: could be for {' or '.join(map(repr, meant))}; set it with --set")
        if head:
            self._set_of_stage(label, stages[head], rest[len(head) + 2 :].lower(), value)
        elif rest.lower() in self._keys:
            self._set(label, rest.lower(), value)
        elif rest.lower().partition("__")[0] in self._keys:
            key, _, part = rest.lower().partition("__")
            self._set_part(label, key, part, value)
        else:
            known = {PREFIX + one: "" for one in [*map(_shouted, self._keys), *(f"{stage}__" for stage in stages)]}
            stage, mark, field = rest.partition("__")
            hint = close_match(PREFIX + stage + mark, known)
            said = f"no stage {stage!r}" if mark else f"no such key {rest!r}"
            raise ConfigError(f"{label}: {printable(said)}{hint.replace('__' + chr(39), '__' + field + chr(39))}")

    def add_set(self, item: str) -> None:
        """`key=value`, `key.part=value`, `STAGE.key=value` or `STAGE.FIELD=value`. Raises ConfigError."""
        path, sign, text = item.partition("=")
        label = f"--set {printable(masked(item))}"
        if not sign:
            raise ConfigError(f"{label}: needs a value, as in {label}=VALUE")
        value = read_value(text, label)
        head, dot, key = path.partition(".")
        if dot and head in self._keys and head not in self._stages:
            self._set_part(label, head, key, value)
        elif dot and head not in self._stages:
            raise ConfigError(f"{label}: no stage {head!r}{close_match(head, self._stages)}")
        elif dot:
            self._set_of_stage(label, head, key, value)
        elif head in self._keys:
            self._set(label, head, value)
        else:
            raise ConfigError(f"{label}: no such key {head!r}{close_match(head, self._keys)}")

    def giver(self, path: str, otherwise: str) -> str:
        """Who gave the value at this path (`slots`, `stages.NAME.workers`, `stages.NAME.with.FIELD`)."""
        return next((who for key, who in self._givers.items() if f"{path}.".startswith(f"{key}.")), otherwise)

    def _set(self, label: str, key: str, value: Any) -> None:
        self._raw[key] = value
        self._givers[key] = label

    def _set_part(self, label: str, key: str, part: str, value: Any) -> None:
        """One value of a key that holds several, as `gpu.mps`."""
        whole = self._raw.get(key)
        self._raw[key] = {**(whole if isinstance(whole, Mapping) else {}), part: value}
        self._givers[f"{key}.{part}"] = label

    def _set_of_stage(self, label: str, name: str, key: str, value: Any) -> None:
        stage = self._stages[name]
        if key in RESERVED_KEYS and key != "with":
            stage[key] = value
            self._givers[f"stages.{name}.{key}"] = label
            return
        options = stage.get("with") or {}
        if isinstance(options, Mapping):
            stage["with"] = {**options, key: value}
            self._givers[f"stages.{name}.with.{key}"] = label


def _shouted(name: str) -> str:
    """A name as a part of a variable."""
    return name.replace("-", "_").upper()
