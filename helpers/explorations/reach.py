"""How far a network looks: a pixel's color when the picture beyond a radius is another photo's."""

import numpy as np
import pandas as pd
from torch import nn

from ..intervals import bootstrap, interval
from ..model.predict import predict
from ..preprocessing import PreparedSet

RADII = (0, 1, 2, 4, 8, 12, 16, 32, 64)  # pixels; radius 1 keeps a frame of 3 x 3
ALL = "all"  # the column in which the whole picture is another photo's
RNG = 2016  # of the pixels
MOST = 40  # photos


def changes(model: nn.Module, lightness: np.ndarray, radii=RADII) -> pd.DataFrame:
    """Squared change of one random pixel's color in each photo, in ab units squared.

    lightness: N x H x W (uint8). One column for each radius: lightness further from the pixel, in
    rows or in columns, is that of the photo N / 2 places on. In the column ALL, all of it is.
    """
    count, height, width = lightness.shape
    rng = np.random.default_rng(RNG)
    row, column = (rng.integers(side, size=(count, 1)) for side in (height, width))
    down, across = np.abs(np.arange(height) - row), np.abs(np.arange(width) - column)
    distance = np.maximum(down[:, :, None], across[:, None, :])
    other = np.roll(lightness, count // 2, axis=0)
    seen = {radius: np.where(distance <= radius, lightness, other) for radius in radii}
    at = distance == 0
    own = predict(model, lightness)[at]
    found = {name: predict(model, picture)[at] for name, picture in (seen | {ALL: other}).items()}
    return pd.DataFrame({name: np.square(ab - own).sum(axis=1) for name, ab in found.items()})


def curve(squares: pd.DataFrame, units: pd.Series) -> pd.DataFrame:
    """RMS change by radius relative to that in ALL, with its 95% interval.

    squares: as `changes` returns them. units: of the photos. One row for each radius, columns
    value, low, high. A network whose colors never change has 0.
    """

    def pool(sums: pd.DataFrame) -> pd.DataFrame:
        largest = np.maximum(sums[ALL], np.finfo(float).tiny)
        return np.sqrt(sums.drop(columns=ALL).div(largest, axis=0))

    draws = bootstrap([squares], units, pool)
    values = pool(squares.sum().to_frame().T).iloc[0]
    limits = [interval(draws[radius], units.nunique()) for radius in values.index]
    found = pd.DataFrame(limits, index=values.index.astype(int), columns=["low", "high"])
    found.insert(0, "value", values.to_numpy())
    return found


def curves(networks: dict[str, nn.Module], prepared: PreparedSet) -> dict[str, pd.DataFrame]:
    """The `curve` of each network over at most MOST test photos, evenly spread."""
    rows = prepared.indices("test")
    rows = rows[np.linspace(0, len(rows) - 1, min(MOST, len(rows))).astype(int)]
    units = prepared.units(rows)
    lightness = prepared.lightness[rows]
    return {name: curve(changes(net, lightness), units) for name, net in networks.items()}


def within(curve: pd.DataFrame, share: float) -> int | None:
    """The smallest radius of a curve from which on the change stays below `share`; None if none."""
    above = curve.index[curve.value >= share]
    beyond = curve.index[curve.index > above.max()] if len(above) else curve.index
    return int(beyond.min()) if len(beyond) else None
