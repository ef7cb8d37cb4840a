"""Threads that share batches learn what one does, and none waits for one that failed."""

import signal
import threading
import time

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from helpers.explorations import studies
from helpers.training import augment, devices, distributed, fitting, threads, unet_fitting
from helpers.training.batches import Photos
from helpers.training.recipe import Recipe
from helpers.training.whole_batch import whole


@pytest.fixture
def use_threads():
    """Let PyTorch have so many threads, for this test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def photos(count=24, seed=0):
    random = np.random.default_rng(seed)
    means = random.integers(20, 200, (count, 1, 1))
    lightness = (means + random.integers(0, 50, (count, 32, 48))).astype(np.uint8)
    return lightness, np.stack([lightness // 2, 200 - lightness // 2], axis=-1)


@pytest.mark.parametrize("size", [2, 3])
def test_a_team_gives_the_loss_and_gradients_of_one_thread(size):
    torch.manual_seed(0)
    net, x = torch.nn.Linear(4, 2), torch.randn(7, 4)  # 7: parts of the batch are not alike
    found = []
    for team in (threads.ALONE, threads.Team(size)):
        net.zero_grad()
        value = team.backward(lambda part: net(part).square().mean(), net.parameters(), x)
        found.append([value, *(weights.grad.clone() for weights in net.parameters())])
    for alone, shared in zip(*found):
        assert_close(shared, alone)


def test_two_threads_learn_what_one_does(tmp_path, use_threads):
    own, sizes = {}, []
    for count in (1, 2):
        use_threads(count)
        recipe = Recipe(learning_rate=1e-3, batches=None, epochs=4)
        given = Photos(*photos()), Photos(*photos(70, 1)), recipe, 0
        fitted = fitting.fit(studies.PUBLISHED, *given, tmp_path / f"{count}.pt")
        sets = (augment.Photos(*map(torch.from_numpy, photos(n, n))) for n in (20, 10, 40))
        main, extra, judged = sets
        recipe = unet_fitting.Recipe(steps=16, widths=(4, 8, 8, 8), dropout=0.3)
        unet = unet_fitting.fit(main, extra, recipe, validation=judged)
        own[count] = fitted.history.loss.tolist() + fitted.epochs.validation.tolist()
        own[count] += unet.losses + list(unet.validated.values())
        sizes.append(threads.team().size)
    assert sizes == [1, 2]
    assert own[2] == pytest.approx(own[1], rel=1e-4)
    assert own[1][5] < 0.9 * own[1][0]  # something was learned


def test_as_many_threads_as_there_are_and_as_photos_are_worth(use_threads, monkeypatch):
    use_threads(2)
    assert [threads.team("cpu", photos).size for photos in (1, 7, 8, 16)] == [1, 1, 2, 2]
    assert threads.team() is threads.team()
    assert threads.team("cuda").size == 1
    use_threads(5)
    assert threads.team("cpu", 8).map(lambda _: torch.get_num_threads(), [0, 0]) == [2, 2]
    use_threads(1)
    assert threads.team().size == 1
    use_threads(2)
    monkeypatch.setattr(distributed, "in_group", lambda: True)
    assert threads.team().size == 1


@pytest.mark.parametrize("failing", [0, 1])
def test_a_thread_that_fails_ends_the_step_with_its_own_error(failing):
    team, weights = threads.Team(2), torch.zeros(1, requires_grad=True)
    broken = [True]

    def loss(part):
        mine = threads.own_part()
        if broken and mine.number == failing:
            raise FloatingPointError("in the middle")
        mine.team.total(torch.zeros(1))  # where the other one waits
        return (weights * part).mean()

    with pytest.raises(FloatingPointError, match="in the middle"):
        team.backward(loss, [weights], torch.ones(4))
    broken.clear()
    team.backward(loss, [weights], torch.ones(4))
    assert weights.grad == pytest.approx(torch.ones(1))


def test_everyone_gets_the_total_of_all_meeting_after_meeting():
    team, weights, seen = threads.Team(3), torch.ones(1, requires_grad=True), {}

    def loss(part):
        mine = threads.own_part()
        totals = []
        for meeting in range(20):
            time.sleep(0.001 * ((meeting + mine.number) % 3 == 0))  # each is late in its turn
            totals.append(mine.team.total(torch.tensor(10.0 * meeting + mine.number)).item())
        seen[mine.number] = totals
        return (weights * part).mean()

    team.backward(loss, [weights], torch.ones(3))
    assert seen == {n: [30.0 * meeting + 3 for meeting in range(20)] for n in range(3)}


def test_the_next_batch_is_made_while_one_is_in_use():
    made, following = [], threading.Event()

    def make(number):
        made.append(number)
        if number == 4:
            following.set()
        return -number

    batches = threads.ahead(threads.Team(2), make, 3, 6)
    assert next(batches) == -3
    assert following.wait(10)
    assert list(batches) == [-4, -5]
    assert made == [3, 4, 5]
    assert list(threads.ahead(threads.ALONE, make, 3, 6)) == [-3, -4, -5]
    assert list(threads.ahead(threads.Team(2), make, 3, 3)) == []


def test_one_thread_or_all_is_chosen_by_time(use_threads):
    use_threads(2)
    seconds = {1: 0.02, 2: 0.001}
    devices.faster_threads(lambda: time.sleep(seconds[threads.team().size]))
    assert torch.get_num_threads() == 2


def test_a_step_that_could_not_begin_hinders_none_after_it(monkeypatch):
    team, weights = threads.Team(2), torch.zeros(1, requires_grad=True)
    submit, calls = team._pool.submit, []

    def interrupted(*call):
        calls.append(call)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return submit(*call)

    def loss(part):
        threads.own_part().team.total(torch.zeros(1))  # where the first waits for the second
        return (weights * part).mean()

    monkeypatch.setattr(team._pool, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        team.backward(loss, [weights], torch.ones(4))
    team.backward(loss, [weights], torch.ones(4))
    assert_close(weights.grad, torch.ones(1))


def test_parameters_may_be_frozen_or_unused():
    team, used, frozen, unused = threads.Team(2), *(torch.ones(1) for _ in range(3))
    used.requires_grad_()
    unused.requires_grad_()
    team.backward(lambda x: (used * frozen * x).mean(), [used, frozen, unused], torch.ones(4))
    assert_close(used.grad, torch.ones(1))
    assert frozen.grad is None and unused.grad is None
    with pytest.raises(ValueError, match="1 photos are too few for 2 threads"):
        team.backward(lambda x: (used * x).mean(), [used], torch.ones(1))


def test_step_after_step_draws_on_as_one_thread_would():
    drawn = {}
    for size in (1, 2):
        torch.manual_seed(0)
        drop, team = whole(torch.nn.Sequential(torch.nn.Dropout2d(0.5))), threads.Team(size)
        x, drawn[size] = torch.ones(4, 8, 1, 1, requires_grad=True), []
        for _ in range(3):
            x.grad = None
            team.backward(lambda part, drop=drop: drop(part).sum() / len(part), [x], x)
            drawn[size].append(x.grad)
    assert_close(drawn[2], drawn[1])
    assert not torch.equal(*drawn[2][:2])


def test_other_threads_keep_their_number_of_pytorchs_own(use_threads):
    use_threads(2)
    threads.Team(2)
    next(threads.ahead(threads.Team(2), int, 0, 2))
    found = []
    other = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    other.start()
    other.join()
    assert found == [2] and torch.get_num_threads() == 2


def fits(folder, report):
    """A fit of each kind, of which `report` hears before every step; their losses."""
    recipe = Recipe(learning_rate=1e-3, batches=None, epochs=4, patience=9)
    sets = [augment.Photos(*map(torch.from_numpy, photos(n, n))) for n in (20, 10)]
    street = unet_fitting.Recipe(steps=7, widths=(4, 8, 8, 8), dropout=0.3)

    def told(step):
        return lambda *given, **options: report() or step(*given, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "update", told(fitting.update))
        patch.setattr(unet_fitting._Work, "update", told(unet_fitting._Work.update))
        yield lambda: fitting.fit(
            studies.PUBLISHED, photos(), photos(70, 1), recipe, 0, folder / "cnn.pt"
        ).history.loss.tolist()
        yield lambda: unet_fitting.fit(*sets, street, folder / "street.pt").losses


@pytest.mark.parametrize("kind", [0, 1])
def test_a_team_goes_on_where_ctrl_c_stopped_it_and_leaves_nothing_behind(
    tmp_path, use_threads, kind
):
    use_threads(2)
    random = torch.get_rng_state()
    whole_fit = [*fits(tmp_path / "whole", lambda: None)][kind]()
    steps = []

    def stop_in_the_third():
        steps.append(1)
        if len(steps) == 3:
            signal.raise_signal(signal.SIGINT)

    (tmp_path / "parts").mkdir()
    for number, fit in enumerate(fits(tmp_path / "parts", stop_in_the_third)):
        if number == kind:
            with pytest.raises(KeyboardInterrupt) as stopped:
                fit()
            assert len(steps) == 3
            assert not [t for t in threading.enumerate() if t.name.startswith("ahead")]
            assert torch.equal(torch.get_rng_state(), random)
            assert fit() == whole_fit
    assert stopped and torch.equal(torch.get_rng_state(), random)
