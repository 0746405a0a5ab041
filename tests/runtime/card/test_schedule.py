"""Noise schedules against their papers' formulas, written again here, and against published numbers."""

from __future__ import annotations

import math

import numpy as np
import onnxnn_runtime as rt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnxnn_runtime.card.schedule import KINDS, PREDICTIONS, Schedule

SCHEDULES = st.builds(Schedule, st.integers(1, 300), st.sampled_from(KINDS), st.sampled_from(PREDICTIONS))


def linear(timesteps):
    """Ho et al. 2020, section 4: beta from 1e-4 to 0.02 in 1,000 steps; as much noise in fewer."""
    left, product = [], 1.0
    for t in range(timesteps):
        share = t / (timesteps - 1)
        product *= 1 - min(0.999, (1e-4 + share * (0.02 - 1e-4)) * 1000 / timesteps)
        left.append(product)
    return left


def cosine(timesteps):
    """Nichol & Dhariwal 2021, equation 17, and beta at most 0.999."""

    def f(t):
        return math.cos((t / timesteps + 0.008) / 1.008 * math.pi / 2) ** 2

    left, product = [], 1.0
    for t in range(timesteps):
        product *= 1 - min(0.999, 1 - (f(t + 1) / f(0)) / (f(t) / f(0)))
        left.append(product)
    return left


def sigmoid(timesteps):
    """Jabri et al. 2022, appendix B, with start -3, end 3 and tau 1; beta at most 0.999."""

    def gamma(u):
        begin, end = 1 / (1 + math.exp(3)), 1 / (1 + math.exp(-3))
        return (end - 1 / (1 + math.exp(-(6 * u - 3)))) / (end - begin)

    left, product = [], 1.0
    for t in range(timesteps):
        product *= 1 - min(0.999, 1 - gamma((t + 1) / timesteps) / gamma(t / timesteps))
        left.append(product)
    return left


@pytest.mark.parametrize("formula", [linear, cosine, sigmoid])
@pytest.mark.parametrize("timesteps", [2, 50, 500, 1000])
def test_the_papers_formulas(formula, timesteps):
    found = Schedule(timesteps, formula.__name__).alphas_cumprod
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, formula(timesteps), rtol=1e-9)


def test_published_numbers():
    left = Schedule(1000, "linear").alphas_cumprod
    betas = 1 - left / np.append(1, left[:-1])
    assert betas[[0, -1]] == pytest.approx([1e-4, 0.02])
    assert left[-1] == pytest.approx(4.036e-5, rel=1e-3)  # Ho et al. 2020: the last step is all but noise
    posterior = betas * (1 - np.append(1, left[:-1])) / (1 - left)
    assert posterior[[0, 487, 999]] == pytest.approx([0, 0.00979, 0.02], abs=1e-5)


@given(SCHEDULES)
def test_less_and_less_is_left(schedule):
    left = schedule.alphas_cumprod
    assert left.shape == (schedule.timesteps,)
    assert (np.diff(np.append(1, left)) < 0).all()
    assert left[-1] > 0


@given(SCHEDULES, st.data())
def test_noise_is_added_so_that_variance_stays(schedule, data):
    t = data.draw(st.integers(0, schedule.timesteps - 1))
    signal, strength = schedule.strengths(t)
    assert signal**2 + strength**2 == pytest.approx(1)
    assert signal**2 == pytest.approx(schedule.alphas_cumprod[t])
    x, noise = np.array([0.5, -1.0], np.float32), np.array([2.0, 0.1], np.float32)
    noisy = schedule.add_noise(x, noise, t)
    assert noisy.dtype == np.float32
    np.testing.assert_allclose(noisy, signal * x + strength * noise, rtol=1e-6)


def test_before_the_first_step_nothing_is_added():
    x = np.array([0.1, -0.7], np.float32)
    np.testing.assert_array_equal(Schedule().add_noise(x, np.float32(3), -1), x)


@pytest.mark.parametrize("t", [-2, 500, 501])
def test_steps_that_are_not_there(t):
    with pytest.raises(rt.InputError, match=rf"t={t}: expected a timestep from 0 to 499"):
        Schedule(500).strengths(t)


@given(SCHEDULES)
def test_the_description_comes_back(schedule):
    assert Schedule.from_dict(schedule.to_dict()) == schedule


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timesteps": 0}, "timestep=0: expected an integer from 1"),
        ({"timesteps": 2.0}, "timestep=2.0: expected an integer"),
        ({"timesteps": True}, "timestep=True: expected an integer"),
        (
            {"kind": "cosin"},
            "schedule='cosin': unknown. Did you mean 'cosine'\\? Choose one of linear",
        ),
        ({"kind": None}, "schedule=None: expected one of linear"),
        ({"prediction": "x0"}, "prediction='x0': expected one of noise, v"),
    ],
)
def test_schedules_that_do_not_exist(options, message):
    with pytest.raises(rt.InputError, match=message):
        Schedule(**options)


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "linear", "timesteps": 5},
        {"kind": "linear", "timesteps": 5, "prediction": "v", "eta": 1},
    ],
)
def test_descriptions_that_do_not_fit(data):
    with pytest.raises(rt.InputError, match="schedule: expected the keys kind, prediction and timesteps"):
        Schedule.from_dict(data)
