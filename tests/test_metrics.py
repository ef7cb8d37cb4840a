"""Every metric against a loop, a closed form or published values."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from skimage.color import deltaE_ciede2000, lab2rgb, rgb2lab
from skimage.metrics import peak_signal_noise_ratio

from helpers import color, metrics
from helpers.model import bins

# Sharma, Wu, Dalal: "The CIEDE2000 color-difference formula", Color Res. Appl. 30 (2005), table 1.
SHARMA = np.array(
    """
50 2.6772 -79.7751 50 0 -82.7485 2.0425         50 3.1571 -77.2803 50 0 -82.7485 2.8615
50 2.8361 -74.0200 50 0 -82.7485 3.4412         50 -1.3802 -84.2814 50 0 -82.7485 1
50 -1.1848 -84.8006 50 0 -82.7485 1             50 -0.9009 -85.5211 50 0 -82.7485 1
50 0 0 50 -1 2 2.3669                           50 -1 2 50 0 0 2.3669
50 2.49 -0.001 50 -2.49 0.0009 7.1792           50 2.49 -0.001 50 -2.49 0.0010 7.1792
50 2.49 -0.001 50 -2.49 0.0011 7.2195           50 2.49 -0.001 50 -2.49 0.0012 7.2195
50 -0.001 2.49 50 0.0009 -2.49 4.8045           50 -0.001 2.49 50 0.0010 -2.49 4.8045
50 -0.001 2.49 50 0.0011 -2.49 4.7461           50 2.5 0 50 0 -2.5 4.3065
50 2.5 0 73 25 -18 27.1492                      50 2.5 0 61 -5 29 22.8977
50 2.5 0 56 -27 -3 31.9030                      50 2.5 0 58 24 15 19.4535
50 2.5 0 50 3.1736 0.5854 1                     50 2.5 0 50 3.2972 0 1
50 2.5 0 50 1.8634 0.5757 1                     50 2.5 0 50 3.2592 0.3350 1
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
""".split(),
    dtype=float,
).reshape(34, 7)


@pytest.fixture(scope="module")
def photos():
    """Lightness, truth (stored) and a prediction of 11 small pictures, vivid colors included."""
    rng = np.random.default_rng(1)
    lightness = rng.integers(20, 240, (11, 6, 8), dtype=np.uint8)
    truth = rng.normal(128, [8, 22], (11, 6, 8, 2)).round().clip(0, 255).astype(np.uint8)
    ab = (color.load_ab(truth) * 0.6 + rng.normal(0, 8, truth.shape)).astype(np.float32)
    return lightness, truth, ab


@pytest.fixture(scope="module")
def weights(photos):
    return bins.color_weights(photos[1])


def pooled(ab, lightness, truth, weights):
    sums = metrics.per_photo(ab, lightness, truth, weights)
    return metrics.pool(sums.sum().to_frame().T).iloc[0]


def test_the_truth_is_perfect(photos, weights):
    lightness, truth, _ = photos
    found = pooled(color.load_ab(truth), lightness, truth, weights)
    for name in ("mse", "mse_vs_gray", "rmse", "rmse_chroma20", "delta_e", "colorfulness_gap"):
        assert found[name] == 0, name
    for name in ("auc", "auc_rebalanced", "colorfulness_ratio", "chroma_ratio"):
        assert found[name] == pytest.approx(1), name
    assert found.psnr == pytest.approx(10 * np.log10(255**2 * 6 * 8 * 3))


def test_gray_is_one_times_gray_and_has_no_color(photos, weights):
    lightness, truth, ab = photos
    found = pooled(np.zeros_like(ab), lightness, truth, weights)
    assert found.mse_vs_gray == 1
    assert found.chroma_ratio == 0
    assert found.colorfulness < 0.1  # 8-bit rounding of neutral colors


def test_all_metrics_equal_those_of_a_loop(photos, weights):
    lightness, truth, ab = photos
    names = ("squares", "gray", "vivid", "auc", "delta_e", "chroma", "true_chroma", "weighted")
    kept = {name: [] for name in names}
    weight, psnr, colorful, better = [], [], [], []
    for light, true, guess in zip(lightness, truth, ab):
        rgbs = []
        for colors in (guess, true.astype(float) - 128):
            lab = np.dstack([light / 2.55, colors])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rgbs.append(lab2rgb(lab))
        difference = deltaE_ciede2000(rgb2lab(rgbs[1]), rgb2lab(rgbs[0]))
        bytes_ = [np.rint(rgb * 255).astype(np.uint8) for rgb in rgbs]
        psnr.append(peak_signal_noise_ratio(bytes_[1], bytes_[0]))
        colorful.append([hasler(rgb.astype(float)) for rgb in bytes_])
        exact = true.astype(float) - 128
        better.append(np.square(guess - exact).mean() < np.square(exact).mean())
        for i in np.ndindex(light.shape):
            a, b = true[i].astype(float) - 128
            square = (guess[i][0] - a) ** 2 + (guess[i][1] - b) ** 2
            shares = [float(square**0.5 <= t) for t in range(151)]
            area = np.trapezoid(shares) / 150
            w = weights[true[i][0], true[i][1]]
            weight.append(w)
            kept["squares"].append(square)
            kept["gray"].append(a**2 + b**2)
            kept["auc"].append(area)
            kept["weighted"].append(area * w)
            kept["delta_e"].append(difference[i])
            kept["chroma"].append(np.hypot(*guess[i]))
            kept["true_chroma"].append(np.hypot(a, b))
            if np.hypot(a, b) > 20:
                kept["vivid"].append(square)
    mean = {name: np.mean(values) for name, values in kept.items()}
    ours, true = np.transpose(colorful)
    expected = {
        "mse": mean["squares"] / 2 / 255**2,
        "mse_vs_gray": mean["squares"] / mean["gray"],
        "better_than_gray": np.mean(better),
        "rmse": np.sqrt(mean["squares"] / 2),
        "rmse_chroma20": np.sqrt(mean["vivid"] / 2),
        "auc": mean["auc"],
        "auc_rebalanced": np.sum(kept["weighted"]) / np.sum(weight),
        "psnr": np.mean(psnr),
        "delta_e": mean["delta_e"],
        "colorfulness": ours.mean(),
        "colorfulness_ratio": ours.mean() / true.mean(),
        "colorfulness_gap": np.abs(ours - true).mean(),
        "chroma_ratio": mean["chroma"] / mean["true_chroma"],
    }
    assert set(metrics.METRICS) - set(expected) == {"mse_vs_gray_median"}  # no sum gives a median
    found = pooled(ab, lightness, truth, weights)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=2e-4), name


def test_photos_that_are_worse_than_gray_or_as_good_do_not_count_as_better(photos, weights):
    lightness, truth, _ = photos
    ab = color.load_ab(truth) * np.linspace(-0.5, 0.5, 11, dtype=np.float32)[:, None, None, None]
    found = pooled(ab, lightness, truth, weights)
    assert found.better_than_gray == pytest.approx(5 / 11)  # the sixth is gray itself


def test_the_median_is_that_of_photos_repeated_as_often_as_they_were_drawn(
    photos, weights, monkeypatch
):
    """Of an even number it is the lower of the two in the middle."""
    lightness, truth, ab = photos
    sums = metrics.per_photo(ab, lightness, truth, weights)
    counts = np.random.default_rng(0).integers(0, 4, (60, 11))
    true = color.load_ab(truth)
    ratios = np.square(ab - true).sum(axis=(1, 2, 3)) / np.square(true).sum(axis=(1, 2, 3))
    expected = []
    for row in counts:
        repeated = [ratio for ratio, count in zip(ratios, row) for _ in range(count)]
        lower = (
            np.median(repeated) if len(repeated) % 2 else sorted(repeated)[len(repeated) // 2 - 1]
        )
        expected.append(lower)
    np.testing.assert_allclose(metrics.median(sums, counts), expected, rtol=1e-5)
    monkeypatch.setattr(metrics, "AT_ONCE", 2 * counts.shape[1])  # in several parts
    np.testing.assert_allclose(metrics.median(sums, counts), expected, rtol=1e-5)


def test_the_median_leaves_out_photos_without_color(photos, weights):
    lightness, truth, ab = photos
    gray = truth.copy()
    gray[:4] = 128
    sums = metrics.per_photo(ab, lightness, gray, weights)
    once = np.ones((1, 11), int)
    colored = metrics.per_photo(ab[4:], lightness[4:], truth[4:], weights)
    ratios = colored.square / colored.square_gray
    assert metrics.median(sums, once)[0] == pytest.approx(np.median(ratios))
    nothing = metrics.per_photo(ab, lightness, np.full_like(truth, 128), weights)
    assert np.isnan(metrics.median(nothing, np.ones((3, 11), int))).all()


def hasler(rgb):
    """The formula of 2003 for one picture, H x W x 3 floats."""
    rg = rgb[..., 0] - rgb[..., 1]
    yb = (rgb[..., 0] + rgb[..., 1]) / 2 - rgb[..., 2]
    return np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())


def test_photos_measured_one_by_one_equal_photos_measured_together(photos, weights):
    lightness, truth, ab = photos
    together = metrics.per_photo(ab, lightness, truth, weights)
    for i in range(len(ab)):
        part = slice(i, i + 1)
        alone = metrics.per_photo(ab[part], lightness[part], truth[part], weights)
        np.testing.assert_allclose(alone.iloc[0], together.iloc[i], rtol=1e-6)


def test_a_truth_that_models_share_is_measured_as_one_worked_out_anew(photos, weights):
    lightness, truth, ab = photos
    seen = metrics.on_screen(lightness, truth)
    shared = metrics.per_photo(ab, lightness, truth, weights, seen)
    pd.testing.assert_frame_equal(shared, metrics.per_photo(ab, lightness, truth, weights))


def test_on_screen_is_what_scikit_image_makes_of_each_photo(photos):
    lightness, truth, _ = photos
    lab, rgb = metrics.on_screen(lightness, truth)
    for light, true, ours, bytes_ in zip(lightness, truth, lab, rgb):
        exact = np.dstack([light / 2.55, true.astype(float) - 128])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shown = lab2rgb(exact)
        np.testing.assert_allclose(ours, rgb2lab(shown), atol=0.02)
        assert np.abs(bytes_ - shown * 255).max() <= 0.501


def test_sharmas_pairs_give_his_values():
    found = deltaE_ciede2000(SHARMA[:, :3], SHARMA[:, 3:6])
    np.testing.assert_allclose(found, SHARMA[:, 6], atol=5e-5)


def test_single_precision_is_enough_for_ciede2000():
    """Away from the pairs that Sharma laid on the jump of the mean hue at 180 degrees."""
    smooth = np.delete(SHARMA, np.arange(8, 15), axis=0).astype(np.float32)
    found = deltaE_ciede2000(smooth[:, :3], smooth[:, 3:6])
    np.testing.assert_allclose(found, smooth[:, 6], atol=1e-3)


def test_auc_of_a_pixel_is_the_trapezoid_over_151_thresholds():
    distances = np.array([0, 1e-6, 0.5, 1, 1.5, 10, 149.2, 150, 150.1, 200])
    shares = (distances[:, None] <= np.arange(151)).astype(float)
    np.testing.assert_allclose(metrics.auc_of(distances), np.trapezoid(shares, axis=1) / 150)


def test_colorfulness_of_known_pictures():
    gray = np.full((2, 2, 3), 77)
    assert metrics.colorfulness(gray) == 0
    red = np.broadcast_to([255, 0, 0], (2, 2, 3))
    assert metrics.colorfulness(red) == pytest.approx(0.3 * np.hypot(255, 127.5))
    half = np.array([[[255, 0, 0], [0, 255, 0]]])  # rg = +-255, yb = 127.5 in both
    assert metrics.colorfulness(half) == pytest.approx(255 + 0.3 * 127.5)
    assert metrics.colorfulness(half, absolute=True) == pytest.approx(0.3 * np.hypot(255, 127.5))


def test_clipping_leaves_what_a_screen_can_show_and_moves_what_it_cannot():
    lightness, ab = np.array([50.0, 50.0]), np.array([[10.0, -12.0], [0.0, -120.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lab, rgb = metrics.clip_to_srgb(lightness, ab)
    np.testing.assert_allclose(lab[0], [50, 10, -12], atol=1e-4)
    assert np.abs(lab[1] - [50, 0, -120]).max() > 5
    np.testing.assert_allclose(lab[1], rgb2lab(rgb[1] / 255), atol=0.5)
    assert np.abs(rgb.astype(int) - color.join_lab(lightness, ab)).max() <= 1


def test_rare_colors_weigh_more_and_a_uniform_prior_makes_all_weigh_one(photos):
    gray = np.full((1, 40, 40, 2), 128, np.uint8)
    gray[0, 0, 0] = 128 + 60, 128 + 60
    weights = bins.color_weights(gray)
    assert weights[188, 188] > 30 * weights[128, 128]
    assert weights[188, 188] == weights[186, 190]  # one bin of 10 x 10
    np.testing.assert_allclose(bins.color_weights(gray, mix=1), 1, rtol=1e-5)


def test_weights_are_those_of_the_class_of_each_color(photos):
    truth = photos[1]
    centers = bins.gamut_centers()
    table = bins.encoding_table(centers)
    rows = bins.table_rows(torch.from_numpy(color.load_ab(truth)))
    expected = bins.class_weights(bins.prior(bins.count(rows), table))[table.argmax(dim=1)]
    np.testing.assert_allclose(bins.color_weights(truth).ravel(), expected.numpy(), rtol=1e-4)


def test_weights_count_the_colors_of_every_photo_however_many_there_are(photos):
    truth = np.concatenate([photos[1]] * 7)[: bins.AT_ONCE + 9]
    stored, centers = np.indices((256, 256)).reshape(2, -1).T - 128.0, bins.gamut_centers()
    found, counts = np.unique(truth.reshape(-1, 2), axis=0, return_counts=True)
    soft = bins.soft_encode(torch.from_numpy(found - 128.0).float(), centers)
    prior = torch.from_numpy(counts / counts.sum()).float() @ soft
    nearest = torch.cdist(torch.from_numpy(stored).float(), centers).argmin(dim=1)
    expected = bins.class_weights(prior, bins.MIX)[nearest]
    np.testing.assert_allclose(bins.color_weights(truth).ravel(), expected, rtol=1e-6)


def test_what_cannot_be_measured_is_not_a_number(photos, weights):
    lightness = photos[0]
    truth = np.full((*lightness.shape, 2), 128, np.uint8)
    found = pooled(photos[2], lightness, truth, weights)
    for name in ("mse_vs_gray", "rmse_chroma20", "chroma_ratio"):
        assert np.isnan(found[name]), name


def test_shapes_that_differ_are_refused(photos, weights):
    lightness, truth, ab = photos
    with pytest.raises(ValueError, match="shapes differ"):
        metrics.per_photo(ab[:5], lightness, truth, weights)
