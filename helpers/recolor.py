"""How does a picture get new colors and keep its lightness, pixel for pixel?

CIELAB as in `color`, written for tensors on any device and for pictures of 100 megapixels, which
come in strips: lightness is read from a picture and, with new ab, becomes RGB again. The color
conversions are elementwise float32 and agree with scikit-image's to about 1e-4.

Where L with ab lies outside of the sRGB gamut, clipping channels would change L. Here the color
moves toward the gray of the same luminance Y instead. In linear light that is a straight line,

    gray + t (color - gray),   gray = (Y, Y, Y),

on which Y, and so L, stays what it is; t is the largest that keeps every channel in 0..1.
"""

import numpy as np
import torch
from skimage.color.colorconv import get_xyz_coords, rgb_from_xyz, xyz_from_rgb
from torch import Tensor

WHITE_X, _, WHITE_Z = get_xyz_coords("D65", "2")
BEND = (6 / 29) ** 3  # below it CIELAB's cube root is a straight line
SLOPE, FOOT = 7.787, 16 / 116


def luminance(rgb: Tensor) -> Tensor:
    """Y (H x W, 0..1) of an sRGB picture (H x W or H x W x 3, 0..1)."""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    if rgb.ndim == 2:
        return linear
    red, green, blue = (float(share) for share in xyz_from_rgb[1])
    return red * linear[..., 0] + green * linear[..., 1] + blue * linear[..., 2]


def gray(luminance: Tensor) -> Tensor:
    """The sRGB value (0..1) of the gray whose Y is given: the gray version of a picture."""
    return torch.where(
        luminance <= 0.0031308, 12.92 * luminance, 1.055 * luminance ** (1 / 2.4) - 0.055
    )


def lightness(luminance: Tensor) -> Tensor:
    """L (0..100) of Y (0..1)."""
    return 116 * _root(luminance) - 16


def with_ab(luminance: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """sRGB (H x W x 3, 0..1) of Y and ab (each H x W), inside of the gamut, its Y unchanged."""
    y = _root(luminance)
    x, z = WHITE_X * _cube(y + a / 500), WHITE_Z * _cube(y - b / 200)
    channels = [
        float(from_x) * x + float(from_y) * luminance + float(from_z) * z
        for from_x, from_y, from_z in rgb_from_xyz
    ]
    highest = torch.maximum(torch.maximum(*channels[:2]), channels[2])
    lowest = torch.minimum(torch.minimum(*channels[:2]), channels[2])
    # A channel that stays inside asks for no more than 1: its quotient is larger.
    over = (1 - luminance).clamp_min(0) / (highest - luminance).clamp_min(1e-9)
    under = luminance / (luminance - lowest).clamp_min(1e-9)
    toward = torch.minimum(over, under).clamp(0, 1)
    inside = [gray((luminance + toward * (c - luminance)).clamp(0, 1)) for c in channels]
    return torch.stack(inside, dim=-1)


def _root(value: Tensor) -> Tensor:
    return torch.where(value > BEND, value ** (1 / 3), SLOPE * value + FOOT)


def _cube(value: Tensor) -> Tensor:
    return torch.where(value > 6 / 29, value**3, (value - FOOT) / SLOPE)


def as_tensor(pixels: np.ndarray, device: torch.device) -> Tensor:
    """8-bit values or floats in 0..1 as float32 in 0..1."""
    moved = torch.from_numpy(np.ascontiguousarray(pixels)).to(device)
    return moved.float() / 255 if pixels.dtype == np.uint8 else moved.float()
