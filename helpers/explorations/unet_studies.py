"""What does each part of `street_unet` give, and what would more of something give?

Every study trains the network for equally many batches and differs from the base in what its
name says. All are judged on the test photos. Widths are those of the profile, smaller than what
ships, so that there is time for many.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from .. import color, evaluation, preprocessing
from ..evaluation import Evaluation
from ..model import heads
from ..model.baselines import matching_gain
from ..model.heads import Regression
from ..model.street_unet import OperatingPoint
from ..preprocessing import PreparedSet
from ..results import LARGE, TINY, Run
from ..training import operating, unet_fitting
from ..training.augment import Photos
from ..training.devices import asked
from ..training.fit_unet import CHANGES, Groups, groups
from ..training.unet_fitting import Recipe, Trained

RNG = 2010  # of which places a smaller training set keeps
AT_ONCE = 16  # photos of 112 x 88 in one pass
METRICS = ("mse_vs_gray", "auc", "delta_e", "colorfulness_gap", "chroma_ratio")
MEAN = OperatingPoint()  # the mean color, which has the least square error
HEADS = {  # head, whether rare colors are weighted up
    "bins, weighted": ("bins", True),
    "bins": ("bins", False),
    "L2": ("l2", False),
    "L2, weighted": ("l2", True),
    "L1": ("l1", False),
}
SEVERAL = ("bins, weighted", "L2")  # heads that are trained with every seed of the run
STEPS = {
    "as the base": {},
    "photos as they are": {"changes": "none"},
    "photos cropped and lit otherwise, too": {"changes": "all"},
    "weights not averaged": {"average": 0.0},
    "no look at the whole picture": {"context": False},
}
SHARES = (0.125, 0.25, 0.5, 1.0)  # of the training places
RENDERED = 600  # streets that picture sizes are tried on
SIZES = ((112, 88), (224, 176), (448, 352))  # width and height of a picture


@dataclass(frozen=True)
class Base:
    """What all studies of a run share. Made by `base`."""

    run: Run
    prepared: PreparedSet
    photos: Groups
    recipe: Recipe

    def train(self, name: str, photos: Groups | None = None, **changes) -> Trained:
        """Fit a study, go on with it, or load it; `changes` are those of the recipe."""
        recipe = replace(self.recipe, **changes)
        if photos is None and replace(recipe, seed=self.recipe.seed) == self.recipe:
            name = "base"  # every study that asks for it shares this fit
        photos = photos or self.photos
        file = f"unet-{name}-seed{recipe.seed}".replace(" ", "-").replace(",", "")
        path = self.run.folder / "checkpoints" / f"{file}.pt"
        return unet_fitting.fit(photos.train, photos.extra, recipe, path, asked(), label=name)

    @property
    def test(self) -> np.ndarray:
        return self.prepared.indices("test")


def base(run: Run, prepared: PreparedSet) -> Base:
    """The studies of a run: its photos, and the recipe that each changes in one thing."""
    profile = run.profile
    recipe = Recipe(
        steps=profile.unet_study_batches,
        widths=profile.unet_study_widths,
        seed=run.seed,
        changes=CHANGES,
    )
    return Base(run, prepared, groups(prepared), recipe)


def by_head(studies: Base, names: Iterable[str] = tuple(HEADS)) -> pd.DataFrame:
    """Heads and weights, each read twice: as faithful, and as colorful, as it can be.

    Bins at the two points of `operating.choose`; a regression as it is, and times the constant
    that gives the validation photos their true mean chroma. Models are "<head>: faithful" and
    "<head>: colorful"; `change` is against the first head in the same reading.
    """
    names, validation, predictions = tuple(names), studies.photos.validation, {}
    lightness = studies.prepared.lightness[studies.test]
    for name in names:
        head, weighted = HEADS[name]
        seeds = studies.run.seeds if name in SEVERAL else studies.run.seeds[:1]
        for seed in seeds:
            model = studies.train(f"head {name}", head=head, weighted=weighted, seed=seed).model
            for reading, point in _points(model, validation).items():
                key = f"{name}: {reading}"
                predictions.setdefault(key, []).append(predict(model, lightness, point))
    found = evaluation.evaluate(predictions, studies.prepared, studies.test)
    against = {key: f"{names[0]}: {key.split(': ')[1]}" for key in predictions}
    return table(found, against).assign(seeds={key: len(s) for key, s in predictions.items()})


def _points(model, validation: Photos) -> dict[str, OperatingPoint]:
    lightness, truth = validation.lightness.numpy(), validation.ab.numpy()
    if isinstance(model, Regression):
        gain = matching_gain(predict(model, lightness), truth)
        return {"faithful": MEAN, "colorful": OperatingPoint(gain=gain)}
    points = operating.choose(model, lightness, truth)
    return {"faithful": points["street_unet_accurate"], "colorful": points["street_unet"]}


def by_step(studies: Base, elsewhere: PreparedSet | None = None) -> pd.DataFrame:
    """The base with each part of its recipe left out; and with photos of elsewhere added."""
    models = {name: studies.train(name, **change) for name, change in STEPS.items()}
    if elsewhere is not None:
        added = replace(studies.photos, extra=groups(elsewhere).train)
        models["photos of elsewhere as well"] = studies.train("with elsewhere", added)
    return table(judge(models, studies.prepared), dict.fromkeys(models, "as the base"))


def by_photos(studies: Base) -> pd.DataFrame:
    """The base on shares of the training places; `value` is how many photos that is."""
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
    return table(judge(models, studies.prepared)).assign(value=counts)


def by_width(studies: Base) -> pd.DataFrame:
    """Networks up to the size of the one that ships; `value`: how many numbers they learn."""
    models, counts = {}, {}
    for widths in (TINY, studies.recipe.widths, LARGE):
        trained = studies.train(f"widths {widths[0]}", widths=widths)
        learned = sum(p.numel() for p in trained.model.parameters())
        name = f"{learned / 1e6:.2f} million"
        models[name], counts[name] = trained, learned
    return table(judge(models, studies.prepared)).assign(value=counts)


def by_size(
    studies: Base, data: str, images: int | None, sizes=SIZES, batch: int = 4
) -> pd.DataFrame:
    """The same photos prepared at several sizes, the network trained and judged at each.

    Batches are small, so that a large picture fits in the time. One row a size; `of` names the
    photos.
    """
    rows = []
    for size in sizes:
        prepared = preprocessing.prepare(data, images, size=size)
        trained = studies.train(prepared.name, groups(prepared), batch=batch)
        found = table(judge({f"{size[0]} x {size[1]}": trained}, prepared))
        rows.append(found.assign(value=size[0], of=Path(data).name))
    return pd.concat(rows)


def by_landscape(studies: Base, elsewhere: PreparedSet) -> pd.DataFrame:
    """Trained here, elsewhere or on both, and tried here or elsewhere: one row each.

    `of` names the photos that it was tried on.
    """
    both = replace(studies.photos, extra=groups(elsewhere).train)
    models = {
        "here": studies.train("base"),
        "elsewhere": studies.train("elsewhere", groups(elsewhere)),
        "both": studies.train("with elsewhere", both),
    }
    tried = {"here": studies.prepared, "elsewhere": elsewhere}
    rows = []
    for at, prepared in tried.items():
        found = table(judge(models, prepared)).assign(of=prepared.manifest["source"])
        rows.append(found.rename(index=lambda name, at=at: f"trained {name}, tried {at}"))
    return pd.concat(rows)


def everything(studies: Base, elsewhere: PreparedSet | None) -> dict[str, pd.DataFrame]:
    """Every study of a full run. Larger pictures are rendered ones in a run on rendered streets,
    else those of elsewhere, as far as they are large enough.
    """
    found = {
        "heads": by_head(studies),
        "steps": by_step(studies, elsewhere),
        "photos": by_photos(studies),
        "widths": by_width(studies),
    }
    if studies.run.data == "synthetic":
        found["sizes"] = by_size(studies, "synthetic", RENDERED)
    elif elsewhere is not None:
        found["sizes"] = by_size(studies, elsewhere.manifest["root"], None, SIZES[:2])
    if elsewhere is not None:
        found["landscapes"] = by_landscape(studies, elsewhere)
    return found


def judge(models: dict[str, Trained], prepared: PreparedSet) -> Evaluation:
    """The mean color of networks on the test photos of a prepared set."""
    test = prepared.indices("test")
    lightness = prepared.lightness[test]
    colors = {name: [predict(trained.model, lightness)] for name, trained in models.items()}
    return evaluation.evaluate(colors, prepared, test)


def predict(model, lightness: np.ndarray, point: OperatingPoint = MEAN) -> np.ndarray:
    """ab (N x H x W x 2, ab units) for lightness (uint8, N x H x W)."""
    pixels = lightness.shape[1] * lightness.shape[2]
    at_once = max(1, AT_ONCE * 112 * 88 // pixels)
    parts = []
    for start in range(0, len(lightness), at_once):
        light = color.load_lightness(lightness[start : start + at_once]) / 100
        ab = heads.colors(model, torch.from_numpy(light)[:, None], point)
        parts.append(ab.permute(0, 2, 3, 1).numpy())
    return np.concatenate(parts)


def table(found: Evaluation, against: dict[str, str] | None = None) -> pd.DataFrame:
    """Models x METRICS as numbers, mse_vs_gray with _low and _high; for figures and records.

    against: for each model another one; `change` is the difference of their mse_vs_gray, with its
    paired interval in _low and _high. `study_tables` turns it into text.
    """
    kept = found.estimates[list(METRICS)].copy()
    limits = np.array([found.interval(model, "mse_vs_gray") for model in kept.index])
    kept = kept.assign(mse_vs_gray_low=limits[:, 0], mse_vs_gray_high=limits[:, 1])
    if against:
        pairs = [found.compare(model, against[model]) for model in kept.index]
        kept[["change", "change_low", "change_high"]] = [(p.value, p.low, p.high) for p in pairs]
    return kept
