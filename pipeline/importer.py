"""From `module:Class` to the class; knows nothing of what the class is for."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from pipeline.errors import ConfigError


def load_class(path: str, where: str = "") -> Any:
    """The class that `module:Class` names. A module's own missing import is reported as itself. Raises ConfigError."""
    module_name, _, class_name = path.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # last, so that nothing there can take an installed name
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name + ".").startswith(error.name + "."):
            raise
        raise ConfigError(f"{where}.uses: there is no module {module_name!r}") from error
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        from pipeline.reading import close_match  # here: no worker needs it

        public = [name for name in dir(module) if isinstance(getattr(module, name), type)]
        raise ConfigError(f"{where}.uses: {module_name!r} has no class {class_name!r}{close_match(class_name, public)}")
    return found
