"""Gives a picture new colors and keeps its lightness in every pixel.

This is CIELAB as in `color`, written for tensors on any device and for pictures of 100 megapixels,
which arrive in strips. The luminance Y is read from a picture; with new ab it becomes RGB again.
Arithmetic is float32 and agrees with scikit-image to about 1e-4. Powers of 8-bit values come from
tables, which is several times faster.

Where L with ab lies outside of the sRGB gamut, clipping channels would change L. Here the color
moves toward the gray of the same Y instead. In linear light that is a straight line,

    gray + t (color - gray),   gray = (Y, Y, Y),

on which Y, and so L, stays the same; t is the largest value that keeps every channel in 0..1.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor

# CIE XYZ of linear sRGB under D65, 2 degrees; the values that scikit-image uses.
XYZ_FROM_RGB = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
RGB_FROM_XYZ = np.linalg.inv(XYZ_FROM_RGB)
WHITE_X, WHITE_Z = 0.95047, 1.08883
BEND = (6 / 29) ** 3  # below it CIELAB's cube root is a straight line
SLOPE, FOOT = 7.787, 16 / 116
STEPS = 2**16  # of linear light in the table: a twentieth of an 8-bit step at the dark end


def luminance(rgb: Tensor) -> Tensor:
    """Y (H x W, 0..1) of an sRGB picture (H x W or H x W x 3; uint8, or floats in 0..1)."""
    if rgb.dtype == torch.uint8:
        linear = _looked_up(_linear_table(rgb.device), rgb)
    else:
        linear = _linear(rgb)
    return linear if rgb.ndim == 2 else linear @ linear.new_tensor(XYZ_FROM_RGB[1])


def lightness(luminance: Tensor) -> Tensor:
    """L (0..100) of Y (0..1)."""
    return 116 * _root(luminance) - 16


def with_ab(luminance: Tensor, a: Tensor, b: Tensor) -> list[Tensor]:
    """Linear red, green and blue (0..1, in the gamut) of these ab with this Y; all H x W."""
    y = _root(luminance)
    x, z = WHITE_X * _cube(y + a / 500), WHITE_Z * _cube(y - b / 200)
    channels = [
        from_x * x + from_y * luminance + from_z * z
        for from_x, from_y, from_z in RGB_FROM_XYZ.tolist()
    ]
    highest = torch.maximum(torch.maximum(*channels[:2]), channels[2])
    lowest = torch.minimum(torch.minimum(*channels[:2]), channels[2])
    # A channel inside the gamut has a quotient above 1, so it sets no limit.
    over = (1 - luminance) / (highest - luminance).clamp_min(1e-9)
    under = luminance / (luminance - lowest).clamp_min(1e-9)
    toward = torch.minimum(over, under).clamp(0, 1)
    return [(luminance + toward * (c - luminance)).clamp(0, 1) for c in channels]


def encoded(linear: Tensor, eight_bits: bool) -> Tensor:
    """Linear light (0..1) as sRGB values: uint8, or floats in 0..1."""
    if eight_bits:
        return _looked_up(_encoding_table(linear.device), (linear * STEPS + 0.5).int())
    return torch.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def as_tensor(pixels: np.ndarray, device: torch.device) -> Tensor:
    """A tensor of uint8 values, of any floats as float32, or of uint16 as float32 in 0..1."""
    kind = np.uint8 if pixels.dtype == np.uint8 else np.float32
    if pixels.dtype == np.uint16:
        pixels = pixels / kind(65535)
    return torch.tensor(np.ascontiguousarray(pixels, kind), device=device)


def _linear(values: Tensor) -> Tensor:
    return torch.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


@cache
def _linear_table(device: torch.device) -> Tensor:
    return _linear(torch.arange(256, device=device) / 255)


@cache
def _encoding_table(device: torch.device) -> Tensor:
    linear = torch.arange(STEPS + 1, device=device) / STEPS
    return (encoded(linear, eight_bits=False) * 255).round().to(torch.uint8)


def _looked_up(table: Tensor, indices: Tensor) -> Tensor:
    return table.index_select(0, indices.flatten().int()).view(indices.shape)


def _root(value: Tensor) -> Tensor:
    return torch.where(value > BEND, value ** (1 / 3), SLOPE * value + FOOT)


def _cube(value: Tensor) -> Tensor:
    return torch.where(value > 6 / 29, value * value * value, (value - FOOT) / SLOPE)
