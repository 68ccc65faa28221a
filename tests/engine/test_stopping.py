import pytest
import torch

from napari_dip.engine.held_out import HeldOut
from napari_dip.engine.judging import Patience
from napari_dip.engine.noise import Noise
from napari_dip.engine.problem import Problem
from napari_dip.engine.stopping import Fixed, RunningVariance, Whiteness


def seeded():
    return torch.Generator().manual_seed(0)


def test_held_out_pixels_are_hidden_from_the_fit_and_no_others():
    judge = HeldOut(fraction=0.05).begin(Problem(torch.rand(3, 100, 100)), seeded())
    hidden = 1 - judge.seen.mean().item()
    assert hidden == pytest.approx(0.05, abs=0.01)
    assert torch.equal(judge.seen[0, 0], judge.seen[0, 2])
    assert not judge.seen[0, 0].flatten()[judge.where].any()


def test_a_guard_hides_the_neighbours_of_watched_pixels():
    judge = HeldOut(guard=2, cover=0.12).begin(Problem(torch.rand(1, 200, 200)), seeded())
    assert 0.08 < 1 - judge.seen.mean().item() < 0.13
    rows, columns = judge.where // 200, judge.where % 200
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        block = judge.seen[0, 0, max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3]
        assert not block.any()


@pytest.mark.parametrize(("size", "hidden", "pixels"), [(48, 0.45, 50), (120, 0.4, 300), (400, 0.18, 1280)])
def test_in_a_small_image_more_is_hidden_where_neighbours_share_their_noise(size, hidden, pixels):
    noise = Noise(0.0, 0.0, 0.1, ((0.6, 0.3, 0.0, 0.0),) * 2)
    judge = HeldOut(guard=None).begin(Problem(torch.rand(1, size, size), noise=noise), seeded())
    assert 1 - judge.seen.mean().item() == pytest.approx(hidden, abs=0.08)
    assert len(judge.where) == pytest.approx(pixels, rel=0.25)


def test_a_rule_waits_for_longer_where_much_of_the_image_is_noise():
    y = torch.rand(2, 60, 60, generator=seeded())  # a variance of 1 / 12
    for rule, noise, wait in ((0.2, 0.15, 100), (0.2, 0.18, 200), (0.6, 0.18, 300)):
        problem = Problem(y, noise=Noise(0.0, 0.0, noise))
        assert HeldOut(patience=rule).begin(problem, seeded()).wait == wait
    assert HeldOut(wait=70).begin(Problem(y, noise=Noise(0.0, 0.0, 0.18)), seeded()).wait == 70


def test_held_out_figure_is_the_error_on_watched_pixels():
    y = torch.rand(1, 50, 50)
    judge = HeldOut(fraction=0.1, every=10).begin(Problem(y), seeded())
    assert judge.figure(9, y[None], y[None]) is None
    assert judge.figure(10, y[None], y[None] + 0.1) == pytest.approx(0.01, rel=1e-4)
    wrong_where_seen = y[None] + judge.seen
    assert judge.figure(10, y[None], wrong_where_seen) == pytest.approx(0.0)


@pytest.mark.parametrize("absolute", [False, True])
def test_a_channel_of_which_nothing_is_known_has_no_say(absolute):
    y = torch.rand(3, 50, 50, generator=seeded())
    known = torch.ones(3, 50, 50, dtype=torch.bool)
    known[2] = False
    noise = Noise(0.0, 0.0, 0.05)
    rule = HeldOut(fraction=0.1, absolute=absolute, start=0)
    all_three = rule.begin(Problem(y, known, noise=noise), seeded())
    two = rule.begin(Problem(y[:2], noise=noise), seeded())
    assert len(all_three.where) > 100 and torch.equal(all_three.where, two.where)
    estimate = y[None] + 0.1 * torch.randn(1, 3, 50, 50, generator=seeded())
    figures = all_three.figure(10, estimate, estimate), two.figure(10, estimate[:, :2], estimate[:, :2])
    assert figures[0] == pytest.approx(figures[1], rel=1e-4)


