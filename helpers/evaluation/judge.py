"""A second judge that does not reward gray: an ImageNet classifier that no training here has seen.

Squared error rewards dull colors where the true color is uncertain. The classifier (EfficientNet
lite2, `model.efficientnet`) only asks whether a colored photo still looks like the original to it:
whether it names the same class (after Zhang, Isola, Efros, 2016), and how far its features of all
colored photos are from those of the originals (Frechet distance: Heusel et al., 2017). It learned
from photos in color, so missing color counts against a photo. A wrong color that looks natural to
it costs little. It learned from the same photos as lite0: a network that starts from lite0 may
share habits with it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from tqdm import tqdm

from .. import color
from ..intervals import as_text, bootstrap, interval
from ..model.efficientnet import Classifier, pretrained

SIZE = 260  # pixels a side, for which lite2 was trained
BATCH = 4  # photos in one pass; larger ones are no faster on a CPU
LABELS = {
    "same_class": "same class as original, share",
    "more_than_gray": "same class, difference from gray",
    "frechet": "Fréchet distance",
}
MIRRORED = "ground truth, mirrored"


@dataclass(frozen=True)
class Judgement:
    """Models judged by the classifier on the same photos. Made by `by_classifier`.

    values: models x (same_class: share of photos, 0..1; more_than_gray: the same minus that of
    gray, -1..1; each with its 95% confidence interval, _low and _high; frechet: 0 or more).
    """

    values: pd.DataFrame
    units: pd.Series  # what was resampled, a label a photo, as of `split.units`

    def as_results(self) -> dict:
        """For results.json: {"photos", "unit", "models": {model: {same_class, ..., frechet}}}."""
        rows = self.values.astype(object).where(np.isfinite(self.values), None)
        models = rows.to_dict(orient="index")
        return {"photos": len(self.units), "unit": self.units.name, "models": models}

    def table(self) -> pd.DataFrame:
        """Models x LABELS as text, "value [low, high]"; the Frechet distance has no interval."""
        columns = {LABELS["same_class"]: self._texts("same_class", "")}
        columns[LABELS["more_than_gray"]] = self._texts("more_than_gray", "+")
        columns[LABELS["frechet"]] = [f"{value:.2f}" for value in self.values.frechet]
        return pd.DataFrame(columns, index=self.values.index)

    def note(self) -> str:
        """Two sentences: what the classifier judged, and its values for mirrored photos."""
        share, distance = self.values.loc[MIRRORED, ["same_class", "frechet"]]
        return (
            f"A classifier judged {len(self.units)} of these photos: the share with the class of "
            f"the original, and the distance of the features from the originals'. Mirrored "
            f"originals have {share:.2f} and {distance:.2f}."
        )

    def _texts(self, name: str, sign: str) -> list[str]:
        parts = self.values[[name, f"{name}_low", f"{name}_high"]]
        return [as_text(tuple(row), 2, sign) for row in parts.to_numpy()]


def by_classifier(
    predictions: dict[str, np.ndarray],
    lightness: np.ndarray,
    truth: np.ndarray,
    units: pd.Series,
    classifier: Classifier | None = None,
) -> Judgement:
    """Compare what a classifier sees in colored photos with what it sees in the originals.

    predictions: per model ab units, N x H x W x 2. lightness N x H x W and truth N x H x W x 2, as
    stored (uint8). units: as of `split.units`, for the intervals. classifier: lite2 by default.
    Gray (a = b = 0) and the mirrored ground truth are added. The latter has perfect colors, so its
    distance from 1 and from 0 is the classifier's own sensitivity to what should not matter.
    About 0.1 s a photo and model on one core. Raises ValueError for fewer than two photos, and what
    `pretrained` raises.
    """
    if len(lightness) < 2:
        raise ValueError(f"two photos or more are needed to compare features, not {len(lightness)}")
    classifier = classifier or pretrained("lite2")
    colors = {"gray": np.broadcast_to(np.float32(0), truth.shape)} | predictions
    original = color.load_ab(truth)
    classes, features = seen(classifier, lightness, original, "ground truth")
    views = {name: seen(classifier, lightness, ab, name) for name, ab in colors.items()}
    views[MIRRORED] = seen(classifier, lightness[:, :, ::-1], original[:, :, ::-1], MIRRORED)
    same = pd.DataFrame({name: named == classes for name, (named, _) in views.items()}, dtype=float)
    minus_gray = same.sub(same.gray, axis=0)
    values = _share(same, units, "same_class").join(_share(minus_gray, units, "more_than_gray"))
    values["frechet"] = [frechet(found, features) for _, found in views.values()]
    return Judgement(values, units)


@torch.inference_mode()
def seen(
    classifier: Classifier, lightness: np.ndarray, ab: np.ndarray, name: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The class (N, of 1000) and the features (N x 1280) that a classifier finds in photos.

    lightness: uint8, N x H x W (2.55 L). ab: ab units, N x H x W x 2. name: of the progress bar.
    The classifier reads 8-bit sRGB, value / 127.5 - 1. The whole photo is resized to SIZE x SIZE
    (bilinear), without a crop; a photo of 14:11 becomes narrower by a fifth.
    """
    classifier = classifier.to(memory_format=torch.channels_last)
    device = next(classifier.parameters()).device
    classes, features = [], []
    for start in tqdm(range(0, len(lightness), BATCH), f"judging {name}", leave=False):
        part = slice(start, start + BATCH)
        rgb = color.join_lab(color.load_lightness(lightness[part]), ab[part])
        x = torch.from_numpy(rgb).to(device).permute(0, 3, 1, 2).float()
        x = F.interpolate(x, (SIZE, SIZE), mode="bilinear", antialias=True)
        logits, found = classifier(x / 127.5 - 1)
        classes.append(logits.argmax(dim=1).cpu().numpy())
        features.append(found.cpu().numpy())
    return np.concatenate(classes), np.concatenate(features)


