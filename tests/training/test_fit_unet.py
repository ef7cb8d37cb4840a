"""The recipe: what it learns, what augmentation keeps, and that it goes on where it stopped."""

import math
import shutil
import threading
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from helpers.model import bins, heads, street_unet
from helpers.preprocessing import PreparedSet
from helpers.training import augment, checkpoint, distributed, fit_unet, unet_fitting
from helpers.training.augment import Photos
from helpers.training.unet_fitting import Recipe

WIDTHS = (8, 8, 8, 8)


def scenes(count=12, seed=0):
    """Photos whose upper half is light and blue and whose lower half is dark and yellow."""
    torch.manual_seed(seed)
    lightness = torch.randint(30, 90, (count, 32, 32), dtype=torch.uint8)
    lightness[:, :16] += 130
    ab = torch.full((count, 32, 32, 2), 128, dtype=torch.uint8)
    ab[:, :16, :, 1] -= 30
    ab[:, 16:, :, 1] += 20
    return Photos(lightness, ab)


def test_colors_are_halved_by_averaging():
    ab = torch.randint(0, 256, (3, 6, 8, 2), dtype=torch.uint8)
    expected = ab[1, 2:4, 4:6].float().mean(dim=(0, 1)) - 128
    assert torch.allclose(augment.halve(ab)[1, :, 1, 2], expected)


def test_augmentation_moves_color_with_lightness():
    """Where lightness tells the color, it still does after mirroring and cropping."""
    torch.manual_seed(1)
    ramp = torch.linspace(0.2, 0.8, 64).expand(64, 1, 64, 64)
    lightness, ab = augment.vary(ramp, F.avg_pool2d(ramp, 2).expand(64, 2, 32, 32))
    lightness = F.avg_pool2d(lightness, 2)
    for light, color in zip(lightness, ab):
        pair = torch.stack([light[0].flatten(), color[0].flatten()])
        assert torch.corrcoef(pair)[0, 1] > 0.97
    assert (ab[:, 0, 0, 0] > ab[:, 0, 0, -1]).float().mean().item() == pytest.approx(0.5, abs=0.25)


def test_augmentation_keeps_lightness_in_range_and_colors_as_they_are():
    lightness, ab = augment.vary(torch.rand(32, 1, 16, 16), torch.full((32, 2, 8, 8), 37.0))
    assert lightness.min() >= 0 and lightness.max() <= 1
    assert torch.allclose(ab, torch.tensor(37.0))


def test_a_photo_is_picked_with_its_own_colors_and_lightness_up_to_one():
    torch.manual_seed(0)
    number = torch.arange(0, 256, 5, dtype=torch.uint8)[:, None, None]
    ab = number[..., None].expand(52, 4, 4, 2)
    lightness, ab = Photos(number.expand(52, 4, 4), ab).pick(300)
    assert lightness.shape == (300, 1, 4, 4) and ab.shape == (300, 2, 2, 2)
    assert torch.allclose(255 * lightness[:, 0, 0, 0], ab[:, 0, 0, 0] + 128, atol=1e-3)
    assert lightness.unique().numel() == 52 and lightness.max() == 1


def test_mirroring_alone_turns_every_other_photo_its_lightness_and_color_alike():
    torch.manual_seed(0)
    light, ab = torch.rand(1, 6, 8).expand(400, 1, 6, 8), torch.rand(2, 3, 4).expand(400, 2, 3, 4)
    pairs = list(zip(augment.vary(light, ab, "mirror"), (light, ab)))
    turned, turned_too = ((x == y.flip(-1)).flatten(1).all(1) for x, y in pairs)
    kept, kept_too = ((x == y).flatten(1).all(1) for x, y in pairs)
    assert torch.equal(turned, turned_too) and torch.equal(kept, kept_too)
    assert torch.equal(turned, ~kept)
    assert turned.float().mean().item() == pytest.approx(0.5, abs=0.1)
    assert all(x is y for x, y in zip(augment.vary(light, ab, "none"), (light, ab)))


def test_three_photos_in_ten_are_as_large_as_before_but_for_their_shape():
    torch.manual_seed(0)
    ramp = torch.linspace(-1, 1, 32).expand(32, 32)
    ramps = torch.stack([ramp, ramp.T]).expand(600, 2, 32, 32)
    _, found = augment.vary(torch.rand(600, 1, 32, 32), ramps)
    span = (found.amax(dim=(2, 3)) - found.amin(dim=(2, 3))) / 2  # across and down
    whole = (span.amax(dim=1) > 0.999).float().mean().item()
    assert whole == pytest.approx(0.3 + 0.7 * 0.12, abs=0.06)  # 0.12: by their shape alone
    assert span.min() > 0.6 * math.exp(-0.1) - 0.03


