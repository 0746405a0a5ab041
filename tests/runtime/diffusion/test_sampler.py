"""Samplers: their tables, their noise, and what they draw with networks whose answers are known."""

from __future__ import annotations

import math

import numpy as np
import onnxnn_runtime as rt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnxnn_runtime.card.schedule import KINDS, PREDICTIONS, Schedule
from onnxnn_runtime.diffusion.sampler import SAMPLERS, Noise, denoise, make_plan

SCHEDULES = st.builds(Schedule, st.integers(1, 120), st.sampled_from(KINDS), st.sampled_from(PREDICTIONS))


def predictor(schedule, clean):
    """Return the network that takes `clean(x, signal, strength)` for the image under the noise."""

    def predict(x, t):
        signal, strength = schedule.strengths(t)
        x0 = clean(x, signal, strength)
        noise = (x - signal * x0) / strength
        return noise if schedule.prediction == "noise" else signal * noise - strength * x0

    return predict


def drawn(predict, plan, x, noise=None, clip=True):
    """Return x after the last step."""
    return list(denoise(predict, plan, x, noise, clip=clip))[-1]


# ---- tables --------------------------------------------------------------------------------------


@given(SCHEDULES, st.sampled_from(SAMPLERS), st.floats(0.01, 1), st.data())
def test_steps_fall_from_the_last_one(schedule, sampler, strength, data):
    steps = data.draw(st.integers(1, schedule.timesteps))
    whole = make_plan(schedule, sampler, steps)
    assert len(whole) == steps
    assert whole.timesteps[0] == schedule.timesteps - 1
    assert (np.diff(whole.timesteps) < 0).all()
    assert whole.timesteps[-1] >= 0
    assert whole.after.tolist() == [*whole.timesteps[1:].tolist(), -1]
    assert np.isfinite(whole.to_clean).all()
    assert np.isfinite(whole.update).all()
    first = round(schedule.timesteps * strength)
    if first < 1:
        with pytest.raises(rt.InputError, match=f"expected at least {1 / schedule.timesteps:g}"):
            make_plan(schedule, sampler, steps, strength=strength)
        return
    part = make_plan(schedule, sampler, steps, strength=strength)
    assert 1 <= len(part) <= max(1, round(steps * strength))
    assert part.timesteps[0] == first - 1  # whatever the number of steps
    assert (np.diff(part.timesteps) < 0).all()
    assert part.timesteps[-1] >= 0


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 20, 100])
def test_strength_decides_how_much_noise_is_added(sampler, steps):
    starts = [make_plan(Schedule(100), sampler, steps, strength=s / 100).timesteps[0] for s in range(1, 101)]
    assert starts == list(range(100))
    whole = make_plan(Schedule(100), sampler, 20)
    half = make_plan(Schedule(100), sampler, 20, strength=np.float32(0.5))
    assert half.timesteps.tolist() == whole.timesteps[10:].tolist()


@pytest.mark.parametrize(("sampler", "steps"), [("ddpm", 300), ("ddim", 20), ("dpm++", 20)])
def test_the_default_number_of_steps(sampler, steps):
    assert len(make_plan(Schedule(300), sampler)) == steps
    assert len(make_plan(Schedule(7), sampler)) == 7


@given(SCHEDULES, st.data())
def test_ddpm_is_ddim_with_all_its_noise(schedule, data):
    steps = data.draw(st.integers(1, schedule.timesteps))
    one, other = make_plan(schedule, "ddpm", steps), make_plan(schedule, "ddim", steps, eta=1.0)
    np.testing.assert_array_equal(one.update, other.update)
    np.testing.assert_array_equal(one.timesteps, other.timesteps)


