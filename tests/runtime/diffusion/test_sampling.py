"""Drawing pictures: options, labels, start pictures, masks, parts, and files that hold the loop.

denoiser.onnx draws grey 0.3 (1, 4, 5); denoiser_classes.onnx draws 0.2, 0.9, and 0.5 without a label,
(3, 6, 4); loop.onnx gives 0.1 noise + 0.5. See make_models.py.
"""

from __future__ import annotations

import io
import sys
from dataclasses import replace

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime import DiffusionSpec, Preprocess, SamplerSpec, Schedule
from onnxnn_runtime.diffusion.sampler import Noise
from onnxnn_runtime.diffusion.sampling import (
    SamplingOptions,
    draw_with_graph,
    interpolate_images,
    sample_images,
)
from PIL import Image

SHAPE = (1, 4, 5)
SPEC = DiffusionSpec(Schedule(50), SHAPE)
NAMED = replace(SPEC, classes=("0", "1", "seven"))


def soft(x, t, labels):
    """The exact answer for pixels of a normal distribution, deviation 0.5; labels are grey values."""
    signal, strength = SPEC.schedule.strengths(t)
    x0 = signal * 0.25 / (signal**2 * 0.25 + strength**2) * x
    if labels is not None:
        x0 = x0 + 0.2 * labels.reshape(-1, 1, 1, 1).astype(np.float32)
    return (signal * (x - signal * x0) / strength - strength * x0).astype(np.float32)


def draw(num=None, preprocess=None, **options):
    return sample_images(soft, SPEC, SamplingOptions(num, **options), preprocess)


def close(one, other):
    np.testing.assert_allclose(one, other, atol=1e-6)


# ---- how many, and which -------------------------------------------------------------------------


def test_pictures_lie_in_0_to_1():
    pictures = draw(seed=0)
    assert pictures.shape == (16, *SHAPE)
    assert pictures.dtype == np.float32
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert len(np.unique(pictures[:, 0, 0, 0])) == 16


@pytest.mark.parametrize("sampler", ["dpm++", "ddim", "ddpm"])
def test_a_picture_is_the_same_whatever_is_drawn_beside_it(sampler):
    whole = draw(7, sampler=sampler, seed=3)
    close(draw(2, sampler=sampler, seed=3), whole[:2])
    close(draw(7, sampler=sampler, seed=3, batch_size=3), whole)
    assert abs(draw(7, sampler=sampler, seed=4) - whole).max() > 0.01


def test_parts_keep_their_labels_noise_and_start():
    noise = Noise(0, SHAPE, 5)()
    start = np.linspace(0, 1, 100, dtype=np.float32).reshape(5, *SHAPE)
    options = {"label": [0, 1, 2, "seven", 1], "guidance": 2.0, "noise": noise, "start": start, "seed": 0}
    whole = sample_images(soft, NAMED, SamplingOptions(sampler="ddpm", return_all_timesteps=True, **options))
    parts = sample_images(
        soft, NAMED, SamplingOptions(sampler="ddpm", return_all_timesteps=True, batch_size=2, **options)
    )
    close(parts, whole)


def test_without_a_seed_pictures_are_others_each_time():
    assert abs(draw(1) - draw(1)).max() > 0.01


def test_noise_in_place_of_the_seeds():
    for sampler in ("dpm++", "ddpm"):
        expected = draw(3, sampler=sampler, seed=5)
        close(draw(sampler=sampler, noise=Noise(5, SHAPE, 3)(), seed=5), expected)
        close(draw(sampler=sampler, noise=Noise(5, SHAPE, 3)().astype(float), seed=5), expected)


