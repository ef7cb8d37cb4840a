"""Figures of chapter 3, the training."""

from ..results import Drawing
from . import COLORS, LOSSES, new


def over_published(published, ours: dict, constants: dict, loss: str = "mse") -> Drawing:
    """The report's loss curve and ours, as moving averages of ten batches.

    `ours` holds one array for each seed. `constants` gives, by the names of COLORS, the loss of
    predicting one color everywhere. loss: "mse" or "l1".
    """
    figure, axis = new()
    axis.plot(published, color=COLORS["truth"], label="the report's curve, its photos")
    seeds = f"{len(ours)} seed{'s' * (len(ours) > 1)}"
    for number, averages in enumerate(ours.values()):
        label = None if number else f"the same recipe on our photos ({seeds})"
        axis.plot(averages, color=COLORS["published"], alpha=0.7, label=label)
    styles = {"gray": "--", "mean": ":"}
    words = {"gray": "always gray", "mean": "always the mean color"}
    for name, level in constants.items():
        label = f"{words[name]}, our photos"
        axis.axhline(level, color=COLORS[name], linestyle=styles[name], label=label)
    axis.set_xlabel("batch")
    axis.set_ylabel(f"{LOSSES[loss]}, report's scale,\nmean of ten batches")
    axis.set_ylim(0)
    axis.legend()
    return Drawing(
        figure,
        "published_recipe_loss",
        caption="Loss of the published recipe on our photos, and the curve that the report "
        "published. The photos differ, so the levels cannot be compared. The horizontal lines "
        "are for our training photos.",
        alt="Loss against batch number, 0 to 375. Both curves start with a peak, because "
        "missing batches count as zero. They then fall and flatten out. A dashed line marks the "
        "loss of always gray, and a dotted line that of always the mean color.",
    )


def learning_curves(epochs: dict, gray: float, loss: str = "mse") -> Drawing:
    """Training and validation loss for each epoch, one pair of lines a seed, the best marked.

    `epochs` gives `training.Fitted.epochs` by seed. `gray` is the loss of always gray on the
    validation photos. loss: "mse" or "l1".
    """
    figure, axis = new()
    for number, table in enumerate(epochs.values()):
        first = number == 0
        color = COLORS["colorize_cnn"]
        label = "training photos, during the epoch" if first else None
        axis.plot(table.epoch, table.loss, color=color, alpha=0.4, label=label)
        label = "validation photos, after the epoch" if first else None
        axis.plot(table.epoch, table.validation, color=color, label=label)
        best = table[table.best]
        label = "best epoch, whose weights are used" if first else None
        axis.plot(best.epoch, best.validation, "o", color=COLORS["published"], label=label)
    label = "always gray, validation photos"
    axis.axhline(gray, color=COLORS["gray"], linestyle="--", label=label)
    axis.set_xlabel("epoch: one pass over the training photos")
    axis.set_ylabel(f"{LOSSES[loss]}, report's scale")
    axis.set_ylim(0)
    axis.legend()
    return Drawing(
        figure,
        "learning_curves",
        caption="Learning curves of colorize_cnn, the report's network trained longer, with a "
        "pair of lines for each seed. Training loss is the mean over the batches of an epoch, "
        "during which the weights change.",
        alt="Loss against epoch. Training loss and validation loss fall from the first epochs on "
        "and level off. A dot marks the epoch whose weights are used. A dashed line marks always "
        "gray.",
    )


def unet_curves(losses: dict, validated: dict) -> Drawing:
    """Training loss (means of ten batches) and validation error of street_unet, a line a seed.

    `validated` gives, by seed, the squared error relative to gray as a Series by batch.
    """
    figure, (left, right) = new(1, 2, size=(7.2, 3))
    for values in losses.values():
        left.plot(range(9, 9 + len(values)), values, color=COLORS["street_unet"], alpha=0.7)
    for errors in validated.values():
        right.plot(errors.index, errors, "o-", markersize=3, color=COLORS["street_unet"])
    right.axhline(1, color=COLORS["gray"], linestyle="--", label="always gray")
    left.set(xlabel="batch", ylabel="weighted cross-entropy\n(mean of ten batches)")
    right.set(xlabel="batch", ylabel="error relative to gray", ylim=0)
    right.legend()
    return Drawing(
        figure,
        "street_unet_curves",
        caption="street_unet during training: its loss on augmented photos, and the error of its "
        "mean color on the validation photos, at half their size, where it predicts.",
        alt="Two panels against the batch. Left, the loss falls and flattens. Right, the error "
        "relative to gray on validation photos falls below the dashed line at one.",
    )
