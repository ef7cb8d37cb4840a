"""No place and no neighbor of it is on two sides."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from photo_samples import encoded, photo

from helpers import color
from helpers.photos import split
from helpers.preprocessing import thumbnail

SIDES = {"train", "validation", "test"}


@pytest.mark.parametrize("count", [10, 11, 23, 39, 40, 70, 104, 105, 150, 350, 800, 10343])
def test_no_neighbor_is_on_another_side(count):
    sides = list(split.split_places(f"{place:06d}" for place in range(count)).values())
    assert SIDES <= set(sides)
    reach = 2 if count >= 40 else 1
    for step in range(1, reach + 1):
        for here, there in zip(sides, sides[step:]):
            assert here == there or "gap" in (here, there)


def test_the_split_is_what_was_agreed():
    sides = list(split.split_places(range(150)).values())
    run = ["test"] * 11 + ["gap"] * 2 + ["validation"] * 8 + ["gap"] * 2
    assert sides == run + ["train"] * 50 + ["gap"] * 2 + run + ["train"] * 52


def test_about_15_and_10_percent_are_set_aside():
    sides = pd.Series(split.split_places(range(700)).values()).value_counts(normalize=True)
    assert sides["test"] == pytest.approx(0.15, abs=0.01)
    assert sides["validation"] == pytest.approx(0.10, abs=0.01)
    assert sides["train"] > 0.6


def test_places_are_ordered_by_number_whatever_order_they_come_in():
    places = [str(place) for place in range(95, 115)]
    shuffled = list(np.random.default_rng(0).permutation(places)) * 3
    assert split.split_places(shuffled) == split.split_places(places)
    assert list(split.split_places(shuffled)) == places


def test_names_are_ordered_as_people_do():
    ordered = ["7", "0012", "street 9", "street 10", "street 10b", "Ährenweg 2"]
    assert sorted(reversed(ordered), key=split.natural_key) == ordered


@pytest.mark.parametrize("count", [0, 1, 9])
def test_under_ten_places_are_too_few(count):
    with pytest.raises(ValueError, match=r"too few to split: .* at least 10 places"):
        split.split_places(range(count))


def photos(count: int, views: int = 3) -> pd.DataFrame:
    places = [f"{place:03d}" for place in range(count) for _ in range(views)]
    return pd.DataFrame({"place": places, "extra": False})


def lightness(numbers) -> np.ndarray:
    return np.array([color.store_lightness(of(photo(n))) for n in numbers])


def of(image) -> np.ndarray:
    return color.split_lab(thumbnail.shrink(image))[0]


def test_under_24_photos_are_too_few():
    with pytest.raises(ValueError, match=r"23 usable photos, and at least 24"):
        split.split_photos(photos(23, views=1), lightness(range(23)))


def test_unlike_photos_keep_the_split_of_their_place():
    table = photos(12)
    sides = split.split_photos(table, lightness(range(36)))
    assert list(sides) == list(table.place.map(split.split_places(table.place)))


@pytest.mark.parametrize("change", ["same", "smaller", "brighter", "encoded"])
def test_a_near_duplicate_on_another_side_leaves_for_the_gap(change):
    table, pictures = photos(12), lightness(range(36))
    original = photo(0)  # of the first place, which is in the test
    copies = {
        "same": original,
        "smaller": original.resize((112, 88)),
        "brighter": original.point(lambda value: min(255, value * 1.15)),
        "encoded": encoded(0, quality=30),
    }
    pictures[35] = color.store_lightness(of(copies[change]))  # of the last, in training
    sides = split.split_photos(table, pictures)
    assert (sides[0], sides[34], sides[35]) == ("test", "train", "gap")


def test_a_validation_photo_yields_to_the_test_and_stays_before_training():
    table, pictures = photos(12), lightness(range(36))
    by_side = {
        side: table.index[table.place.map(split.split_places(table.place)) == side]
        for side in SIDES
    }
    here, there, third = (by_side[side][0] for side in ("test", "validation", "train"))
    pictures[there] = pictures[here]
    pictures[third] = pictures[by_side["validation"][1]]
    sides = split.split_photos(table, pictures)
    assert sides[here] == "test" and sides[there] == "gap" and sides[third] == "gap"
    assert sides[by_side["validation"][1]] == "validation"


def test_duplicates_on_one_side_stay():
    table, pictures = photos(12), lightness(range(36))
    pictures[34] = pictures[35]
    assert list(split.split_photos(table, pictures)[34:]) == ["train", "train"]


def test_extra_photos_are_for_training_whatever_their_place_is_called():
    table = pd.concat([photos(12), photos(12).assign(extra=True)], ignore_index=True)
    sides = split.split_photos(table, lightness(range(72)))
    assert set(sides[36:]) == {"train"}
    assert list(sides[:36]) == list(split.split_photos(photos(12), lightness(range(36))))


def test_fingerprints_correlate_as_the_pictures_do():
    pictures = lightness([1, 2])
    cells = pictures.reshape(2, 22, 4, 28, 4).mean(axis=(2, 4)).reshape(2, -1)
    one, other = split.fingerprints(pictures)
    assert one @ other == pytest.approx(np.corrcoef(cells)[0, 1], abs=1e-5)


def test_runs_follow_each_other_without_a_hole():
    for count in range(10, 400):
        sides = split.split_places(range(count))
        assert len(sides) == count
        changes = sum(one != other for one, other in pairwise(sides.values()))
        assert changes >= 4