def test_each_step_is_told_the_time_and_the_type():
    seen = []

    def predict(x, t, labels):
        seen.append((x.dtype, type(t), t, labels))
        return soft(x, t, labels)

    sample_images(predict, SPEC, SamplingOptions(2, steps=3))
    assert seen == [(np.dtype(np.float32), int, t, None) for t in (49, 32, 16)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num": 0}, "num=0: expected an integer from 1 to 100,000"),
        ({"num": 2.0}, "num=2.0: expected an integer from 1 to 100,000"),
        ({"batch_size": 0}, "batch_size=0: expected an integer of at least 1"),
        ({"steps": 51}, "steps=51: expected an integer from 1 to 50"),
        ({"steps": 0}, "steps=0: expected"),
        ({"callback": 3}, r"callback=3: expected a function of \(step, images\)"),
        ({"sampler": "euler"}, "sampler='euler': unknown sampler"),
        ({"seed": -1}, "seed=-1: expected"),
        ({"eta": 1}, "eta=1: expected sampler="),
        ({"noise": np.zeros((2, 1, 5, 4), np.float32)}, r"noise: expected .*, got float32 \(2, 1, 5, 4\)"),
        ({"noise": np.zeros(SHAPE, np.float32)}, r"noise: expected float32 \(num, 1, 4, 5\)"),
        ({"noise": np.zeros((2, *SHAPE), int)}, r"noise: expected .*, got int64 \(2, 1, 4, 5\)"),
        ({"noise": np.full((2, *SHAPE), np.nan)}, "noise: expected finite numbers, got NaN"),
        (
            {"noise": np.zeros((2, *SHAPE)), "num": 3},
            "num=3: expected 3 entries in noise, one for each image, got 2",
        ),
        ({"guidance": 2}, "guidance=2: expected a label for images to follow, got none"),
        (
            {"guidance": -1, "label": 0},
            "label=0: expected no label, because this model was trained without classes",
        ),
        ({"strength": 0.5}, "strength=...: expected start=..., the image that it belongs to"),
        ({"mask": np.ones((4, 5))}, "mask=...: expected start=..., the image that it belongs to"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(rt.InputError, match=message):
        draw(**options)


def test_a_network_that_gives_no_numbers():
    with pytest.raises(rt.InputError, match="expected finite predictions"):
        sample_images(lambda x, t, labels: x * np.float32("nan"), SPEC, SamplingOptions(1))


# ---- labels --------------------------------------------------------------------------------------


def predicted_labels(**options):
    seen = []

    def predict(x, t, labels):
        seen.append(labels.tolist())
        return soft(x, t, labels)

    sample_images(predict, NAMED, SamplingOptions(steps=1, **options))
    return seen[0]


@pytest.mark.parametrize(
    ("label", "num", "expected"),
    [
        ("1", 2, [1, 1]),
        (0, 2, [0, 0]),
        (np.int64(2), 1, [2]),
        (["seven", 0, "1"], None, [2, 0, 1]),
        (np.array([2, 2]), None, [2, 2]),
        ("none", 2, [3, 3]),
        (["0", "none"], None, [0, 3]),
    ],
)
def test_labels_by_name_and_by_number(label, num, expected):
    assert predicted_labels(label=label, num=num) == expected


def labels_of(counts, num, seed, label=None, names=("0", "1", "seven")):
    spec = replace(NAMED, classes=names, class_counts=counts)
    seen = []

    def predict(x, t, labels):
        seen.extend(labels.tolist())
        return soft(x, t, labels)

    sample_images(predict, spec, SamplingOptions(num, steps=1, seed=seed, label=label))
    return seen


def test_without_a_label_classes_are_as_frequent_as_in_training():
    shares = np.bincount(labels_of((900, 0, 100), 1000, 5), minlength=4) / 1000
    np.testing.assert_allclose(shares, [0.9, 0, 0.1, 0], atol=0.03)


@pytest.mark.parametrize("call", [sample_images, draw_with_graph, interpolate_images])
def test_without_a_label_in_a_file_without_counts_all_classes_are_as_frequent(call):
    seen = []

    def predict(x, *rest):
        seen.extend(rest[-1].tolist())
        return soft(x, 0, rest[-1])

    if call is interpolate_images:
        for seed in range(300):
            call(predict, NAMED, PICTURE, PICTURE, SamplingOptions(2, 1, strength=1.0, seed=seed))
    else:
        call(predict, NAMED, SamplingOptions(600, 1 if call is sample_images else None, seed=5))
    shares = np.bincount(seen, minlength=4) / 600
    np.testing.assert_allclose(shares, [1 / 3, 1 / 3, 1 / 3, 0], atol=0.07)


def test_the_label_of_an_image_is_that_of_its_seed():
    whole = labels_of((5, 3, 2), 20, 7)
    assert labels_of((5, 3, 2), 5, 7) == whole[:5]
    assert labels_of((5, 3, 2), 20, 8) != whole
    assert labels_of((5, 3, 2), 20, None) != labels_of((5, 3, 2), 20, None)


def test_a_class_may_be_called_none():
    assert labels_of((), 2, 0, "none", ("a", "none", "b")) == [1, 1]


def test_guidance_follows_labels_that_are_drawn():
    seen = []
    sample_images(
        lambda x, t, labels: seen.append(labels) or soft(x, t, labels),
        NAMED,
        SamplingOptions(4, 1, seed=1, guidance=2.0),
    )
    assert seen[0][:4].max() < 3
    assert seen[0][4:].tolist() == [3] * 4


@pytest.mark.parametrize("steps", [1, 2, 5, 50])
@pytest.mark.parametrize("sampler", ["dpm++", "ddim", "ddpm"])
@pytest.mark.parametrize("how", ["sample", "sample with a mask", "interpolate"])
def test_a_start_stays_recognisable_whatever_the_steps(how, sampler, steps):
    def far(strength):
        options = {"seed": 0, "steps": steps, "sampler": sampler, "strength": strength}
        if how == "interpolate":
            drawn = interpolate_images(soft, SPEC, PICTURE, PICTURE, SamplingOptions(8, **options))
        else:
            mask = {} if how == "sample" else {"mask": np.ones(SHAPE[1:])}
            drawn = draw(8, start=PICTURE, **mask, **options)
        return abs(drawn - PICTURE / 255).mean()

    assert far(0.02) < far(0.05) < far(0.3) < far(1.0)
    assert far(0.02) < 0.05


def test_guidance_runs_both_halves_as_one_batch():
    assert predicted_labels(label=["1", "seven"], guidance=1.5) == [1, 2, 3, 3]
    assert predicted_labels(label=["1", "seven"], guidance=1) == [1, 2]


def test_guidance_goes_on_from_none_to_the_label():
    def guided(x, t, labels):
        free = soft(x, t, np.full(len(x), 3))
        return free + 2.5 * (soft(x, t, np.full(len(x), 1)) - free)

    found = sample_images(soft, NAMED, SamplingOptions(3, label="1", guidance=2.5, seed=0))
    close(found, sample_images(guided, SPEC, SamplingOptions(3, seed=0)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"label": "sevn"},
            "label='sevn': unknown class. Did you mean 'seven'.* Use a class name: 0, 1, seven; a class ind",
        ),
        ({"label": 3}, "label=3: unknown class. Use a class name: 0, 1, seven; a class index from 0 to 2"),
        ({"label": -1}, "label=-1: unknown class"),
        ({"label": True}, "label=True: unknown class"),
        ({"label": ["0", "x"]}, "label='x': unknown class"),
        ({"label": ["0", "1"], "num": 3}, "num=3: expected 3 entries in label.* got 2"),
        ({"label": []}, "num=0"),
        ({"label": "0", "guidance": -0.5}, "guidance=-0.5: expected a number of at least 0"),
        ({"label": "0", "guidance": float("inf")}, "guidance=inf: expected"),
        (
            {"guidance": 2.0, "label": "none"},
            "guidance=2.0: expected a label for images to follow, got none",
        ),
        ({"label": "None"}, "label='None': unknown class"),
    ],
)
def test_labels_that_do_not_fit(options, message):
    with pytest.raises(rt.InputError, match=message):
        sample_images(soft, NAMED, SamplingOptions(**options))


