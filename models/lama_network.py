"""The generator of big-lama as published (Suvorov et al., WACV 2022): its layers bear the names of the public weights.

For reading weights and as the reference: what runs is made of it by `models.lama_folded`. Built from convolutions that
see all of a picture at once (fast Fourier convolution, Chi et al., NeurIPS 2020): each layer has local channels, which
are convolved, and global ones, which are also transformed, mixed frequency by frequency, and transformed back.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.lama_fourier import back, forth

WIDTH = 64  # channels of the first layer
DEEPEST = 8 * WIDTH  # of the resnet, at an eighth of the size
GLOBAL = DEEPEST * 3 // 4  # of those
BLOCKS = 18
PARAMETERS = 50_975_875  # of the whole generator
Pair = tuple[Tensor, Tensor | None]  # local and global channels


class FourierUnit(nn.Module):
    """Mixes the channels of each frequency."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_layer = nn.Conv2d(2 * channels, 2 * channels, 1, bias=False)
        self.bn = nn.BatchNorm2d(2 * channels)

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.relu(self.bn(self.conv_layer(forth(x))))
        return back(spectrum, x.shape[2], x.shape[3])


class SpectralTransform(nn.Module):
    """From global channels to global channels, at half their number."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv1 = nn.Sequential(nn.Conv2d(channels, half, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU())
        self.fu = FourierUnit(half)
        self.conv2 = nn.Conv2d(half, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        return self.conv2(x + self.fu(x))  # type: ignore[no-any-return]


class FFC(nn.Module):
    """The convolutions between local and global channels; without global ones in or out it has fewer."""

    def __init__(
        self, inputs: int, outputs: int, side: int, *, stride: int = 1, inputs_global: int = 0, outputs_global: int = 0,
        padding: int = 1,
    ) -> None:  # fmt: skip
        super().__init__()

        def conv(into: int, out: int) -> nn.Conv2d:
            return nn.Conv2d(into, out, side, stride, padding, bias=False, padding_mode="reflect")

        here, there = inputs - inputs_global, outputs - outputs_global
        self.convl2l = conv(here, there)
        self.convl2g = conv(here, outputs_global) if outputs_global else None
        self.convg2l = conv(inputs_global, there) if inputs_global else None
        self.convg2g = SpectralTransform(outputs_global) if inputs_global and outputs_global else None

    def forward(self, x: Pair) -> Pair:
        local, wide = x
        near = self.convl2l(local)
        far = self.convl2g(local) if self.convl2g is not None else None
        if self.convg2l is not None:
            near = near + self.convg2l(wide)
        if self.convg2g is not None:
            far = far + self.convg2g(wide)
        return near, far


class Layer(nn.Module):
    """An FFC, normalised and rectified."""

    def __init__(self, ffc: FFC) -> None:
        super().__init__()
        self.ffc = ffc
        self.bn_l = nn.BatchNorm2d(ffc.convl2l.out_channels)
        self.bn_g = None if ffc.convl2g is None else nn.BatchNorm2d(ffc.convl2g.out_channels)

    def forward(self, x: Pair) -> Pair:
        near, far = self.ffc(x)
        return torch.relu(self.bn_l(near)), None if self.bn_g is None else torch.relu(self.bn_g(far))


class Block(nn.Module):
    """Two layers whose result is added to what came in."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Layer(FFC(DEEPEST, DEEPEST, 3, inputs_global=GLOBAL, outputs_global=GLOBAL))
        self.conv2 = Layer(FFC(DEEPEST, DEEPEST, 3, inputs_global=GLOBAL, outputs_global=GLOBAL))

    def forward(self, x: Pair) -> Pair:
        near, far = self.conv2(self.conv1(x))
        return x[0] + near, x[1] + far


class Parted(nn.Module):
    """Local channels only, so far."""

    def forward(self, x: Tensor) -> Pair:
        return x, None


class Joined(nn.Module):
    """Local and global channels, side by side from here on."""

    def forward(self, x: Pair) -> Tensor:
        near, far = x
        assert far is not None, "the resnet has global channels"
        return torch.cat([near, far], 1)


class Generator(nn.Module):
    """[B, 4, H, W] (RGB 0..1, black where the hole is; the hole, 0 and 1) to RGB 0..1; sides are multiples of 8."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.Sequential(nn.ReflectionPad2d(3), Parted()),
            Layer(FFC(4, WIDTH, 7, padding=0)),
            Layer(FFC(WIDTH, 2 * WIDTH, 3, stride=2)),
            Layer(FFC(2 * WIDTH, 4 * WIDTH, 3, stride=2)),
            Layer(FFC(4 * WIDTH, DEEPEST, 3, stride=2, outputs_global=GLOBAL)),
            *(Block() for _ in range(BLOCKS)),
            Joined(),
            *_upwards(DEEPEST),
            *_upwards(DEEPEST // 2),
            *_upwards(DEEPEST // 4),
            nn.ReflectionPad2d(3),
            nn.Conv2d(WIDTH, 3, 7),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)  # type: ignore[no-any-return]


class Inpainted(nn.Module):
    """The generator as the public file runs it: an image and a mask in, the image with its hole filled out."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """`image` [B, 3, H, W] RGB 0..1, `mask` [B, 1, H, W] of 0 and 1 (fill)."""
        invented = self.generator(torch.cat([image * (1 - mask), mask], 1))
        return mask * invented + (1 - mask) * image  # type: ignore[no-any-return]


def _upwards(channels: int) -> tuple[nn.Module, ...]:
    wider = nn.ConvTranspose2d(channels, channels // 2, 3, 2, 1, output_padding=1)
    return wider, nn.BatchNorm2d(channels // 2), nn.ReLU()
