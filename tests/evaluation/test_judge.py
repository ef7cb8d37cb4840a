"""The second judge: the distance has its closed forms, and originals are named as themselves."""

import json

import numpy as np
import pandas as pd
import pytest
import scipy.linalg
import skimage.data
import torch
from photo_samples import photo

from helpers import color
from helpers.evaluation import judge
from helpers.model.efficientnet import pretrained


def with_moments(mean, deviations, count=50, seed=0):
    """Rows whose mean is exactly `mean` and whose covariance is exactly diagonal."""
    rows = np.random.default_rng(seed).normal(size=(count, len(mean)))
    directions = np.linalg.qr(rows - rows.mean(axis=0))[0]
    return mean + np.sqrt(count - 1) * directions * deviations


def test_the_distance_of_diagonal_laws_is_that_of_means_and_deviations():
    one = with_moments(np.array([0.0, 1, 2]), np.array([1.0, 2, 0.5]))
    two = with_moments(np.array([3.0, 1, 2]), np.array([1.0, 0, 2.5]), count=80, seed=1)
    assert judge.frechet(one, two) == pytest.approx(3**2 + 2**2 + 2**2)


def test_the_distance_agrees_with_the_root_of_a_matrix():
    rng = np.random.default_rng(0)
    one = rng.normal(size=(60, 5)) @ rng.normal(size=(5, 5))
    two = 1 + rng.normal(size=(40, 5)) @ rng.normal(size=(5, 5))
    covariances = np.cov(one.T), np.cov(two.T)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    expected = np.square(one.mean(axis=0) - two.mean(axis=0)).sum()
    expected += np.trace(covariances[0] + covariances[1] - 2 * root)
    assert judge.frechet(one, two) == pytest.approx(expected)
    assert judge.frechet(two, one) == pytest.approx(expected)


def test_the_same_photos_in_another_order_are_at_distance_0_even_if_they_are_few():
    features = np.random.default_rng(0).uniform(0, 6, (5, 1280)).astype(np.float32)
    assert judge.frechet(features, features[::-1]) == pytest.approx(0, abs=1e-6)


def test_one_photo_has_no_covariance():
    with pytest.raises(ValueError, match="two photos"):
        judge.frechet(np.zeros((1, 4)), np.zeros((9, 4)))


@pytest.fixture(scope="module")
def classifier():
    return pretrained("lite2")


@pytest.fixture(scope="module")
def photos():
    """Stored lightness and ab of three photos."""
    pairs = [color.split_lab(np.asarray(photo(number, (112, 88)))) for number in range(3)]
    return (
        np.stack([color.store_lightness(lightness) for lightness, _ in pairs]),
        np.stack([color.store_ab(ab) for _, ab in pairs]),
    )


UNITS = pd.Series([0, 0, 1], name="place")


@pytest.fixture(scope="module")
def judgement(photos, classifier):
    models = {"exact": color.load_ab(photos[1])}
    return judge.by_classifier(models, *photos, UNITS, classifier)


def test_ground_truth_has_every_class_and_no_distance(judgement):
    exact = judgement.values.loc["exact"]
    assert exact[["same_class", "same_class_low", "same_class_high"]].tolist() == [1, 1, 1]
    assert exact.frechet == pytest.approx(0, abs=1e-6)


def test_gray_and_mirrored_ground_truth_are_measured_unasked(judgement):
    assert list(judgement.values.index) == ["gray", "exact", judge.MIRRORED]
    assert (judgement.values.frechet[["gray", judge.MIRRORED]] > 0).all()