# ---- what is seen on the way ---------------------------------------------------------------------


def test_all_timesteps_begin_with_the_noise_and_end_with_the_pictures():
    every = draw(3, steps=6, seed=1, return_all_timesteps=True)
    assert every.shape == (3, 7, *SHAPE)
    close(every[:, 0], ((Noise(1, SHAPE, 3)() + 1) / 2).clip(0, 1))
    close(every[:, -1], draw(3, steps=6, seed=1))
    assert draw(2, sampler="ddpm", return_all_timesteps=True).shape == (2, 51, *SHAPE)


def test_the_callback_sees_each_step():
    seen = []
    every = draw(3, steps=4, seed=1, return_all_timesteps=True, callback=lambda *each: seen.append(each))
    assert [step for step, _ in seen] == [1, 2, 3, 4]
    for step, pictures in seen:
        close(pictures, every[:, step])


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("terminal", "progress"), [(True, True), (True, False), (False, True)])
def test_the_bar_is_for_people(monkeypatch, terminal, progress):
    written = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    draw(3, steps=4, batch_size=2, progress=progress)
    if terminal and progress:
        assert "] 1 of 8 steps\r" in written.getvalue()
        assert written.getvalue().endswith("] 8 of 8 steps\r\x1b[K")
    else:
        assert written.getvalue() == ""