def test_an_absolute_figure_tells_the_better_estimate_among_outliers():
    rng = torch.Generator().manual_seed(3)
    truth = torch.full((1, 1, 60, 60), 0.5)
    hit = torch.rand(truth.shape, generator=rng) < 0.1
    y = torch.where(hit, torch.rand(truth.shape, generator=rng).round(), truth)
    judge = HeldOut(absolute=True).begin(Problem(y[0], noise=Noise(0.0, 0.0, 0.1)), seeded())
    better, worse = (judge.figure(10, y, truth + error) for error in (0.005, 0.05))
    assert worse - better == pytest.approx(0.9 * 0.045, abs=0.01)
    squared = HeldOut(absolute=False).begin(Problem(y[0]), seeded())
    assert better == pytest.approx(0.5 * hit.float().mean().item(), abs=0.03)
    assert squared.figure(10, y, truth + 0.05) - squared.figure(10, y, truth + 0.005) < 0.01


def watched(y, noise, **rule):
    return HeldOut(fraction=1.0, cover=1.0, guard=0, **rule).begin(Problem(y, noise=noise), seeded())


def test_a_speck_is_seen_and_not_watched():
    y, around = 0.1 + 0.01 * torch.randn(2, 40, 40, generator=seeded()), torch.zeros(40, 40, dtype=torch.bool)
    y[1, 20:22, 20:22] = 20
    around[18:24, 18:24] = True
    judge = watched(y, Noise(0.0, 0.0, 0.01))
    assert not around.flatten()[judge.where].any()
    assert len(judge.where) == 40 * 40 - 36
    assert judge.seen[0, :, around].all()
    missing = watched(y, Noise(0.0, 0.0, 0.01), target="missing")
    assert around.flatten()[missing.where].any()


def test_what_is_usual_in_an_image_is_no_speck():
    photons = torch.zeros(1, 40, 40)  # next to nothing is lit
    photons[0, 10:16, 10:16] = torch.poisson(torch.full((6, 6), 2.0), generator=seeded())
    assert len(watched(photons / 20, Noise(1 / 20, 0.0, 0.0)).where) == 40 * 40
    stripes = torch.arange(40).remainder(2).expand(1, 40, 40).float()
    assert len(watched(stripes, Noise(0.0, 0.0, 0.001)).where) == 40 * 40


def test_missing_pixels_are_neither_watched_nor_seen():
    known = torch.rand(1, 60, 60, generator=seeded()) < 0.5
    judge = HeldOut(fraction=0.2).begin(Problem(torch.rand(1, 60, 60), known), seeded())
    assert known.flatten()[judge.where].all()
    assert not judge.seen[0][~known].any()


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 2, 2), (1, 3, 3), (1, 2, 8, 8)])
def test_held_out_copes_with_a_handful_of_pixels(shape):
    for noise in (None, Noise(0.1, 0.0, 0.01)):
        judge = HeldOut(guard=1).begin(Problem(torch.rand(shape), noise=noise), seeded())
        assert judge.seen.any() and len(judge.where) >= 1


def test_patience_ends_a_run_that_no_longer_improves():
    patience = Patience(0.5)
    figures = {n: abs(n - 200) + 1.0 for n in range(10, 400, 10)}
    for n, figure in figures.items():
        assert patience.better(n, figure) == (n <= 200)
        if patience.exhausted:
            break
    assert n == 300 and patience.best_iteration == 200 and patience.best == 1.0


def test_patience_does_not_wait_for_improvements_below_its_tolerance_but_keeps_them():
    patience = Patience(0.5, tolerance=0.1)
    for n in range(10, 1000, 10):
        patience.better(n, 1.0 + 100 / n**2)
        if patience.exhausted:
            break
    assert n < 200
    assert patience.best_iteration == n


def test_the_figure_knows_what_neighbours_cannot_tell():
    # The truth itself is white: an estimate that takes a part of each pixel's own measurement is better than
    # any that is made from the neighbours alone, and only the figure with the noise's variance can see it.
    generator = torch.Generator().manual_seed(1)  # another than the held-out pixels
    truth, noise = (torch.randn(1, 300, 300, generator=generator) for _ in range(2))
    truth *= 0.8
    for variance, half_wins in ((1.0, True), (None, False)):
        measured = None if variance is None else Noise(0.0, 0.0, variance**0.5)
        judge = HeldOut(fraction=0.1, guard=0).begin(Problem(truth + noise, noise=measured), seeded())
        none = torch.zeros_like(truth)
        half = 0.4 * (truth + noise) * judge.seen[0]
        errors = [judge.figure(10, x[None], x[None]) for x in (none, half)]
        assert (errors[1] < 0.9 * errors[0]) == half_wins
        if variance:
            real = [((x - truth).square() * judge.seen[0]).sum() / judge.seen.sum() for x in (none, half)]
            assert errors == pytest.approx([float(e) for e in real], rel=0.1)


