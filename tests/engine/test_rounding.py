"""The rule for what JPEG has rounded."""

import numpy as np
import pytest
import torch
from scipy.fft import dctn, idctn

from napari_dip.engine.problem import Problem, Quantised
from napari_dip.engine.rounding import Rounding


def rounded(start=(0, 0), size=48):
    """A picture whose blocks' cosines were rounded to steps, and what it was before."""
    rng = np.random.default_rng(0)
    step = 0.02 * (1 + np.add.outer(np.arange(8), np.arange(8)))
    shape = (size // 8, size // 8, 8, 8)
    before = 4 * step * rng.normal(0, 1, shape)

    def pixels(cosines):
        blocks = idctn(cosines, axes=(2, 3), norm="ortho").swapaxes(1, 2).reshape(size, size)
        whole = np.pad(blocks, [(s, 8 - s) for s in start], constant_values=3.0)
        return torch.tensor(whole, dtype=torch.float32)[None]

    measured, truth = pixels(step * np.rint(before / step)), pixels(before)
    return Problem(measured, quantised=Quantised(tuple(map(tuple, step.tolist())), start)), truth[None]


def judge(problem, **rule):
    return Rounding(**rule).begin(problem, torch.Generator())


@pytest.mark.parametrize("start", [(0, 0), (3, 5)])
def test_the_truth_differs_by_a_twelfth_of_a_squared_step(start):
    problem, truth = rounded(start=start)
    assert judge(problem, left=1 / 12).figure(5, truth, truth) < 0.05
    # With a grid of blocks elsewhere the difference means nothing.
    other = Problem(problem.measurement, quantised=Quantised(problem.quantised.steps, (1, 2)))
    assert judge(other, left=1 / 12).figure(5, truth, truth) > 0.1


def test_the_figure_is_smallest_where_as_much_is_left_as_asked_for():
    problem, truth = rounded()
    y = problem.filled
    parts = np.linspace(0.1, 1.5, 29)
    figures = [judge(problem, left=0.05).figure(5, y, y + p * (truth - y)) for p in parts]
    assert parts[np.argmin(figures)] == pytest.approx((12 * 0.05) ** 0.5, abs=0.05)


def test_cosines_rounded_to_nothing_are_not_looked_at():
    step, y = 0.1, np.zeros((1, 8, 8), np.float32)
    wave = np.zeros((8, 8))
    wave[2, 3] = 1
    y[0] = idctn(5 * step * wave, norm="ortho")
    problem = Problem(torch.tensor(y), quantised=Quantised(((step,) * 8,) * 8))
    error = np.zeros((8, 8))
    error[2, 3], error[5, 5], error[0, 0] = 0.3 * step, 40 * step, 40 * step
    average = torch.tensor(y + idctn(error, norm="ortho").astype(np.float32))[None]
    assert np.allclose(dctn(average[0, 0].numpy() - y[0], norm="ortho"), error, atol=1e-5)
    assert judge(problem, left=0.09).figure(5, average, average) < 1e-3


def test_without_a_table_an_iteration_is_taken_for_the_best():
    j = judge(Problem(torch.rand(1, 16, 16)), otherwise=40)
    x = torch.rand(1, 1, 16, 16)
    figures = {n: j.figure(n, x, x) for n in range(1, 81) if j.due(n)}
    assert min(figures, key=figures.get) == 40
    with pytest.raises(ValueError, match=r"left of .rounding. must be a number above 0"):
        Rounding(left=0.0)