# ---- pictures to begin with ----------------------------------------------------------------------

PICTURE = np.random.RandomState(0).randint(0, 256, SHAPE[1:]).astype(np.uint8)


def test_noise_is_laid_over_a_start_picture():
    clean = PICTURE.astype(np.float32) / 255 * 2 - 1
    every = draw(2, steps=10, seed=2, start=PICTURE, strength=0.3, return_all_timesteps=True)
    assert every.shape == (2, 4, *SHAPE)
    noisy = SPEC.schedule.add_noise(clean, Noise(2, SHAPE, 2)(), 14)  # the third of ten steps of 50
    close(every[:, 0], ((noisy + 1) / 2).clip(0, 1))
    assert draw(2, steps=10, start=PICTURE, return_all_timesteps=True).shape[1] == 7  # 0.6 of 10


def test_the_weaker_the_noise_the_more_of_the_picture_is_left():
    far = [
        abs(draw(8, seed=0, steps=50, start=PICTURE, strength=s) - PICTURE / 255).mean()
        for s in (0.02, 0.3, 1)
    ]
    assert far[0] < far[1] < far[2]
    assert far[0] < 0.05


def test_start_pictures_as_paths_and_arrays(tmp_path):
    path = tmp_path / "start.png"
    Image.fromarray(PICTURE).save(str(path))
    expected = draw(2, seed=0, start=PICTURE)
    ready = (PICTURE / np.float32(255))[np.newaxis, np.newaxis]
    for start in (str(path), path, path.read_bytes(), Image.fromarray(PICTURE), PICTURE / 255, ready):
        close(draw(2, seed=0, start=start), expected)
    several = draw(seed=0, start=[PICTURE, path, PICTURE // 2])
    assert several.shape == (3, *SHAPE)
    close(several[:2], expected)


def test_start_pictures_of_other_sizes_are_resized_as_the_card_says():
    large = np.random.RandomState(1).randint(0, 256, (40, 30, 3)).astype(np.uint8)
    preprocess = Preprocess("grayscale", (("resize", 4, 5),))
    close(draw(1, seed=0, start=large), draw(1, seed=0, start=preprocess(large)[np.newaxis]))
    cut = Preprocess("grayscale", (("center_crop", 4, 5),))
    expected = draw(1, seed=0, start=cut(large)[np.newaxis])
    close(draw(1, seed=0, start=large, preprocess=cut), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": "missing.png"}, "missing.png: no such file"),
        ({"start": 3}, "expected an image as a path"),
        ({"start": PICTURE, "strength": 0}, "strength=0: expected a number above 0, at most 1"),
        ({"start": [PICTURE] * 2, "num": 3}, "num=3: expected 3 entries in start.* got 2"),
        ({"start": np.zeros((1, 1, 8, 8), np.float32)}, r"expected one sample of shape .*, got \(1, 8, 8\)"),
        (
            {"start": np.zeros((9, 9), np.uint8), "preprocess": Preprocess("grayscale")},
            r"input\[0\]: expected one sample of shape \(1, 4, 5\), got \(1, 9, 9\)",
        ),
    ],
)
def test_start_pictures_that_do_not_fit(options, message):
    with pytest.raises(rt.InputError, match=message):
        draw(**options)


# ---- from one picture to another -----------------------------------------------------------------


def interpolate(first, second, num=9, strength=0.6, **options):
    return interpolate_images(soft, SPEC, first, second, SamplingOptions(num, strength=strength, **options))


def test_interpolation_goes_from_one_picture_to_the_other():
    other = 255 - PICTURE
    found = interpolate(PICTURE, other, num=5, strength=0.02, steps=50, seed=0)
    assert found.shape == (5, *SHAPE)
    for share, picture in zip(np.linspace(0, 1, 5), found):
        blend = (1 - share) * PICTURE / 255 + share * other / 255
        assert abs(picture - blend).mean() < 0.05
    noise = Noise(0, SHAPE, 2)()
    close(found[:1], draw(start=PICTURE, noise=noise[:1], strength=0.02, steps=50))
    close(found[4:], draw(start=other, noise=noise[1:], strength=0.02, steps=50))


def test_interpolated_noise_keeps_its_variance():
    spec = DiffusionSpec(Schedule(50), (1, 64, 64))
    grey = np.full((64, 64), 127, np.uint8)
    seen = []
    interpolate_images(
        lambda x, t, labels: seen.append(x) or x,
        spec,
        grey,
        grey,
        SamplingOptions(5, 1, strength=1.0, seed=0),
    )
    np.testing.assert_allclose(seen[0].std(axis=(1, 2, 3)), 1, atol=0.05)


def test_interpolation_takes_the_other_options():
    found = interpolate(PICTURE, PICTURE, 3, sampler="ddim", steps=10, return_all_timesteps=True)
    assert found.shape == (3, 7, *SHAPE)


@pytest.mark.parametrize(
    ("ends", "num", "message"),
    [
        ([PICTURE, PICTURE], 1, "num=1: expected at least 2"),
        ([[PICTURE, PICTURE], PICTURE], 3, "expected one image for each of the two ends"),
        ([PICTURE, "missing.png"], 3, "missing.png: no such file"),
    ],
)
def test_interpolations_that_do_not_fit(ends, num, message):
    with pytest.raises(rt.InputError, match=message):
        interpolate(*ends, num)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("sede", "'sede'. Did you mean 'seed'?"),
        ("foo", "unknown option 'foo'."),
        ("start", "unknown option 'start': both images are given. Leave it out."),
        ("noise", "unknown option 'noise': both images are given. Leave it out."),
        ("mask", "unknown option 'mask': both images are given. Leave it out."),
    ],
)
def test_unknown_options_of_interpolations(open_model, option, message):
    with pytest.raises(rt.CallError) as raised:
        open_model("denoiser").interpolate(PICTURE, PICTURE, **{option: None})
    said = str(raised.value)
    assert said.startswith("interpolate(): ")
    assert message in said
    assert "interpolate() takes: steps, sampler, seed, eta, label, guidance, return_all_timesteps" in said


