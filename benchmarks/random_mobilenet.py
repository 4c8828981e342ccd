"""MobileNetV3-Large with random weights, its last stage dilated: what it costs, not what it knows.

Written after Howard et al.: Searching for MobileNetV3 (ICCV 2019), table 1; without the classifier.
"""

from __future__ import annotations

from torch import Tensor, nn

# Kernel, expanded channels, channels, squeeze and excite, hard swish, stride, dilation.
BLOCKS = (
    (3, 16, 16, False, False, 1, 1), (3, 64, 24, False, False, 2, 1), (3, 72, 24, False, False, 1, 1),
    (5, 72, 40, True, False, 2, 1), (5, 120, 40, True, False, 1, 1), (5, 120, 40, True, False, 1, 1),
    (3, 240, 80, False, True, 2, 1), (3, 200, 80, False, True, 1, 1), (3, 184, 80, False, True, 1, 1),
    (3, 184, 80, False, True, 1, 1), (3, 480, 112, True, True, 1, 1), (3, 672, 112, True, True, 1, 1),
    (5, 672, 160, True, True, 1, 2), (5, 960, 160, True, True, 1, 2), (5, 960, 160, True, True, 1, 2),
)  # fmt: skip


def features() -> list[nn.Module]:
    """Its layers from the picture on, 17: strides 2, 4, 8, 16 are reached after 2, 4, 7 and all of them."""
    layers: list[nn.Module] = [_layer(3, 16, 3, stride=2, act=nn.Hardswish)]
    channels = 16
    for kernel, wide, out, squeezed, swish, stride, dilation in BLOCKS:
        layers.append(Block(channels, kernel, wide, out, squeezed, swish, stride, dilation))
        channels = out
    return [*layers, _layer(channels, 960, 1, act=nn.Hardswish)]


class Squeeze(nn.Module):
    """Weighs each channel by what the whole picture shows."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        few = max(8, (channels // 4 + 4) // 8 * 8)
        self.share = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, few, 1),
            nn.ReLU(True),
            nn.Conv2d(few, channels, 1),
            nn.Hardsigmoid(),
        )

    def forward(self, found: Tensor) -> Tensor:
        return found * self.share(found)  # type: ignore[no-any-return]


class Block(nn.Module):
    """An inverted residual: wider, filtered channel by channel, narrow again."""

    def __init__(
        self, channels: int, kernel: int, wide: int, out: int, squeezed: bool, swish: bool, stride: int, dilation: int
    ) -> None:
        super().__init__()
        act = nn.Hardswish if swish else nn.ReLU
        layers: list[nn.Module] = [] if wide == channels else [_layer(channels, wide, 1, act=act)]
        layers.append(_layer(wide, wide, kernel, stride=stride, dilation=dilation, groups=wide, act=act))
        layers += [Squeeze(wide)] if squeezed else []
        self.layers = nn.Sequential(*layers, _layer(wide, out, 1))
        self.passes = stride == 1 and channels == out

    def forward(self, seen: Tensor) -> Tensor:
        found = self.layers(seen)
        return seen + found if self.passes else found  # type: ignore[no-any-return]


def _layer(
    channels: int, out: int, kernel: int, *, stride: int = 1, dilation: int = 1, groups: int = 1,
    act: type[nn.Module] | None = None,
) -> nn.Sequential:  # fmt: skip
    around = (kernel - 1) // 2 * dilation
    parts: list[nn.Module] = [
        nn.Conv2d(channels, out, kernel, stride, around, dilation, groups, bias=False), nn.BatchNorm2d(out, 0.001)
    ]  # fmt: skip
    return nn.Sequential(*parts, *([act(inplace=True)] if act else []))