def test_the_loss_is_that_of_a_loop():
    centers = bins.gamut_centers()[::9]
    table = bins.encoding_table(centers)
    weights = bins.class_weights(torch.rand(len(centers)).softmax(0))
    logits, ab = torch.randn(2, len(centers), 2, 3), torch.randint(-50, 50, (2, 2, 2, 3)).float()
    total = 0.0
    for b in range(2):
        for y in range(2):
            for x in range(3):
                shares = torch.softmax(logits[b, :, y, x] + weights.log(), dim=0)
                soft = bins.soft_encode(ab[b, :, y, x][None], centers)[0]
                total -= sum(w * t * math.log(p) for w, t, p in zip(weights, soft, shares))
    found = heads.cross_entropy(logits, ab, table, weights)
    assert found.item() == pytest.approx(float(total) / 12, rel=1e-4)


def test_the_weighted_loss_is_smallest_at_the_plain_posterior():
    """So one network answers both with and without the weights."""
    centers = torch.tensor([[0.0, 0.0], [60.0, 0.0]])
    table = bins.encoding_table(centers)
    weights = torch.tensor([0.5, 5.0])
    ab = torch.zeros(1, 2, 1, 10)
    ab[0, 0, 0, :2] = 60  # one in five
    logits = torch.zeros(1, 2, 1, 1, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=100)

    def closure():
        optimizer.zero_grad()
        loss = heads.cross_entropy(logits.expand(1, 2, 1, 10), ab, table, weights)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert torch.softmax(logits, dim=1)[0, 1].item() == pytest.approx(0.2, abs=0.01)


def test_a_fresh_network_predicts_about_the_prior():
    model = heads.new_model([scenes()], dropout=0.0).eval()
    shares = torch.softmax(model(torch.rand(4, 1, 32, 32)), dim=1).mean(dim=(0, 2, 3))
    assert torch.allclose(shares, model.prior, atol=0.1)


def test_the_rate_rises_stays_and_falls_to_nothing():
    recipe = Recipe(steps=1660, rate=2.0)
    rates = [unet_fitting.rate_at(step, recipe) for step in range(1660)]
    assert rates[0] == pytest.approx(0.02)
    assert rates[198] == rates[1200] == 2.0
    assert rates[1440] == pytest.approx(1.4)
    assert all(later < earlier for earlier, later in pairwise(rates[1200:]))
    assert rates[-1] < 0.01


def test_an_average_forgets_its_start_and_keeps_batch_statistics_too():
    norm, expected = torch.nn.BatchNorm1d(1), 0.0
    average = unet_fitting.averaged(norm, 0.2)
    for count, value in enumerate([8.0, 1.0, 5.0, 3.0]):
        keep = min(0.2, (count + 1) / (count + 10)) if count else 0
        expected = keep * expected + (1 - keep) * value
        torch.nn.init.constant_(norm.weight, value)
        norm.running_mean.fill_(value)
        norm.num_batches_tracked += 1
        average.update_parameters(norm)
    assert average.module.weight.item() == pytest.approx(expected)
    assert average.module.running_mean.item() == pytest.approx(expected)
    assert average.module.num_batches_tracked == 4


def test_the_error_is_that_of_all_photos_at_once_over_grays():
    photos = scenes(35)
    model = heads.new_model([photos], widths=WIDTHS, head="l2").eval()
    output = heads.at_half(model, photos.lightness[:, None] / 255)
    truth = photos.ab[:, ::2, ::2].permute(0, 3, 1, 2).float() - 128  # even within each 2 x 2
    expected = (output - truth).square().mean() / truth.square().mean()
    assert unet_fitting.error(model, photos) == pytest.approx(expected.item(), rel=1e-4)
    torch.nn.init.zeros_(model.head.weight)  # the mean, -5, where -30 and 20 are true
    assert unet_fitting.error(model, photos) == pytest.approx(625 / 650, rel=1e-4)