# ---- drawing a part anew -------------------------------------------------------------------------

MASK = np.zeros((4, 5), int)
MASK[1:3, 2:] = 1


@pytest.mark.parametrize("sampler", ["dpm++", "ddim", "ddpm"])
def test_what_is_kept_is_kept_exactly(sampler):
    found = draw(3, seed=0, sampler=sampler, start=PICTURE, mask=MASK)
    kept = (PICTURE / np.float32(255))[MASK == 0]
    for picture in found:
        np.testing.assert_array_equal(picture[0][MASK == 0], kept)
        assert abs(picture[0] - PICTURE / 255)[MASK == 1].max() > 0.05


def test_what_is_kept_is_as_noisy_as_the_rest_on_the_way():
    every = draw(1, seed=0, steps=5, start=PICTURE, mask=MASK, return_all_timesteps=True)
    noise = Noise(0, SHAPE, 1)()
    for step, t in enumerate((49, 39, 29, 19, 9, -1)):
        noisy = SPEC.schedule.add_noise(PICTURE.astype(np.float32) / 255 * 2 - 1, noise, t)
        close(every[0, step, 0][MASK == 0], ((noisy + 1) / 2).clip(0, 1)[0, 0][MASK == 0])


def test_a_mask_without_a_hole_keeps_the_picture_and_a_full_one_none_of_it():
    empty = draw(1, seed=0, start=PICTURE, mask=np.zeros((4, 5)))
    np.testing.assert_array_equal(empty[0, 0], PICTURE / np.float32(255))
    close(draw(1, seed=0, start=PICTURE, mask=np.ones((4, 5))), draw(1, seed=0, start=PICTURE, strength=1.0))


def test_masks_as_pictures(tmp_path):
    path = tmp_path / "mask.png"
    Image.fromarray((MASK * 255).astype(np.uint8)).save(str(path))
    expected = draw(2, seed=0, start=PICTURE, mask=MASK)
    for mask in (
        str(path),
        path,
        path.read_bytes(),
        Image.open(str(path)),
        io.BytesIO(path.read_bytes()),
        str(path.parent / "m*.png"),
        MASK.astype(bool),
        MASK.astype(float),
        MASK.tolist(),
        (MASK * 255).astype(np.uint8),
        (MASK * 255).astype(float),
        (MASK * 255).tolist(),
    ):
        close(draw(2, seed=0, start=PICTURE, mask=mask), expected)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.ones((5, 4)), r"mask: expected \(4, 5\), the height and width .*, got \(5, 4\)"),
        (np.ones((1, 4, 5)), r"mask: .* got \(1, 4, 5\)"),
        (Image.new("L", (28, 28)), r"mask: expected \(4, 5\).*got \(28, 28\)"),
        (np.full((4, 5), 2), "mask: expected 1 or 255"),
        (np.full((4, 5), 0.5), "mask: expected 1 or 255"),
        ("missing.png", "missing.png: no such file"),
    ],
)
def test_masks_that_do_not_fit(mask, message):
    with pytest.raises(rt.InputError, match=message):
        draw(1, start=PICTURE, mask=mask)