def frechet(features: np.ndarray, others: np.ndarray) -> float:
    """The Frechet distance between normal laws with the means and covariances of two samples.

    features N x D and others M x D; 0 or more, in squared units of the features. As Heusel et al.
    (2017) define it: |m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1 C2)^(1/2)). With C = A^T A, the last
    trace is the sum of the singular values of A1 A2^T (N x M). So no root of a D x D matrix is
    needed, which would be singular for fewer photos than features.

    It depends on the number of photos, and on the classifier. Compare only models on the same
    photos, and never with values from elsewhere. Raises ValueError for fewer than two rows.
    """
    if min(len(features), len(others)) < 2:
        raise ValueError("the covariance of features needs two photos or more")
    one, two = (np.asarray(x, np.float64) for x in (features, others))
    means = one.mean(axis=0), two.mean(axis=0)
    a, b = ((x - mean) / np.sqrt(len(x) - 1) for x, mean in zip((one, two), means))
    overlap = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    distance = np.square(means[0] - means[1]).sum() + (a**2).sum() + (b**2).sum() - 2 * overlap
    return max(0.0, float(distance))


def sample(count: int, most: int) -> np.ndarray:
    """Positions of at most `most` of `count` photos, chosen at random once for all, in order."""
    return np.sort(np.random.default_rng(0).permutation(count)[:most])


def _share(of_photos: pd.DataFrame, units: pd.Series, name: str) -> pd.DataFrame:
    """The mean over photos of each column, and its 95% interval: columns x name, _low, _high."""
    sums = of_photos.assign(photos=1.0)

    def pool(s: pd.DataFrame) -> pd.DataFrame:
        return s[of_photos.columns].div(s.photos, axis=0)

    draws = bootstrap([sums], units, pool)
    rows = {}
    for column, value in of_photos.mean().items():
        low, high = interval(draws[column], units.nunique())
        rows[column] = {name: float(value), f"{name}_low": low, f"{name}_high": high}
    return pd.DataFrame.from_dict(rows, orient="index")
