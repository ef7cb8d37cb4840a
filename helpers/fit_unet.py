"""How is `street_unet` trained, and how are the shipped weights made again?

    python -m helpers.fit_unet ../shared/photos/streetview-thumbnails \\
        --extra ../shared/photos/cambridge-256 --output data/weights/street_unet.safetensors

Cross-entropy over soft-encoded bins, rare bins weighted up; AdamW at a rate that rises, stays
and falls; weights averaged over the last steps; photos mirrored, cropped and their lightness
changed. Each step draws its photos and changes from a seed of its own, so that a run killed and
started again ends as if it had never stopped. Of each set the training stretches alone are
used, and the operating points are chosen on the validation stretches of the first.
"""

import argparse
import platform
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from . import augment, bins, checkpoint, operating, paths, preprocessing, street_unet
from .augment import Photos, halve, join, vary
from .fitting import keep_memory
from .preprocessing import PreparedSet
from .progress import bar
from .street_unet import StreetUnet

CORNERS = (0, 99, 600, 720, 830)  # steps between which the rate is a straight line
HEIGHTS = (0.01, 1, 1, 0.7, 0)  # of the recipe's rate


@dataclass(frozen=True)
class Recipe:
    """What decides a training run; the defaults made the shipped weights.

    rate, decay: AdamW's. average: how much the running average of the weights keeps per step.
    extra_share: part of a batch that comes from the extra photos.
    """

    steps: int = 830
    batch: int = 16
    rate: float = 2e-3
    decay: float = 0.05
    average: float = 0.998
    extra_share: float = 0.375
    dropout: float = 0.1
    seed: int = 0


