"""Addresses: what `${NAME}` in them stands for is looked up here, in the source's own worker, and shown nowhere."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from urllib.parse import quote

from pipeline.errors import SetupError
from pipeline.masking import masked

_NAME = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def expand(address: str, environment: Mapping[str, str] = os.environ) -> str:
    """The address with what its variables hold. Raises SetupError for one that is not set.

    They hold plain text, such as a password as it is typed: where it stands for a user, a password, both with a colon
    between them, or the value of a query, it is escaped; elsewhere (a host, a path) it is taken as it is.
    """

    def look_up(name: str) -> str:
        if name not in environment:
            raise SetupError(f"{masked(address)}: the environment has no {name}; before cleanplate: export {name}=...")
        return environment[name]

    def plain(text: str) -> str:
        return _NAME.sub(lambda found: look_up(found[1]), text)

    def escaped(text: str) -> str:
        return _NAME.sub(lambda found: quote(look_up(found[1]), safe=""), text)

    scheme, mark, rest = address.partition("://")
    if not mark:
        return plain(address)
    path, mark_of_query, query = rest.partition("?")
    user, at, host = path.rpartition("@") if "@" in path.partition("/")[0] else ("", "", path)
    if _NAME.fullmatch(user):
        user = ":".join(quote(part, safe="") for part in plain(user).split(":", 1))
    return f"{scheme}{mark}{escaped(user)}{at}{plain(host)}{mark_of_query}{escaped(query)}"