def test_ddpm_has_the_posterior_of_its_paper():
    schedule = Schedule(200, "linear")
    left = schedule.alphas_cumprod
    before = np.append(1, left[:-1])
    beta = 1 - left / before
    plan = make_plan(schedule, "ddpm")
    t = plan.timesteps
    # Ho et al. 2020, equation 7.
    of_clean = (np.sqrt(before) * beta / (1 - left))[t]
    of_x = (np.sqrt(1 - beta) * (1 - before) / (1 - left))[t]
    variance = ((1 - before) / (1 - left) * beta)[t]
    expected = np.stack([of_x, of_clean, 0 * of_x, np.sqrt(variance)], axis=1)
    np.testing.assert_allclose(plan.update, expected, atol=1e-12)


@pytest.mark.parametrize(("sampler", "eta", "draws"), [("ddim", 0.0, False), ("ddim", 0.1, True)])
def test_whether_noise_is_drawn(sampler, eta, draws):
    assert make_plan(Schedule(), sampler, eta=eta).draws is draws
    assert make_plan(Schedule(), "ddpm").draws
    assert not make_plan(Schedule(), "dpm++").draws


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"sampler": "dpm"},
            "sampler='dpm': unknown sampler. Did you mean 'ddpm'.* Choose one of ddpm, ddim, dpm",
        ),
        ({"sampler": "euler"}, "sampler='euler': unknown sampler. Choose one of"),
        ({"steps": 0}, "steps=0: expected an integer from 1 to 500"),
        ({"steps": 501}, "steps=501: expected an integer from 1 to 500"),
        ({"steps": 2.0}, "steps=2.0: expected"),
        ({"steps": True}, "steps=True: expected"),
        ({"sampler": "ddim", "eta": 1.1}, "eta=1.1: expected a number from 0 to 1"),
        ({"sampler": "ddim", "eta": float("nan")}, "eta=nan: expected"),
        ({"sampler": "dpm++", "eta": 0.5}, 'eta=0.5: expected sampler="ddim", got \'dpm'),
        ({"strength": 0}, "strength=0: expected a number above 0, at most 1"),
        ({"strength": 1.5}, "strength=1.5: expected"),
        ({"strength": "big"}, "strength='big': expected"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(rt.InputError, match=message):
        make_plan(Schedule(500), **options)


# ---- what is drawn -------------------------------------------------------------------------------


@settings(deadline=None)
@given(SCHEDULES, st.sampled_from([*SAMPLERS, "half"]), st.data())
def test_a_network_that_knows_the_image_returns_it(schedule, sampler, data):
    steps = data.draw(st.integers(1, schedule.timesteps))
    options = {"sampler": "ddim", "eta": 0.5} if sampler == "half" else {"sampler": sampler}
    random = np.random.RandomState(0)
    image = random.uniform(-1, 1, (2, 1, 3, 4))
    predict = predictor(schedule, lambda *_: image)
    noise = lambda: random.standard_normal(image.shape)  # noqa: E731
    found = drawn(predict, make_plan(schedule, steps=steps, **options), noise(), noise)
    rounding = 1e-12 if schedule.prediction == "v" else 1e-14 / schedule.strengths(schedule.timesteps - 1)[0]
    np.testing.assert_allclose(found, image, rtol=0, atol=max(1e-12, rounding))


def gaussian(spread):
    """Return the exact estimate for pixels of a normal distribution: mean 0, this standard deviation."""
    return lambda x, signal, strength: signal * spread**2 / ((signal * spread) ** 2 + strength**2) * x


def error_of(sampler, steps):
    """Return how far a sampler is from the flow that it approximates, which keeps x / its deviation."""
    schedule = Schedule(1000, "cosine", "v")
    spread = 0.5
    signal, strength = schedule.strengths(999)
    exact = spread / math.hypot(signal * spread, strength)
    plan = make_plan(schedule, sampler, steps)
    found = drawn(predictor(schedule, gaussian(spread)), plan, np.ones((1, 1, 1, 1)), clip=False)
    return abs(float(found[0, 0, 0, 0]) - exact)


@pytest.mark.parametrize("steps", [20, 50, 100])
def test_samplers_approach_the_exact_flow(steps):
    """DDIM is of first order: half the step, half the error. DPM-Solver++(2M) is of second order."""
    assert 0.45 < error_of("ddim", 2 * steps) / error_of("ddim", steps) < 0.55
    assert error_of("dpm++", steps) < error_of("ddim", steps) / 10


@pytest.mark.parametrize("eta", [0.5, 1.0])
def test_samplers_with_noise_sample_the_distribution(eta):
    schedule = Schedule(300, "cosine", "v")
    random = np.random.RandomState(0)
    noise = lambda: random.standard_normal((1, 1, 100, 100))  # noqa: E731
    plan = make_plan(schedule, "ddim", 300, eta=eta)
    found = drawn(predictor(schedule, gaussian(0.5)), plan, noise(), noise, clip=False)
    assert found.std() == pytest.approx(0.5, rel=0.04)
    assert abs(found.mean()) < 0.02


def test_estimates_are_held_within_the_range_of_images():
    predict = predictor(Schedule(50), lambda x, *_: 5 * np.sign(x))
    x = Noise(0, (1, 4, 4), 2)()
    for sampler in SAMPLERS:
        plan = make_plan(Schedule(50), sampler, 10)
        np.testing.assert_allclose(abs(drawn(predict, plan, x, Noise(0, (1, 4, 4), 2))), 1, atol=1e-5)
    assert abs(drawn(predict, make_plan(Schedule(50)), x, clip=False)).max() > 2


def test_the_loop_leaves_what_it_is_given_and_keeps_float32():
    x = Noise(3, (1, 2, 2), 2)()
    before = x.copy()
    plan = make_plan(Schedule(9), "ddpm")
    predict = predictor(Schedule(9), lambda *_: np.zeros((2, 1, 2, 2), np.float32))
    steps = list(denoise(predict, plan, x, Noise(0, (1, 2, 2), 2)))
    assert [step.dtype for step in steps] == [np.float32] * 9
    np.testing.assert_array_equal(x, before)


def test_what_is_kept_is_put_in_after_each_step():
    seen = []

    def keep(x, t):
        seen.append(t)
        return np.full_like(x, t)

    plan = make_plan(Schedule(9), "ddim", 3)
    steps = list(denoise(lambda x, t: x, plan, Noise(0, (1, 2, 2), 1)(), keep=keep))
    assert seen == plan.after.tolist() == [5, 2, -1]
    assert [float(x.mean()) for x in steps] == [5, 2, -1]


# ---- noise ---------------------------------------------------------------------------------------


def test_noise_is_the_same_on_every_machine():
    noise = Noise(7, (1, 1, 2), 2)
    first, second = noise(), noise()
    assert first.dtype == np.float32
    np.testing.assert_allclose(first.ravel(), [-0.1000841, 0.2541996, -0.6358715, -1.2343866], atol=1e-6)
    np.testing.assert_allclose(second.ravel(), [-1.1552522, -0.2645465, 1.7795178, 0.8088503], atol=1e-6)


def test_each_image_has_noise_of_its_own():
    many, few = Noise(5, (1, 3, 3), 6), Noise(5, (1, 3, 3), 2, first=3)
    for _ in range(3):
        np.testing.assert_array_equal(many()[3:5], few())
    assert len(np.unique(many())) == 6 * 9
    assert abs(Noise(6, (1, 3, 3), 1)() - Noise(5, (1, 3, 3), 1)()).max() > 0.1


def test_without_a_seed_noise_is_another_one_each_time():
    assert (Noise(None, (1, 2, 2), 1)() != Noise(None, (1, 2, 2), 1)()).all()


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, True, "1"])
def test_seeds_that_do_not_fit(seed):
    with pytest.raises(rt.InputError, match=r"seed=.*: expected an integer from 0 to 4294967295"):
        Noise(seed, (1, 2, 2), 1)
