"""What every network built from a checkpoint must keep to."""

from __future__ import annotations

import torch
from torch import nn

from models.restricted_pickle import Record
from models.yolo_graph import Graph


def records(module: Record, prefix: str = "") -> dict[str, Record]:
    """Every pickled module by the name that `named_modules` gives it."""
    found = {prefix.rstrip("."): module}
    for name, child in module.state.get("_modules", {}).items():
        if isinstance(child, Record):
            found |= records(child, f"{prefix}{name}.")
    return found


def assert_as_pickled(network: nn.Module, module: Record) -> None:
    """Activations, epsilons, strides and the like are those of the pickled network."""
    pickled = records(module)
    checked = 0
    for name, layer in network.named_modules(remove_duplicate=False):
        if isinstance(layer, nn.SiLU | nn.Identity | nn.Hardswish):
            assert pickled[name].kind.endswith(type(layer).__name__), name
            checked += 1
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.eps == pickled[name].get("eps"), name
        if isinstance(layer, nn.Conv2d):
            for what in ("stride", "padding", "groups", "dilation"):
                assert getattr(layer, what) == pickled[name].get(what), name
        if isinstance(layer, nn.MaxPool2d):
            for what in ("kernel_size", "stride", "padding"):
                assert getattr(layer, what) == pickled[name].get(what), name
    assert checked > 50


def assert_folding_changes_nothing(network: Graph) -> None:
    picture = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        before = network(picture)
        after = network.fuse()(picture)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
    for a, b in zip(before, after, strict=True):
        assert torch.allclose(a, b, atol=1e-3)
