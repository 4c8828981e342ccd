"""What a pickled network was besides its tensors: activations, epsilons, flags, carried over to one built anew.

Building blocks change between releases of ultralytics (SPPF lost an activation, BatchNorm got another epsilon). A
network that is unpickled keeps what it was trained with; one that is built from a plan has to be told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from models.base import ModelError
from models.restricted_pickle import Record

_SWAPPED = ("torch.nn.modules.activation.", "torch.nn.modules.linear.Identity")  # what has no tensors and no shape
_PASSING = {"training", "inplace"}  # says how it was run, not what it computes


def follow(network: nn.Module, pickled: Record) -> None:
    """Give every module of `network` the activation, numbers and flags of its namesake in `pickled`, in place.

    Tensors are left to `load_state_dict`. Raises ModelError where a layer is of another kind.
    """
    for name, record in _walk(pickled, ""):
        module = _find(network, name)
        if module is None:
            continue
        if _is_bare(module) and type(module).__name__ != record.kind.rpartition(".")[2]:
            module = _activation(name, record)
            network.set_submodule(name, module)
        for key, value in vars(module).items():
            told = record.state.get(key)
            if not key.startswith("_") and key not in _PASSING and _is_plain(told) and type(told) is type(value):
                setattr(module, key, told)


def _walk(record: Record, prefix: str) -> Iterator[tuple[str, Record]]:
    """Every module below `record` under the name that `named_modules` would give it."""
    for name, child in (record.state.get("_modules") or {}).items():
        if isinstance(child, Record) and isinstance(child.state, dict):
            yield prefix + name, child
            yield from _walk(child, f"{prefix}{name}.")


def _find(network: nn.Module, name: str) -> nn.Module | None:
    try:
        return network.get_submodule(name)
    except AttributeError:
        return None


def _is_bare(module: nn.Module) -> bool:
    """Neither modules nor tensors in it: nothing but its kind says what it does."""
    return not any(True for _ in module.children()) and not module.state_dict()


def _activation(name: str, record: Record) -> nn.Module:
    kind: Any = getattr(nn, record.kind.rpartition(".")[2], None)
    if not record.kind.startswith(_SWAPPED) or kind is None:
        raise ModelError(f"layer {name} is a {record.kind} in the file, which this network cannot have there")
    module: nn.Module = kind()
    return module


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(isinstance(each, int | float) for each in value)
    return isinstance(value, bool | int | float)