def test_the_average_is_validated_on_the_way_and_kernels_alone_decay():
    photos, seen = scenes(4), {}
    recipe = Recipe(steps=8, batch=2, widths=WIDTHS, decay=0.3)
    trained = unet_fitting.fit(photos, None, recipe, validation=photos)
    assert list(trained.validated) == list(range(1, 9))
    assert trained.validated[8] == pytest.approx(unet_fitting.error(trained.model, photos))
    assert trained.key != unet_fitting.fit(photos, None, recipe, validation=scenes(5)).key
    optimizer = unet_fitting._optimizer(trained.model, recipe, False)
    for group in optimizer.param_groups:
        seen |= {parameter.ndim > 1: group["weight_decay"] for parameter in group["params"]}
    assert seen == {True: 0.3, False: 0}


def test_extra_photos_have_their_share_of_a_batch(monkeypatch):
    picked, plain = [], Photos.pick

    def noted(photos, count):
        picked.append((*photos.hashes, count))
        return plain(photos, count)

    monkeypatch.setattr(Photos, "pick", noted)
    own, extra = (replace(scenes(4), hashes=(name,)) for name in ("own", "extra"))
    unet_fitting.fit(own, extra, Recipe(steps=1, batch=8, extra_share=0.375, widths=WIDTHS))
    assert picked == [("own", 5), ("extra", 3)]


def test_every_batch_and_every_seed_draws_photos_of_its_own(monkeypatch):
    drawn, plain = [], Photos.pick

    def noted(photos, count):
        drawn.append(plain(photos, count))
        return drawn[-1]

    monkeypatch.setattr(Photos, "pick", noted)
    for seed in (0, 1):
        unet_fitting.fit(scenes(), None, Recipe(steps=2, batch=4, seed=seed, widths=WIDTHS))
    batches = {tuple(lightness.flatten().tolist()) for lightness, _ in drawn}
    assert len(batches) == 4


def test_it_learns_that_light_is_sky():
    recipe = Recipe(steps=30, batch=4, extra_share=0.0)
    model = unet_fitting.fit(scenes(), None, recipe).model
    photos = scenes(4, seed=5)
    ab, _ = street_unet.predict(model, photos.lightness[:, None] / 255)
    truth = photos.ab.permute(0, 3, 1, 2).float() - 128
    assert (ab - truth).square().mean() < 0.5 * truth.square().mean()


def test_a_run_that_was_stopped_ends_with_the_same_weights(tmp_path, monkeypatch):
    recipe = Recipe(steps=6, batch=2, extra_share=0.5)
    whole = unet_fitting.fit(scenes(), scenes(seed=3), recipe).model

    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    calls, plain = [], augment.vary

    def dies(*arguments):
        calls.append(1)
        if len(calls) == 4:
            raise MemoryError
        return plain(*arguments)

    monkeypatch.setattr(augment, "vary", dies)
    with pytest.raises(MemoryError):
        unet_fitting.fit(scenes(), scenes(seed=3), recipe, tmp_path / "kept.pt")
    resumed = unet_fitting.fit(scenes(), scenes(seed=3), recipe, tmp_path / "kept.pt").model
    assert len(calls) == 4 + 3  # three steps were kept
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_who_asks_for_a_network_that_another_trains_waits_and_finds_it_done(tmp_path):
    path, found, recipe = tmp_path / "kept.pt", [], Recipe(steps=2, batch=2)
    first = unet_fitting.fit(scenes(), None, recipe, tmp_path / "other.pt")
    with distributed.held(path):
        asks = threading.Thread(
            target=lambda: found.append(unet_fitting.fit(scenes(), None, recipe, path))
        )
        asks.start()
        asks.join(2.0)  # time enough to train one of its own
        assert not found
        shutil.copyfile(tmp_path / "other.pt", path)
    asks.join()
    assert found[0].seconds == first.seconds


def test_training_leaves_the_callers_random_numbers_alone():
    photos = scenes(4)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    unet_fitting.fit(photos, None, Recipe(steps=1, batch=2))
    assert torch.equal(torch.rand(3), expected)


