"""Figures of the training. Takes curves and draws them, computes nothing."""

from . import COLORS, new


def over_published(published, ours: dict, constants: dict):
    """Moving averages of ten batches as the report drew them: its curve and ours, one a seed.

    `constants` gives, by the names of COLORS, the loss of always predicting one color.
    """
    figure, axis = new()
    axis.plot(published, color=COLORS["truth"], label="the report's curve, its photos")
    for number, averages in enumerate(ours.values()):
        label = f"the same recipe on our photos ({len(ours)} seeds)".replace(
            "(1 seeds)", "(1 seed)"
        )
        axis.plot(averages, color=COLORS["published"], alpha=0.7, label=None if number else label)
    styles = {"gray": "--", "mean": ":"}
    words = {"gray": "always gray", "mean": "always the mean color"}
    for name, loss in constants.items():
        label = f"{words[name]}, our photos"
        axis.axhline(loss, color=COLORS[name], linestyle=styles[name], label=label)
    axis.set_xlabel("batch")
    axis.set_ylabel("MSE, report's scale, mean of ten batches")
    axis.set_ylim(0)
    axis.legend()
    return figure


def learning_curves(epochs: dict, gray: float):
    """Training and validation loss of each epoch, one pair of lines a seed, the best marked.

    `epochs` gives training.Fitted.epochs by seed; `gray` is gray's loss on the validation photos.
    """
    figure, axis = new()
    for number, table in enumerate(epochs.values()):
        first = number == 0
        color = COLORS["colorize_cnn"]
        label = "training photos, while they trained" if first else None
        axis.plot(table.epoch, table.loss, color=color, alpha=0.4, label=label)
        label = "validation photos" if first else None
        axis.plot(table.epoch, table.validation, color=color, label=label)
        best = table[table.best]
        label = "kept: the best epoch" if first else None
        axis.plot(best.epoch, best.validation, "o", color=COLORS["published"], label=label)
    label = "always gray, validation photos"
    axis.axhline(gray, color=COLORS["gray"], linestyle="--", label=label)
    axis.set_xlabel("epoch: one pass over the training photos")
    axis.set_ylabel("MSE, report's scale")
    axis.set_ylim(0)
    axis.legend()
    return figure


def unet_curves(losses: dict, validated: dict):
    """Training loss (means of ten batches) and validation error of street_unet, a line a seed.

    `losses` gives values by seed, `validated` by seed the square error over gray's by batch.
    """
    figure, (left, right) = new(1, 2, size=(7.2, 3))
    for values in losses.values():
        left.plot(range(9, 9 + len(values)), values, color=COLORS["street_unet"], alpha=0.7)
    for errors in validated.values():
        right.plot(errors.keys(), errors.values(), "o-", markersize=3, color=COLORS["street_unet"])
    right.axhline(1, color=COLORS["gray"], linestyle="--", label="always gray")
    left.set(xlabel="batch", ylabel="weighted cross-entropy\n(mean of ten batches)")
    right.set(xlabel="batch", ylabel="square error, multiples of gray's", ylim=0)
    right.legend()
    return figure