# ---- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["dpm++", "ddim", "ddpm"])
@pytest.mark.parametrize("steps", [1, 7, 30])
def test_a_file_that_knows_the_picture_draws_it(open_model, sampler, steps):
    found = open_model("denoiser").sample(3, steps, sampler, seed=0)
    np.testing.assert_allclose(found, np.full((3, 1, 4, 5), 0.3), atol=1e-5)


def test_a_file_with_classes(open_model):
    model = open_model("denoiser_classes")
    found = model.sample(label=["红", "blue", 1], seed=0)
    assert found.shape == (3, 3, 6, 4)
    np.testing.assert_allclose(found.mean((1, 2, 3)), [0.2, 0.9, 0.9], atol=1e-5)
    found = model.sample(2, label="none", seed=0)
    np.testing.assert_allclose(found, np.full((2, 3, 6, 4), 0.5), atol=1e-5)
    assert {round(float(each), 3) for each in model.sample(20, seed=0).mean((1, 2, 3))} == {0.2, 0.9}
    found = model.sample(2, label="红", guidance=1.5, seed=0)
    np.testing.assert_allclose(found, np.full((2, 3, 6, 4), 0.05), atol=1e-5)  # 0.5 + 1.5 (0.2 - 0.5)


def test_a_file_takes_every_option(open_model):
    model = open_model("denoiser")
    seen = []
    found = model.sample(
        steps=10,
        sampler="ddim",
        seed=0,
        eta=0.5,
        start=np.zeros((9, 9, 3), np.uint8),
        strength=0.5,
        mask=MASK,
        noise=Noise(0, SHAPE, 2)(),
        return_all_timesteps=True,
        callback=lambda step, pictures: seen.append(step),
        progress=True,
        batch_size=1,
    )
    assert found.shape == (2, 6, *SHAPE)
    assert seen == [1, 2, 3, 4, 5] * 2
    np.testing.assert_allclose(found[:, -1, 0], np.broadcast_to(MASK * 0.3, (2, 4, 5)), atol=1e-5)
    blended = model.interpolate(PICTURE, PICTURE, num=3, seed=0, steps=6)
    np.testing.assert_allclose(blended, np.full((3, 1, 4, 5), 0.3), atol=1e-5)


def test_a_file_that_holds_the_loop(open_model):
    model = open_model("loop")
    noise = Noise(4, SHAPE, 5)()
    expected = 0.1 * noise + 0.5
    close(model.sample(5, seed=4), expected)
    close(model.sample(5, seed=4, batch_size=2), expected)
    close(model.sample(noise=noise), expected)
    close(model.sample(5, seed=4, steps=10, sampler="ddim", guidance=1, eta=0), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"steps": 20},
            "loop.onnx: steps=20: expected the sampling loop inside this file, sampler='ddim', st",
        ),
        ({"sampler": "ddpm"}, "sampler='ddpm': expected the sampling loop inside this file"),
        ({"guidance": 2}, "guidance=2: expected the sampling loop inside this file"),
        ({"eta": 0.5}, "eta=0.5: expected the sampling loop inside this file"),
        (
            {"start": PICTURE},
            r"start=...: expected the sampling loop.* Leave start out, or use a file of the denoiser",
        ),
        ({"mask": MASK}, "mask=...: expected the sampling loop inside this file"),
        ({"strength": 0.5}, "strength=0.5: expected the sampling loop inside this file"),
        (
            {"return_all_timesteps": True},
            "return_all_timesteps=True: expected the sampling loop inside this file",
        ),
        ({"callback": print}, "callback=...: expected the sampling loop inside this file"),
        ({"steps": np.array([2, 20])}, "steps=...: expected the sampling loop"),
        ({"sampler": np.array(["ddim", "ddpm"])}, "sampler=...: expected the sampling loop"),
        ({"eta": np.zeros(2)}, "eta=...: expected the sampling loop"),
        ({"strength": False}, "strength=False: expected the sampling loop"),
        ({"label": "0"}, "label='0': expected no label, because this model was trained without classes"),
        ({"noise": np.zeros((1, 1, 5, 4))}, "noise: expected .*, got float64"),
        ({"num": 0}, "num=0: expected"),
    ],
)
def test_options_that_a_loop_cannot_follow(open_model, options, message):
    with pytest.raises(rt.InputError, match=message):
        open_model("loop").sample(**options)


