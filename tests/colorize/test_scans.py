"""A scan's border is told from sky and road, and what it surrounds from the border."""

import numpy as np
import pytest
from colorizer_samples import scene
from PIL import Image

from helpers.colorize import scans

TOP, BOTTOM, LEFT, RIGHT = 9, 14, 7, 20
WHOLE = slice(0, 90), slice(0, 120)


def in_border(picture, paper, grain=3):
    """The picture on paper of that gray or color, each side of its own width, and where it lies."""
    height, width = picture.shape[:2]
    shape = height + TOP + BOTTOM, width + LEFT + RIGHT, *np.shape(paper)
    scan = np.random.default_rng(0).normal(paper, grain, shape)
    place = slice(TOP, TOP + height), slice(LEFT, LEFT + width)
    scan[place] = picture if picture.ndim == scan.ndim else picture[..., None]
    return scan.round().clip(0, 255).astype(np.uint8), place


@pytest.mark.parametrize("paper", [255, 245, 218, 12, 0, (240, 228, 205)])
def test_a_border_of_paper_or_of_black_is_found_to_the_line(paper):
    scan, place = in_border(scene(), paper)
    assert scans.inside(scan) == place


def test_a_border_within_a_border_is_found():
    scan, inner = in_border(scene(), 245)
    both, outer = in_border(scan, 8)
    expected = [slice(i.start + o.start, i.stop + o.start) for i, o in zip(inner, outer)]
    assert scans.inside(both) == tuple(expected)


def test_of_a_large_scan_no_line_of_the_picture_is_lost():
    scan, place = in_border(scene(), 245)
    rows, columns = scans.inside(scan.repeat(31, axis=0).repeat(31, axis=1))
    for found, true in zip((rows, columns), place):
        assert true.start * 31 - 12 < found.start <= true.start * 31
        assert true.stop * 31 <= found.stop < true.stop * 31 + 12


@pytest.mark.parametrize("cut", ["top", "bottom", "left", "right"])
@pytest.mark.parametrize("paper", [245, 12])
def test_a_border_on_three_sides_is_found(cut, paper):
    """As of a print whose paper was cut off on one side."""
    scan, (rows, columns) = in_border(scene(), paper)
    top = rows.start if cut == "top" else 0
    left = columns.start if cut == "left" else 0
    bottom = rows.stop if cut == "bottom" else None
    right = columns.stop if cut == "right" else None
    expected = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    assert scans.inside(scan[top:bottom, left:right]) == expected


@pytest.mark.parametrize("turns", range(4))
def test_a_border_on_one_side_is_found(turns):
    scan = np.rot90(np.pad(scene(), ((8, 0), (0, 0)), constant_values=240), turns)
    rows, columns = scans.inside(scan)
    np.testing.assert_array_equal(scan[rows, columns], np.rot90(scene(), turns))


@pytest.mark.parametrize(("lines", "found"), [(2, 0), (4, 4), (80, 80), (120, 0)])
def test_a_border_on_one_side_is_wide_enough_and_no_wider_than_a_fifth(lines, found):
    scan = np.pad(scene(420, 400), ((lines, 0), (0, 0)), constant_values=240)
    assert scans.inside(scan)[0].start == found


def test_a_border_on_one_side_of_a_print_that_lies_a_little_crooked_is_found():
    scan = np.pad(scene(300, 400), ((30, 0), (0, 0)), constant_values=240)
    turned = Image.fromarray(scan).rotate(0.5, Image.Resampling.BILINEAR)
    part = np.asarray(turned)[4:-4, 4:-4]  # without the corners that the turn left black
    assert 20 <= scans.inside(part)[0].start <= 30


def test_a_bright_sky_above_roofs_of_different_heights_is_no_border():
    street = np.random.default_rng(0).integers(40, 200, (90, 120)).astype(np.uint8)
    for house in range(6):
        street[: 4 + 2 * house, 20 * house : 20 * house + 20] = 250
    assert scans.inside(street) == WHOLE


def test_a_plain_sky_that_grows_darker_is_no_border():
    sky = np.linspace(250, 60, 90).round().astype(np.uint8)
    assert scans.inside(np.tile(sky[:, None], (1, 120))) == WHOLE


def test_a_bright_sky_down_to_a_straight_horizon_is_no_border():
    sea = np.random.default_rng(0).integers(40, 200, (90, 120)).astype(np.uint8)
    sea[:30] = 250
    assert scans.inside(sea) == WHOLE


@pytest.mark.parametrize("paper", [60, 128, 200])
def test_a_plain_sky_all_around_is_no_border(paper):
    """As around a bird: neither as light as paper nor as dark as a mount."""
    scan, _ = in_border(scene(), paper)
    assert scans.inside(scan) == tuple(slice(0, length) for length in scan.shape)


def test_a_bright_sky_in_a_print_is_not_paper():
    street = np.tile(scene(), 3)
    street[:30] = 225
    scan = np.pad(street, 5, constant_values=248)
    assert scans.inside(scan) == (slice(5, 95), slice(5, 365))


@pytest.mark.parametrize("gray", [0, 128, 255])
def test_a_picture_of_one_gray_is_whole(gray):
    assert scans.inside(np.full((90, 120), gray, np.uint8)) == WHOLE
    assert scans.inside(np.full((1, 1), gray, np.uint8)) == (slice(0, 1), slice(0, 1))


def test_paper_above_black_with_nothing_between_is_whole():
    """Every row is paper or black, so that both borders together leave nothing."""
    scan = np.full((100, 100), 250, np.uint8)
    scan[96:] = 5
    scan[np.arange(20, 76), np.arange(56) % 28 + 36] = 120
    scan[np.arange(20, 76), np.arange(56) % 28 + 37] = 120
    scan[np.arange(20, 76), np.arange(56) % 28 + 38] = 120
    assert scans.inside(scan) == (slice(0, 100), slice(0, 100))


def test_dust_on_the_paper_does_not_hide_it():
    scan, place = in_border(scene(), 245)
    scan[3, 50:53], scan[60:64, 2] = 90, 60
    assert scans.inside(scan) == place


def ends(gray):
    return np.percentile(gray, scans.ENDS)


def test_a_usual_photo_is_seen_as_it_is():
    gray = scene()
    assert scans.stretched(gray, gray) is gray


@pytest.mark.parametrize(("gain", "offset"), [(0.4, 110), (0.5, 0), (0.3, 0), (0.25, 190)])
def test_faded_and_dark_ones_are_seen_with_black_and_white_in_a_straight_line(gain, offset):
    gray = (scene() * gain + offset).astype(np.uint8)
    seen = scans.stretched(gray, gray)
    black, white = ends(gray)
    expected = min(black, scans.BLACK), max(white, scans.WHITE)
    assert np.abs(ends(seen) - expected).max() <= 1
    line = np.polynomial.Polynomial.fit(gray.ravel(), seen.ravel().astype(float), 1)
    assert np.abs(line(gray) - seen).max() < 1


def test_grain_is_not_stretched_into_a_picture():
    gray = np.random.default_rng(0).normal(128, 4, (90, 120)).astype(np.uint8)
    assert scans.stretched(gray, gray) is gray
    flat = np.full((90, 120), 200, np.uint8)
    assert scans.stretched(flat, flat) is flat