def loss_of(logits: Tensor, ab: Tensor, table: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy of logits (B x Q x h x w) against ab (B x 2 x h x w), rare bins weighted up.

    table (65536 x Q): `bins.encoding_table`; weights (Q): `bins.class_weights`. The logits are
    those of the plain posterior: adding log w before weighting by w leaves the minimum there,
    and moves the effort to rare colors.
    """
    flat = logits.permute(0, 2, 3, 1).reshape(-1, logits.shape[1])
    soft = table[bins.table_rows(ab.permute(0, 2, 3, 1).reshape(-1, 2))]
    return F.cross_entropy(flat + weights.log(), soft, weight=weights)


def new_model(sets: list[Photos], dropout: float) -> StreetUnet:
    """A network whose bins and prior are those of the training photos, and which predicts it."""
    half = torch.cat([halve(photos.ab).permute(0, 2, 3, 1).reshape(-1, 2) for photos in sets])
    centers = bins.used_centers((half + 128).round().to(torch.uint8).numpy())
    prior = bins.prior(bins.table_rows(half), bins.encoding_table(centers))
    model = StreetUnet(centers, prior, dropout=dropout)
    with torch.no_grad():
        model.head.bias.copy_(prior.clamp_min(1e-6).log())
        model.head.weight.mul_(0.1)
    return model


def averaged(model: StreetUnet, decay: float) -> AveragedModel:
    """A running average of weights and batch statistics that forgets its start."""

    def update(average, current, count):
        keep = min(decay, (int(count) + 1) / (int(count) + 10))
        for old, new in zip(average, current):
            old.lerp_(new, 1 - keep) if old.is_floating_point() else old.copy_(new)

    return AveragedModel(model, multi_avg_fn=update, use_buffers=True).eval()


def rate_at(step: int, recipe: Recipe) -> float:
    """Learning rate of a step: it rises, stays, falls slowly and then fast, to about 0.

    The corners are those of the shipped run; a run of another length keeps their shares.
    """
    return recipe.rate * float(np.interp(step * CORNERS[-1] / recipe.steps, CORNERS, HEIGHTS))


@torch.random.fork_rng(devices=[])
def fit(
    photos: Photos,
    extra: Photos | None,
    recipe: Recipe,
    path: str | Path | None = None,
    device: str | torch.device = "cpu",
) -> StreetUnet:
    """Train and return the averaged network, in evaluation mode on the CPU.

    path: the checkpoint, written every few seconds and at Ctrl-C; a run that finds one of the
    same photos, recipe and code continues from it and ends with the same weights.
    """
    keep_memory()
    torch.manual_seed(recipe.seed)
    model = new_model([photos, extra] if extra else [photos], recipe.dropout)
    data = [(x.lightness.numpy(), x.ab.numpy()) for x in (photos, extra) if x]
    data = [checkpoint.fingerprint(*x, rows=np.arange(len(x[0]))) for x in data]
    code = [Path(module).read_text() for module in (__file__, augment.__file__, bins.__file__)]
    key = checkpoint.key(model, recipe=asdict(recipe), data=data, code=code)
    model = model.to(device)
    table = bins.encoding_table(model.centers.cpu()).to(device)
    weights = bins.class_weights(model.prior)
    average = averaged(model, recipe.average)
    kernels = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": kernels}, {"params": others, "weight_decay": 0}]
    optimizer = torch.optim.AdamW(groups, weight_decay=recipe.decay, betas=(0.9, 0.99))
    parts = {"model": model, "average": average, "optimizer": optimizer}
    done = 0
    if path is not None and (kept := checkpoint.load(Path(path), key)):
        done = kept["done"]
        for name, part in parts.items():
            part.load_state_dict(kept[name])
    few = round(recipe.batch * recipe.extra_share) if extra else 0
    model.train()
    steps = bar(total=recipe.steps, initial=done, desc="street_unet", unit="batch", leave=False)
    with checkpoint.pace() as pace, steps:
        while done < recipe.steps and not pace.interrupted:
            torch.manual_seed(recipe.seed * 1_000_003 + done)
            batches = [photos.pick(recipe.batch - few)] + ([extra.pick(few)] if few else [])
            lightness, ab = vary(*(torch.cat(x) for x in zip(*batches)))
            loss = loss_of(model(lightness.to(device)), ab.to(device), table, weights)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            for group in optimizer.param_groups:
                group["lr"] = rate_at(done, recipe)
            optimizer.step()
            average.update_parameters(model)
            done += 1
            steps.update()
            if path is not None and (done == recipe.steps or pace.due()):
                state = {name: part.state_dict() for name, part in parts.items()}
                checkpoint.save(Path(path), key, state | {"done": done})
    return average.module.cpu().eval()


def fit_sets(
    main: PreparedSet, extra: PreparedSet | None, recipe: Recipe, path: str | Path | None = None
) -> tuple[StreetUnet, dict, dict[str, street_unet.OperatingPoint]]:
    """Train on prepared sets; the network, what is known about it, and its operating points.

    Photos that `main` itself marks as extra count as such. Raises ValueError where a split that
    is needed is empty.
    """
    own = ~main.photos.extra.to_numpy()
    train = (main.photos.split == "train").to_numpy()
    groups = [Photos.of(main, np.flatnonzero(train & own))]
    others = [Photos.of(main, np.flatnonzero(train & ~own))]
    if extra is not None:
        others.append(Photos.of(extra, extra.indices("train")))
    others = [photos for photos in others if len(photos.hashes)]
    validation = Photos.of(main, main.indices("validation"))
    if not (groups[0].hashes and validation.hashes):
        raise ValueError(f"{main.name} has no training or no validation photos: give more places")
    began = time.monotonic()
    model = fit(groups[0], join(others), recipe, path)
    seconds = time.monotonic() - began
    points = operating.choose(model, validation.lightness.numpy(), validation.ab.numpy())
    half = halve(groups[0].ab)
    meta = {
        "data": [main.name] + ([extra.name] if extra is not None else []),
        "geometry": {"size": main.manifest["size"], "factor": main.manifest["factor"]},
        "training_mean_ab": half.mean(dim=(0, 2, 3)).tolist(),
        "training_photos": [h for photos in groups + others for h in photos.hashes],
        "validation_photos": list(validation.hashes),
        "recipe": asdict(recipe),
        "seconds": round(seconds),
        "torch": torch.__version__,
        "machine": platform.machine(),
    }
    return model, meta, points


def main(arguments: list[str] | None = None):
    """The command line: `python -m helpers.fit_unet --help`."""
    parser = argparse.ArgumentParser(
        prog="python -m helpers.fit_unet",
        description="Train street_unet on photos and write its weights.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("data", help="synthetic, streetview, or a folder of photos")
    parser.add_argument("--extra", help="a folder of further training photos")
    parser.add_argument("--images", type=int, help="at most so many photos of the first")
    parser.add_argument("--output", required=True, type=Path, help="the .safetensors file to write")
    for field in fields(Recipe):
        option = "--" + field.name.replace("_", "-")
        parser.add_argument(option, type=field.type, default=field.default, help="of the recipe")
    options = parser.parse_args(arguments)
    recipe = Recipe(**{field.name: getattr(options, field.name) for field in fields(Recipe)})
    try:
        prepared = preprocessing.prepare(options.data, images=options.images)
        extra = preprocessing.prepare(options.extra) if options.extra else None
        kept = paths.BUILD / "fit_unet" / f"{options.output.stem}.pt"
        model, meta, points = fit_sets(prepared, extra, recipe, kept)
        street_unet.save(options.output, model, meta, points)
    except (ValueError, OSError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, f"{parser.prog}: stopped; the same command goes on from {kept}\n")
    print(f"wrote {options.output}; python -m helpers.evaluation {options.data} measures it")


if __name__ == "__main__":
    main()
