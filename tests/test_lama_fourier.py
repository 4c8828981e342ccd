"""The two forms of the Fourier transform give the same numbers, at even and odd sides."""

from __future__ import annotations

import pytest
import torch

from models.lama_fourier import back, back_by_products, forth, forth_by_products, kept, matrices

SIZES = [(8, 8), (16, 80), (9, 8), (8, 9), (7, 13), (33, 17), (1, 1), (2, 3), (1, 6), (128, 128)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_both_forms_give_the_same_spectrum(height: int, width: int) -> None:
    x = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))
    fast, products = forth(x), forth_by_products(x, matrices(height, width, x))
    assert fast.shape == products.shape == (2, 6, height, width // 2 + 1)
    assert torch.allclose(fast, products, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_both_forms_make_the_same_picture_of_any_spectrum(height: int, width: int) -> None:
    """Also of one that no picture has: what a convolution leaves of one is such."""
    spectrum = torch.randn(2, 6, height, width // 2 + 1, generator=torch.Generator().manual_seed(2))
    fast, products = back(spectrum, height, width), back_by_products(spectrum, matrices(height, width, spectrum))
    assert fast.shape == products.shape == (2, 3, height, width)
    assert torch.allclose(fast, products, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_there_and_back_is_where_it_was(height: int, width: int) -> None:
    x = torch.randn(1, 2, height, width, generator=torch.Generator().manual_seed(3))
    by = matrices(height, width, x)
    assert torch.allclose(back_by_products(forth_by_products(x, by), by), x, rtol=0, atol=1e-5)


def test_a_single_wave_has_a_single_frequency() -> None:
    rows = torch.arange(12)[:, None] * (2 * torch.pi * 3 / 12)
    wave = torch.cos(rows).expand(12, 20)[None, None].contiguous()
    spectrum = forth_by_products(wave, matrices(12, 20, wave))
    strong = (spectrum.abs() > 1e-3).nonzero().tolist()
    assert strong == [[0, 0, 3, 0], [0, 0, 9, 0]], "the real part at 3 turns down and none across, and its mirror image"


def test_matrices_are_made_once_for_a_size_and_format() -> None:
    short = torch.zeros(1, dtype=torch.bfloat16)
    assert matrices(10, 12, short) is matrices(10, 12, short)
    assert matrices(10, 12, short).tall.dtype == torch.bfloat16
    assert matrices(10, 12, short) is not matrices(12, 10, short)
    before = kept.cache_info().currsize
    matrices(10, 12, short)
    assert kept.cache_info().currsize == before


def test_matrices_made_without_gradients_serve_with_them() -> None:
    with torch.inference_mode():
        by = matrices(6, 10, torch.zeros(1))
    x = torch.ones(1, 1, 6, 10, requires_grad=True)
    forth_by_products(x, by).sum().backward()
    assert x.grad is not None
