"""No place and no neighbor of it is on two sides."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from photo_samples import encoded, photo
from study_samples import prepared_set

from helpers import color
from helpers.photos import split
from helpers.preprocessing import folds, thumbnail

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


COUNTS = [100, 101, 157, 349, 350, 777, 1499, 1500]


@pytest.mark.parametrize("count", COUNTS)
def test_folds_test_each_place_once(count):
    splits = split.fold_places(range(count))
    assert len(splits) == 5
    tested = [place for sides in splits for place, side in sides.items() if side == "test"]
    assert sorted(tested) == list(range(count))
    for sides in splits:
        share = sum(side == "test" for side in sides.values()) / count
        assert share == pytest.approx(1 / 5, abs=0.02)


@pytest.mark.parametrize("count", COUNTS)
def test_a_stretch_is_tested_by_one_fold(count):
    table = photos(count, views=2)
    stretch = split.units(table, np.arange(len(table)))
    assert stretch.name == "stretch"
    tested = pd.concat(
        table.place[table.place.map(sides) == "test"].map(lambda _, fold=fold: fold)
        for fold, sides in enumerate(split.fold_places(table.place))
    )
    assert (tested.groupby(stretch).nunique() == 1).all()


@pytest.mark.parametrize("count", COUNTS)
def test_folds_keep_two_places_between_sides(count):
    for by_place in split.fold_places(range(count)):
        sides = list(by_place.values())
        assert set(sides) == SIDES | {"gap"}
        for step in (1, 2):
            for here, there in zip(sides, sides[step:]):
                assert here == there or "gap" in (here, there)


def validated(sides):
    return [place for place, side in sides.items() if side == "validation"]


@pytest.mark.parametrize("count", [100, 150, 350, 800, 1500])
def test_each_fold_validates_on_another_tenth_spread_along_the_street(count):
    held = [validated(sides) for sides in split.fold_places(range(count))]
    for places in held:
        assert len(places) / count == pytest.approx(0.1, abs=0.01)
        runs = 1 + (np.diff(places) > 1).sum()
        assert len(places) / runs <= 20
    assert len({tuple(places) for places in held}) == 5


def test_folds_depend_on_the_places_alone():
    places = [str(place) for place in range(80, 230)]
    shuffled = list(np.random.default_rng(0).permutation(places)) * 3
    assert split.fold_places(shuffled) == split.fold_places(places)
    assert list(split.fold_places(shuffled)[0]) == places


@pytest.mark.parametrize("count", [0, 1, 99])
def test_under_100_places_are_too_few_for_folds(count):
    with pytest.raises(ValueError, match=rf"too few to split: {count} places.* 100 places"):
        split.fold_places(range(count))


def units(rows, places=400, views=2):
    return split.units(photos(places, views), np.asarray(rows))


@pytest.mark.parametrize("places", [350, 400, 700, 1000])
def test_units_of_one_long_run_are_stretches_of_about_70_places(places):
    found = units(range(2 * places), places)
    assert found.name == "stretch" and len(found) == 2 * places
    sizes = found.value_counts().to_numpy() / 2
    assert sizes.min() > 60 and sizes.max() <= 80 and np.ptp(sizes) <= 1
    assert found.is_monotonic_increasing


def test_units_are_cut_between_places_and_where_a_run_ends():
    rows = [2 * place + view for run in range(0, 400, 50) for place in range(run, run + 20)
            for view in (0, 1)]  # fmt: skip
    found = units(rows)
    assert found.name == "stretch" and found.nunique() == 8
    assert list(found) == [run for run in range(8) for _ in range(40)]


def test_photos_of_a_place_are_in_one_unit_whatever_their_order():
    rows = np.random.default_rng(0).permutation(800)
    found = units(rows)
    by_place = found.groupby(rows // 2).nunique()
    assert (by_place == 1).all()
    in_order = pd.Series(found.to_numpy(), index=rows).sort_index()
    assert list(in_order) == list(units(range(800)))


def test_a_run_may_miss_a_place():
    rows = [row for row in range(800) if row // 2 % 10 != 3]
    assert units(rows).nunique() == units(range(800)).nunique()


@pytest.mark.parametrize(("places", "name"), [(99, "place"), (175, "stretch")])
def test_fewer_than_five_stretches_fall_back_to_places(places, name):
    found = units(range(2 * places), 400)
    assert found.name == name
    if name == "place":
        assert list(found) == [f"{row // 2:03d}" for row in range(2 * places)]


def test_a_folder_of_single_photos_has_photos_as_units():
    found = units(range(300), 300, views=1)
    assert found.name == "photo" and found.nunique() == 300
    table = pd.concat([photos(20, views=2), photos(300, views=1).assign(place=range(300, 600))])
    found = split.units(table.reset_index(drop=True), np.arange(340))
    assert found.name == "photo" and found.nunique() == 340


def test_extra_photos_are_in_no_run_and_make_no_place_longer():
    extra = photos(50).assign(extra=True, place=lambda rows: rows.place + " extra")
    table = pd.concat([extra, photos(300, views=2)], ignore_index=True)
    found = split.units(table, np.arange(len(extra), len(table)))
    pd.testing.assert_series_equal(found, units(range(600), 300))
    single = pd.concat([extra, photos(300, views=1)], ignore_index=True)
    assert split.units(single, np.arange(len(extra), len(single))).name == "photo"


def prepared(places=120, views=2, copied=()):
    """A set of unlike photos; `copied` are pairs of rows, the second a copy of the first."""
    rng = np.random.default_rng(0)
    looks = rng.integers(0, 256, (places * views, 22, 28), dtype=np.uint8)
    for row, copy in copied:
        looks[copy] = looks[row]
    pictures = looks.repeat(4, axis=1).repeat(4, axis=2)
    made = prepared_set(pictures, np.zeros((*pictures.shape, 2), np.uint8), 0, 0)
    return replace(made, photos=photos(places, views).assign(split="train"))


def test_photos_of_one_place_are_on_one_side_in_every_fold():
    for fold in folds(prepared()).values():
        assert (fold.photos.groupby("place").split.nunique() == 1).all()
        assert {"train", "validation", "test"} <= set(fold.photos.split)


def test_every_photo_is_tested_in_one_fold_and_seeds_name_the_folds():
    found = folds(prepared(), seed=7)
    assert list(found) == [7, 8, 9, 10, 11]
    tested = np.concatenate([fold.indices("test") for fold in found.values()])
    assert sorted(tested) == list(range(240))


def test_a_copy_of_a_test_photo_leaves_training_in_the_folds_that_test_it():
    pair = (0, 120)  # places 0 and 60
    plain, found = folds(prepared()), folds(prepared(copied=[pair]))
    sides = [tuple(fold.photos.split[list(pair)]) for fold in found.values()]
    assert ("test", "gap") in sides and ("gap", "test") in sides
    assert all("test" not in both or "gap" in both for both in sides)
    for seed, fold in found.items():
        others = fold.photos.split.drop(list(pair))
        assert list(others) == list(plain[seed].photos.split.drop(list(pair)))


@pytest.mark.parametrize(("places", "wanted"), [(120, False), (99, True), (20, True)])
def test_no_folds_or_too_few_places_keep_the_split_of_the_set(places, wanted):
    whole = prepared(places)
    assert folds(whole, wanted, seed=3) == {3: whole}