def test_patience_is_not_exhausted_by_early_ripples():
    patience = Patience(0.2)
    for n in range(10, 50, 10):
        patience.better(n, 1.0 + n)
        assert not patience.exhausted


def test_patience_never_takes_a_nan_for_the_best():
    patience = Patience(0.2)
    assert not patience.better(10, float("nan"))
    assert patience.best_iteration == 0


def test_whiteness_is_smallest_for_a_white_residual():
    noise = torch.randn(1, 128, 128, generator=seeded())
    truth = torch.linspace(0, 3, 128).expand(1, 128, 128)
    judge = Whiteness().begin(Problem(truth + noise), seeded())
    at_truth, too_early, too_late = (
        judge.figure(100, estimate[None], estimate[None])
        for estimate in (truth, truth.mean() * torch.ones_like(truth), truth + 0.5 * _blur(noise))
    )
    assert at_truth < 0.01 < min(too_early, too_late)


def _blur(x):
    return torch.nn.functional.avg_pool2d(x, 3, 1, 1)


def test_running_variance_sees_iterates_settle_and_wander():
    judge = RunningVariance(start=20).begin(Problem(torch.rand(1, 32, 32)), seeded())
    generator, figures = seeded(), {}
    for n in range(1, 301):
        wander = abs(n - 150) / 150
        x = wander * torch.randn(1, 1, 32, 32, generator=generator)
        figures[n] = judge.figure(n, x, x)
    seen = {n: f for n, f in figures.items() if f is not None}
    assert 140 <= min(seen, key=seen.get) <= 180
    assert min(seen) >= 20


def test_fixed_has_no_opinion():
    judge = Fixed().begin(Problem(torch.rand(1, 8, 8)), seeded())
    assert judge.figure(10, torch.zeros(1), torch.zeros(1)) is None
    assert judge.seen.all()


def test_a_fixed_number_of_iterations_ends_a_run_by_itself():
    judge = Fixed(at=30).begin(Problem(torch.rand(1, 8, 8)), seeded())
    assert [n for n in range(1, 60) if judge.due(n)] == [30]
    assert judge.seen.all()
    patience = Patience(Fixed(at=30).patience, judge.tolerance, judge.wait, judge.first)
    assert not patience.exhausted and patience.end == 30
    patience.better(30, judge.figure(30, judge.seen, judge.seen))
    assert patience.exhausted
    judge.hurry(10)
    assert judge.due(3)
    with pytest.raises(ValueError, match="a whole number of at least 1 or None"):
        Fixed(at=0)


def test_beside_a_guard_an_estimate_counts_while_it_leaves_about_as_much_as_noise():
    noise = Noise(0.0, 0.0, 0.1, ((0.6, 0.2, 0.0, 0.0),) * 2)
    y = torch.rand(1, 40, 40, generator=seeded())
    judge = HeldOut(every=10).begin(Problem(y, noise=noise), seeded())
    assert noise.guard and not judge.seen.all()

    def figure(iteration, left):
        return judge.figure(iteration, y[None], y[None] + 0.1 * left**0.5)

    assert figure(40, 2.0) is None  # structure is left: too early, whatever the watched pixels say
    assert figure(40, 1.0) == pytest.approx(0.01, rel=1e-3)
    assert figure(40, 0.5) == float("inf")  # noise was fitted
    assert figure(400, 2.0) == pytest.approx(0.02, rel=1e-3)  # the noise must have been told too small
    none = HeldOut(guard=1).begin(Problem(y, noise=Noise(0.0, 0.0, 0.0)), seeded())
    assert none.figure(40, y[None], y[None] + 0.1) is None  # whoever says that there is no noise is believed
    assert none.figure(400, y[None], y[None] + 0.1) == pytest.approx(0.01, rel=1e-3)