class Blinking(torch.nn.Module):
    """Names class 1 for a picture whose top left corner is red, else class 0."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, x):
        red = (x[:, 0, 0, 0] > 0.9) & (x[:, 1, 0, 0] < -0.9)
        return torch.nn.functional.one_hot(red.long(), 1000).float(), x.mean(dim=(2, 3))


def test_the_share_counts_photos_and_its_interval_resamples_units():
    lightness = np.full((60, 8, 8), 136, np.uint8)  # that of pure red
    truth = np.full((60, 8, 8, 2), 128, np.uint8)
    truth[:45] = 208, 195  # pure red in three units of four, which gray cannot be
    units = pd.Series(np.arange(60) // 15, name="stretch")
    half = color.load_ab(truth)
    half[15:45] = 0  # right in the first unit and in the last
    found = judge.by_classifier({"half": half}, lightness, truth, units, Blinking()).values
    assert found.same_class.to_dict() == {"gray": 0.25, "half": 0.5, judge.MIRRORED: 1}
    assert found.same_class_low["half"] == 0 and found.same_class_high["half"] == 1
    difference = found.loc["half", ["more_than_gray", "more_than_gray_low", "more_than_gray_high"]]
    assert difference["more_than_gray"] == 0.25
    assert difference["more_than_gray_low"] == 0 < difference["more_than_gray_high"]


def test_batches_do_not_matter(photos, classifier):
    lightness, ab = (np.concatenate([x, x[:2]]) for x in photos)
    classes, features = judge.seen(classifier, lightness, color.load_ab(ab))
    assert len(lightness) > judge.BATCH and features.shape == (5, 1280)
    one, alone = judge.seen(classifier, lightness[-1:], color.load_ab(ab[-1:]))
    assert classes[1] == classes[-1] == one[0]
    np.testing.assert_allclose(features[[1, -1]], np.concatenate([alone, alone]), atol=1e-4)


class Recording(Blinking):
    """Keeps every picture that it reads."""

    def __init__(self):
        super().__init__()
        self.read = []

    def forward(self, x):
        self.read.append(x)
        return super().forward(x)


def test_the_classifier_reads_the_whole_photo_as_8_bit_rgb_from_minus_1_to_1():
    recording, lightness = Recording(), np.zeros((1, 90, 60), np.uint8)
    lightness[:, :, -1] = 255
    judge.seen(recording, lightness, np.zeros((1, 90, 60, 2), np.float32))
    (read,) = recording.read
    assert read.shape == (1, 3, judge.SIZE, judge.SIZE)
    assert (read[..., 0] == -1).all() and (read[..., -1] == 1).all()


def test_mirrored_ground_truth_has_its_lightness_and_its_colors_mirrored(photos):
    recording = Recording()
    judge.by_classifier({}, *photos, UNITS, recording)
    original, _, mirrored = recording.read
    torch.testing.assert_close(mirrored, original.flip(-1), atol=1e-4, rtol=0)


def test_it_recognizes_a_photo_of_a_cat(classifier):
    lightness, ab = color.split_lab(skimage.data.chelsea())
    named, _ = judge.seen(classifier, color.store_lightness(lightness)[None], ab[None])
    assert 281 <= named[0] <= 285  # tabby, tiger cat, Persian, Siamese, Egyptian cat


def test_results_are_json_and_a_single_place_has_no_interval(photos, classifier):
    lightness, truth = (x[:2] for x in photos)
    found = judge.by_classifier({}, lightness, truth, UNITS[:2], classifier)
    results = json.loads(json.dumps(found.as_results(), allow_nan=False))
    assert results["photos"] == 2 and results["unit"] == "place"
    assert results["models"]["gray"]["same_class_low"] is None
    assert 0 <= results["models"]["gray"]["same_class"] <= 1
    assert found.table().loc["gray", judge.LABELS["same_class"]].endswith("[-, -]")


def test_too_few_photos_to_compare_are_refused_before_any_work(photos):
    with pytest.raises(ValueError, match="not 1"):
        judge.by_classifier({}, photos[0][:1], photos[1][:1], UNITS[:1])


def test_a_sample_has_no_photo_twice_and_is_the_same_each_time():
    chosen = judge.sample(100, 30)
    assert len(set(chosen)) == 30 and (np.diff(chosen) > 0).all() and chosen.max() < 100
    np.testing.assert_array_equal(chosen, judge.sample(100, 30))
    np.testing.assert_array_equal(judge.sample(5, 30), np.arange(5))