def test_a_loop_does_not_interpolate(open_model):
    with pytest.raises(
        rt.InputError, match=r"interpolate\(\) expected the denoiser alone.* the sampling loop inside"
    ):
        open_model("loop").interpolate(PICTURE, PICTURE)


# ---- models that draw nothing --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["table", "image_classifier", "text"])
def test_models_that_are_no_diffusion_models(open_model, name):
    model = open_model(name)
    message = r"expected a diffusion model, got .* without noise schedule.* add\('diffusion_model'"
    with pytest.raises(rt.CardError, match=message):
        model.sample()
    with pytest.raises(rt.CardError, match=message):
        model.interpolate(PICTURE, PICTURE)


def test_a_file_without_a_card(open_model):
    with pytest.raises(rt.CardError, match="no onnxnn card in its metadata, which sample needs"):
        open_model("no_card").sample()


def test_a_card_that_tells_of_another_graph(open_model):
    card = open_model("denoiser").card
    with pytest.raises(
        rt.CardError,
        match="expected the inputs x, t of the diffusion model in its card, got noise in the graph",
    ):
        open_model("loop", card=card).sample()
    named = replace(card, diffusion=replace(card.diffusion, classes=("a",)))
    with pytest.raises(
        rt.CardError, match="expected the inputs x, t, label of the diffusion model in its card, got x, t"
    ):
        open_model("denoiser", card=named).sample()


def test_predict_names_the_way(open_model):
    with pytest.raises(
        rt.CardError, match=r"predict\(\) expected an output of classes or values, .* 'image'. Use sample\(\)"
    ):
        open_model("denoiser").predict(PICTURE)


def test_the_card_comes_back(open_model):
    card = open_model("denoiser_classes").card
    spec = card.diffusion
    assert spec == DiffusionSpec(Schedule(40, "linear", "noise"), (3, 6, 4), ("红", "blue"))
    baked = replace(card, diffusion=replace(spec, sampler=SamplerSpec("dpm++", 20, 2)))
    assert rt.ModelCard.from_json(baked.to_json()) == baked


@pytest.mark.parametrize(
    ("written", "read", "message"),
    [
        ('"schedule": {', '"schedul": {', "expected the key 'diffusion.schedule', got none"),
        (
            '"kind": "linear", "pred',
            '"kind": "square", "pred',
            "'diffusion.schedule': schedule='square': expected",
        ),
        ('"timesteps": 40', '"timesteps": "40"', "'diffusion.schedule': timestep='40': expected"),
        ('"timesteps": 40', '"steps": 40', "'diffusion.schedule': schedule: expected the keys"),
        (
            '"shape": [3, 6, 4]',
            '"shape": [3, 6]',
            r"'diffusion.shape': expected \(1 or 3 channels, height, w",
        ),
        ('"shape": [3, 6, 4]', '"shape": [3, 6, 0]', "'diffusion.shape': expected"),
        ('"shape": [3, 6, 4]', '"shape": [3, 6, "w"]', "'diffusion.shape': expected"),
        (
            '"sampler": null',
            '"sampler": {"name": "ddim"}',
            "expected the key 'diffusion.sampler.steps', got none",
        ),
        (
            '"sampler": null',
            '"sampler": {"name": "ddim", "steps": 41, "guidance": 1.0}',
            "'diffusion.sampler.steps': expected 1 to 40, got 41",
        ),
        ('"sampler": null', '"sampler": null, "x": 1', "unknown 'diffusion.x'"),
    ],
)
def test_cards_that_are_damaged(open_model, written, read, message):
    text = open_model("denoiser_classes").card.to_json()
    assert text.count(written) == 1
    with pytest.raises(rt.CardError, match=message):
        rt.ModelCard.from_json(text.replace(written, read))