def test_the_command_trains_and_says_where_it_wrote(tmp_path, monkeypatch, capsys):
    photos = scenes(30)
    table = pd.DataFrame({"sha256": list(map(str, range(30))), "extra": False})
    table["split"] = ["train"] * 20 + ["validation"] * 10
    prepared = PreparedSet(
        tmp_path,
        photos.lightness.numpy(),
        photos.ab.numpy(),
        table,
        pd.DataFrame(),
        {"name": "scenes", "size": [32, 32], "factor": 10},
        None,
    )
    monkeypatch.setattr(fit_unet.preprocessing, "prepare", lambda *_, **__: prepared)
    monkeypatch.setattr(fit_unet.paths, "BUILD", tmp_path)
    output = tmp_path / "new.safetensors"
    fit_unet.main(["anywhere", "--steps", "2", "--batch", "2", "--output", str(output)])
    assert str(output) in capsys.readouterr().out
    _, meta, points = street_unet.load(output)
    assert meta["training_photos"] == list(map(str, range(20)))
    assert meta["validation_photos"] == list(map(str, range(20, 30)))
    assert meta["training_mean_ab"] == pytest.approx([0, -5])
    assert set(points) == {"street_unet", "street_unet_accurate"}


def test_the_command_says_in_one_sentence_what_is_wrong(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        fit_unet.main([str(tmp_path / "absent"), "--output", str(tmp_path / "x")])
    assert stop.value.code == 1
    message = capsys.readouterr().err
    assert "absent" in message and message.count("\n") == 1


@pytest.mark.parametrize(
    ("stops", "code", "says"),
    [(KeyboardInterrupt(), 130, "goes on from"), (FloatingPointError("lower it"), 1, "lower it")],
)
def test_the_command_ends_with_a_sentence_however_it_ends(
    tmp_path, monkeypatch, capsys, stops, code, says
):
    def prepare(*_, **__):
        raise stops

    monkeypatch.setattr(fit_unet.preprocessing, "prepare", prepare)
    with pytest.raises(SystemExit) as stop:
        fit_unet.main(["anywhere", "--output", str(tmp_path / "x")])
    assert stop.value.code == code
    message = capsys.readouterr().err
    assert says in message and message.count("\n") == 1


def prepared(folder, name, **rows):
    """A prepared set of scenes; for each hash its split, and "extra" where it counts as such."""
    table = pd.DataFrame({"sha256": list(rows), "split": [row.split()[0] for row in rows.values()]})
    table["extra"] = ["extra" in row for row in rows.values()]
    photos, manifest = scenes(len(rows)), {"name": name, "size": [32, 32], "factor": 10}
    pixels = (photos.lightness.numpy(), photos.ab.numpy())
    return PreparedSet(folder, *pixels, table, pd.DataFrame(), manifest, None)


def test_extra_photos_train_as_such_and_all_that_trained_are_named_in_the_weights(tmp_path):
    here = prepared(tmp_path, "here", a="train", b="train extra", c="validation", d="test")
    away = prepared(tmp_path, "away", e="validation", f="train", g="test")
    photos = fit_unet.groups(here, away)
    assert photos.train.hashes == ("a",) and photos.validation.hashes == ("c",)
    assert photos.extra.hashes == ("b", "f")
    assert fit_unet.groups(here).extra.hashes == ("b",)
    recipe = Recipe(steps=1, batch=4, widths=WIDTHS)
    trained = unet_fitting.fit(photos.train, photos.extra, recipe)
    redder = replace(photos.validation, ab=photos.validation.ab + 9)
    photos = replace(photos, validation=redder, extra=replace(photos.extra, ab=redder.ab))
    fit_unet.write(tmp_path / "w.safetensors", trained, photos, recipe, [here, away])
    _, meta, _ = street_unet.load(tmp_path / "w.safetensors")
    assert meta["training_photos"] == ["a", "b", "f"] and meta["data"] == ["here", "away"]
    assert meta["training_mean_ab"] == pytest.approx([0, -5])  # of the photos of here alone


def test_a_set_without_photos_to_train_or_to_validate_is_refused(tmp_path):
    for lacking in ("train", "validation"):
        with pytest.raises(ValueError, match="no training or no validation photos"):
            fit_unet.groups(prepared(tmp_path, "few", a=lacking, b="test"))


def test_weights_of_a_run_are_written_anew_where_they_were_fitted_otherwise(tmp_path):
    here = prepared(tmp_path, "here", a="train", b="train", c="validation")

    def fitted(steps):
        profile = SimpleNamespace(unet_batches=steps, unet_widths=WIDTHS)
        return fit_unet.fitted(SimpleNamespace(profile=profile, folder=tmp_path), here, seed=3)

    first = fitted(1)
    written = first.path.stat().st_mtime_ns
    assert fitted(1).path.stat().st_mtime_ns == written
    second = fitted(2)
    assert street_unet.load(second.path)[1]["key"] == second.trained.key != first.trained.key
