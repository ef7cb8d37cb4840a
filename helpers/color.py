"""Converts RGB to lightness and ab and back, and stores them in 8 bits.

CIELAB under D65 as scikit-image computes it. L runs from 0 (black) to 100 (white);
a (green to red) and b (blue to yellow) stay within about -87..99 and -108..95 for
colors of the sRGB gamut. A picture is H x W; arrays of colors end in 3 (RGB, Lab) or 2 (ab).
"""

import warnings

import numpy as np
import skimage.color  # loads its parts when they are used

SIZE = (112, 88)  # width and height of a stored photo, unless another is requested
AB_OFFSET = 128.0
L_STEPS = 2.55  # stored lightness is 2.55 L, so that white is 255
GRAY_CHROMA = 2.0  # ab units; a gray picture exceeds it in at most one pixel of a hundred


def split_lab(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """RGB (... x 3, 8 bits or floats in 0..1) to L (..., 0..100) and ab (... x 2), float32."""
    lab = skimage.color.rgb2lab(rgb).astype(np.float32)
    return lab[..., 0], lab[..., 1:]


def join_lab(lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """L (..., 0..100) and ab (... x 2) to RGB (... x 3, 8 bits), clipped to the sRGB gamut.

    Colors outside of the gamut are clipped channel by channel, which changes L slightly.
    """
    lab = np.concatenate([np.asarray(lightness)[..., None], ab], axis=-1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about the clipping
        rgb = skimage.color.lab2rgb(lab.astype(np.float64))
    return np.rint(rgb * 255).clip(0, 255).astype(np.uint8)


def store_lightness(lightness: np.ndarray) -> np.ndarray:
    """L (0..100) to 8-bit steps of 1 / 2.55."""
    return np.rint(np.asarray(lightness) * L_STEPS).clip(0, 255).astype(np.uint8)


def load_lightness(stored: np.ndarray) -> np.ndarray:
    """8-bit lightness to L (0..100), float32."""
    return stored.astype(np.float32) / np.float32(L_STEPS)


def store_ab(ab: np.ndarray) -> np.ndarray:
    """ab to 8-bit whole units: round(ab + 128)."""
    return np.rint(np.asarray(ab) + AB_OFFSET).clip(0, 255).astype(np.uint8)


def load_ab(stored: np.ndarray) -> np.ndarray:
    """8-bit ab to ab units, float32."""
    return stored.astype(np.float32) - np.float32(AB_OFFSET)


def unit_to_ab(unit):
    """The report's scale, (ab + 128) / 255, to ab units; an array or a tensor of any shape."""
    return unit * 255 - AB_OFFSET


def chroma(ab: np.ndarray) -> np.ndarray:
    """Chroma sqrt(a^2 + b^2) of ab (... x 2)."""
    return np.hypot(ab[..., 0], ab[..., 1])


def is_gray(ab: np.ndarray) -> bool:
    """Whether a picture with these ab (... x 2) has no color."""
    return bool((chroma(ab) > GRAY_CHROMA).mean() <= 0.01)
