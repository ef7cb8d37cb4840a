"""Studies of `street_unet`: what each part gives, and what more photos or parameters give.

Every study trains the network for equally many batches and differs from the base in one thing.
All are measured on the test photos. Widths are those of the profile, smaller than the shipped
ones, so that there is time for many studies.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from .. import color, evaluation, preprocessing
from ..evaluation import Evaluation
from ..model.baselines import matching_gain
from ..model.heads import Regression
from ..model.predict import predict
from ..model.street_unet import OperatingPoint
from ..preprocessing import PreparedSet
from ..results import LARGE, TINY, Run
from ..training import (
    SHORT_STREET_UNET,
    Fitted,
    Groups,
    Photos,
    Recipe,
    devices,
    fit,
    groups,
    operating,
)

RNG = 2010  # of the places that a smaller training set keeps
COLUMNS = ("mse_vs_gray", "auc", "delta_e", "colorfulness_gap", "chroma_ratio")
HEADS = {  # loss, and whether rare colors get more weight
    "bins, weighted": ("bins", True),
    "bins": ("bins", False),
    "L2": ("l2", False),
    "L2, weighted": ("l2", True),
    "L1": ("l1", False),
}
SEVERAL = ("bins, weighted", "L2")  # heads that are trained with every seed of the run
STEPS = {
    "base recipe": {},
    "augmentation left out": {"changes": "none"},
    "cropping and relighting added": {"changes": "all"},
    "averaging of weights left out": {"average": None},
}
PRETRAINED = {"pretrained": True, "random initial weights": False}
SHARES = (0.125, 0.25, 0.5, 1.0)  # of the training places
MOST = 0.9  # share of the photos that must be as large as the second size
RENDERED = 600  # rendered streets for the study of image sizes
SIZES = ((112, 88), (224, 176), (448, 352))  # width and height of an image, pixels
SIZES_BATCH = 4  # photos per batch in the study of sizes, so that large images fit in the time


@dataclass(frozen=True)
class Base:
    """What all studies of a run share. Made by `base`."""

    run: Run
    prepared: PreparedSet
    photos: Groups
    recipe: Recipe

    def train(self, name: str, photos: Groups | None = None, **changes) -> Fitted:
        """Train, resume or load a study; `changes` are those of the recipe."""
        recipe = replace(self.recipe, **changes)
        if photos is None and replace(recipe, seed=self.recipe.seed) == self.recipe:
            name = "base"  # every study with the base's recipe shares this training run
        photos = photos or self.photos
        file = f"unet-{name}-seed{recipe.seed}".replace(" ", "-").replace(",", "")
        path = self.run.folder / "checkpoints" / f"{file}.pt"
        about = {"path": path, "device": devices.requested(), "label": name}
        return fit(recipe, photos.train, extra=photos.extra, **about)

    @property
    def test(self) -> np.ndarray:
        return self.prepared.indices("test")


def base(run: Run, prepared: PreparedSet) -> Base:
    """The studies of a run: its photos, and the recipe that each study changes in one thing."""
    size = {"batches": run.profile.unet_study_batches, "widths": run.profile.unet_study_widths}
    recipe = replace(SHORT_STREET_UNET, **size, seed=run.seed)
    return Base(run, prepared, groups(prepared), recipe)


def by_head(studies: Base, names: Iterable[str] = tuple(HEADS)) -> pd.DataFrame:
    """Heads and their weights, each at an accurate and a colorful operating point.

    Bins have the two points of `operating.choose`. A regression is taken as it is, and multiplied
    by the constant that gives the validation photos their true mean chroma. Rows are
    "<head>, accurate" and "<head>, colorful"; `change` is relative to the first head at the same
    point, `seeds` is the number of training runs.
    """
    names, predictions = tuple(names), {}
    lightness = studies.prepared.lightness[studies.test]
    for name in names:
        count = studies.run.profile.head_seeds if name in SEVERAL else 1
        seeds = range(studies.run.seed, studies.run.seed + count)
        for seed in seeds:
            model = _head(studies, name, seed)
            for which, point in _points(model, studies.photos.validation).items():
                key = f"{name}, {which}"
                predictions.setdefault(key, []).append(predict(model, lightness, point))
    found = evaluation.evaluate(predictions, studies.prepared, studies.test)
    against = {key: f"{names[0]}, {key.split(', ')[-1]}" for key in predictions}
    return table(found, against).assign(seeds={key: len(s) for key, s in predictions.items()})


def at_equal_chroma(studies: Base) -> Evaluation:
    """Weighted bins at their colorful point, and L2 made as colorful: models "bins" and "L2".

    L2 is multiplied by the constant that gives the validation photos the mean chroma that the bins
    give them, so that a difference in error is not one of saturation. Networks and seeds are those
    of `by_head`.
    """
    predictions = {"bins": [], "L2": []}
    lightness = studies.prepared.lightness[studies.test]
    for seed in range(studies.run.seed, studies.run.seed + studies.run.profile.head_seeds):
        bins, l2 = (_head(studies, name, seed) for name in SEVERAL)
        validation = studies.photos.validation
        point = _points(bins, validation)["colorful"]
        seen = validation.take(slice(None))[0].numpy()
        wanted = color.chroma(predict(bins, seen, point)).mean()
        gain = float(wanted / color.chroma(predict(l2, seen)).mean())
        predictions["bins"].append(predict(bins, lightness, point))
        predictions["L2"].append(predict(l2, lightness, OperatingPoint(gain=gain)))
    return evaluation.evaluate(predictions, studies.prepared, studies.test)


def _head(studies: Base, name: str, seed: int):
    loss, weighted = HEADS[name]
    return studies.train(f"head {name}", loss=loss, weighted=weighted, seed=seed).model


def _points(model, validation: Photos) -> dict[str, OperatingPoint]:
    lightness, truth = (stored.numpy() for stored in validation.take(slice(None)))
    if isinstance(model, Regression):
        gain = matching_gain(predict(model, lightness), truth)
        return {"accurate": OperatingPoint(), "colorful": OperatingPoint(gain=gain)}
    points = operating.choose([operating.Validation(model, lightness, truth)])
    return {"accurate": points["street_unet_accurate"], "colorful": points["street_unet"]}


def by_step(studies: Base, elsewhere: PreparedSet | None = None) -> pd.DataFrame:
    """The base with each part of its recipe left out, and with photos of another landscape."""
    models = {name: studies.train(name, **change) for name, change in STEPS.items()}
    if elsewhere is not None:
        models["photos of another landscape added"] = _with_elsewhere(studies, elsewhere)
    return table(evaluated(models, studies.prepared), dict.fromkeys(models, "base recipe"))


def _with_elsewhere(studies: Base, elsewhere: PreparedSet) -> Fitted:
    photos = replace(studies.photos, extra=(*studies.photos.extra, groups(elsewhere).train))
    return studies.train("with elsewhere", photos)


def by_pretraining(studies: Base) -> pd.DataFrame:
    """A pretrained encoder against one with random weights: as many batches and seeds."""
    colors, lightness = {}, studies.prepared.lightness[studies.test]
    seeds = range(studies.run.seed, studies.run.seed + studies.run.profile.head_seeds)
    for name, pretrained in PRETRAINED.items():
        fits = [studies.train(name, pretrained=pretrained, seed=seed) for seed in seeds]
        colors[name] = [predict(fitted.model, lightness) for fitted in fits]
    found = evaluation.evaluate(colors, studies.prepared, studies.test)
    return table(found, dict.fromkeys(colors, "pretrained")).assign(seeds=len(seeds))


def by_photos(studies: Base) -> pd.DataFrame:
    """The base on shares of the training places; `value` is the number of photos."""
    photos, models, counts = studies.prepared.photos, {}, {}
    own = photos.split.eq("train").to_numpy() & ~photos.extra.to_numpy()
    places = np.random.default_rng(RNG).permutation(photos.place[own].unique())
    for share in SHARES:
        kept = places[: max(round(share * len(places)), 1)]
        rows = np.flatnonzero(own & photos.place.isin(kept).to_numpy())
        fewer = replace(studies.photos, train=Photos.of(studies.prepared, rows))
        name = f"{len(rows)} photos"
        models[name] = studies.train(name, fewer if share < 1 else None)
        counts[name] = len(rows)
    return table(evaluated(models, studies.prepared)).assign(value=counts)


def by_width(studies: Base) -> pd.DataFrame:
    """Networks up to the size of the shipped one; `value` is the number of parameters."""
    models, counts = {}, {}
    for widths in (TINY, studies.recipe.widths, LARGE):
        fitted = studies.train(f"widths {widths[0]}", widths=widths)
        parameters = sum(p.numel() for p in fitted.model.parameters())
        name = f"{parameters / 1e6:.2f} million"
        models[name], counts[name] = fitted, parameters
    return table(evaluated(models, studies.prepared)).assign(value=counts)


def by_size(studies: Base, data: str, images: int | None, sizes=SIZES) -> pd.DataFrame:
    """The same photos prepared at several sizes; the network is trained and measured at each.

    One row per size; `value` is the width in pixels, `of` names the photos.
    """
    rows = []
    for size in sizes:
        prepared = preprocessing.prepare(data, images, size=size)
        fitted = studies.train(prepared.name, groups(prepared), batch_size=SIZES_BATCH)
        found = table(evaluated({f"{size[0]} x {size[1]}": fitted}, prepared))
        rows.append(found.assign(value=size[0], of=Path(data).name))
    return pd.concat(rows)


def by_landscape(studies: Base, elsewhere: PreparedSet) -> pd.DataFrame:
    """Trained here, elsewhere or on both, and tested here or elsewhere: one row each.

    `of` names the test photos.
    """
    models = {
        "here": studies.train("base"),
        "elsewhere": studies.train("elsewhere", groups(elsewhere)),
        "on both": _with_elsewhere(studies, elsewhere),
    }
    rows = []
    for at, prepared in {"here": studies.prepared, "elsewhere": elsewhere}.items():
        found = table(evaluated(models, prepared)).assign(of=prepared.manifest["source"])
        rows.append(found.rename(index=lambda name, at=at: f"trained {name}, tested {at}"))
    return pd.concat(rows)


def everything(studies: Base, elsewhere: PreparedSet | None) -> dict[str, pd.DataFrame]:
    """All studies of a full run.

    Image sizes are tried on rendered streets in a run on rendered streets, otherwise on the
    photos of elsewhere if most of these are large enough.
    """
    found = {
        "heads": by_head(studies),
        "steps": by_step(studies, elsewhere),
        "pretraining": by_pretraining(studies),
        "photos": by_photos(studies),
        "widths": by_width(studies),
    }
    if studies.run.data == "synthetic":
        found["sizes"] = by_size(studies, "synthetic", RENDERED)
    elif elsewhere is not None:
        stored = elsewhere.photos.crop.str.split(" of ").str[1].str.split("x", expand=True)
        if (stored.to_numpy(int) >= SIZES[1]).all(axis=1).mean() > MOST:
            found["sizes"] = by_size(studies, elsewhere.manifest["root"], None, SIZES[:2])
    if elsewhere is not None:
        found["landscapes"] = by_landscape(studies, elsewhere)
    return found


def evaluated(models: dict[str, Fitted], prepared: PreparedSet) -> Evaluation:
    """The mean colors of networks, measured on the test photos of a prepared set."""
    test = prepared.indices("test")
    lightness = prepared.lightness[test]
    colors = {name: [predict(fitted.model, lightness)] for name, fitted in models.items()}
    return evaluation.evaluate(colors, prepared, test)


def table(found: Evaluation, against: dict[str, str] | None = None) -> pd.DataFrame:
    """Models x COLUMNS as numbers, mse_vs_gray with _low and _high.

    against: for each model another one; `change` is the difference of their mse_vs_gray, with its
    paired interval in _low and _high. `tables` turns the result into text.
    """
    kept = found.estimates[list(COLUMNS)].copy()
    limits = np.array([found.interval(model, "mse_vs_gray") for model in kept.index])
    kept = kept.assign(mse_vs_gray_low=limits[:, 0], mse_vs_gray_high=limits[:, 1])
    if against:
        pairs = [found.compare(model, against[model]) for model in kept.index]
        kept[["change", "change_low", "change_high"]] = [(p.value, p.low, p.high) for p in pairs]
    return kept
