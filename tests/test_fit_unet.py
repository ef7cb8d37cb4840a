"""The recipe: what it learns, what augmentation keeps, and that it goes on where it stopped."""

import math
from itertools import pairwise

import pandas as pd
import pytest
import torch
import torch.nn.functional as F

from helpers import augment, bins, checkpoint, fit_unet, heads, street_unet, unet_fitting
from helpers.augment import Photos
from helpers.preprocessing import PreparedSet
from helpers.unet_fitting import Recipe


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
