"""Sampling in torch: inference, interpolation, and noise to look at."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnxnn_runtime.card.schedule import Schedule
from onnxnn_runtime.errors import InputError
from PIL import Image
from support.diffusion import SMALL, bars, denoiser
from support.weights import same_weights

from onnxnn import nn
from onnxnn.inference.diffusion import add_noise
from onnxnn.inspection import wording
from onnxnn.network import diffusion as drawing


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    model = denoiser(tmp_path_factory.mktemp("trained"), classes=True)
    model.train(lr=3e-3, epochs=2)
    return model


# ---- noise to look at ------------------------------------------------------------------------------


def test_noise_grows_as_the_schedule_says():
    schedule = Schedule(100, "cosine")
    image = np.full((1, 64, 64), 0.75, np.float32)
    torch.manual_seed(0)
    found, steps = add_noise(schedule, image, 100, 5)
    assert steps == [0, 25, 50, 74, 99]
    assert len(found) == 5
    assert all(each.dtype == np.float32 and each.min() >= 0 and each.max() <= 1 for each in found)
    assert np.abs(found[0] - 0.75).max() < 0.06
    early = add_noise(schedule, image, 6, 2)[0][1]
    signal, strength = schedule.strengths(5)
    assert early.mean() == pytest.approx((signal * 0.5 + 1) / 2, abs=0.005)
    assert early.std() == pytest.approx(strength / 2, rel=0.05)
    spread = [float(each.std()) for each in found]
    assert spread == sorted(spread)
    assert found[-1].mean() == pytest.approx(0.5, abs=0.02)


def test_noisy_writes_a_strip_and_says_where(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(bars(1)[0][0]).save("0.jpg")
    model = nn()
    model.add("diffusion_model", **SMALL)
    model.color = "grayscale"
    found = model.noisy("0.jpg", timestep=np.int64(20), num=np.int64(4))
    assert [each.shape for each in found] == [(1, 8, 8)] * 4
    assert "noisy.png" in capsys.readouterr().out
    with Image.open("noisy.png") as image:
        assert image.mode == "L"
        assert image.width > 3 * image.height
    (tmp_path / "checkpoints").mkdir()
    model.noisy("0.jpg", timestep=20)
    assert (tmp_path / "checkpoints/noisy.png").is_file()
    model.noisy("0.jpg", timestep=20, path="here.png")
    assert (tmp_path / "here.png").is_file()


@pytest.mark.parametrize("font", [None, "a.ttf"])
def test_captions_are_chinese_where_a_font_can_write_them(tmp_path, monkeypatch, font):
    written = []
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    monkeypatch.setattr(wording, "cjk_font", lambda: font)
    monkeypatch.setattr(
        drawing, "_show", lambda network, images, columns, path, line, captions: written.extend(captions)
    )
    model = nn(verbose=0, save_fold=str(tmp_path))
    model.add("diffusion_model", **SMALL)
    model.noisy(np.zeros((8, 8, 3), np.uint8), timestep=20, num=2, path=tmp_path / "a.png")
    assert written == (["step 0", "step 19"] if font is None else ["第 0 步", "第 19 步"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timestep": 21}, r"noisy\(timestep=21\).*from 1 to 20"),
        ({"timestep": 0}, r"noisy\(timestep=0\)"),
        ({"timestep": 20, "num": 0}, r"noisy\(num=0\).*at least 1"),
    ],
)
def test_noisy_refuses_steps_that_are_not_there(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        denoiser(tmp_path).noisy(bars(1)[0][0], show=False, **options)


def test_inference_gives_images_and_every_step(trained):
    assert trained.inference(num=5, steps=3).shape == (5, 1, 8, 8)
    every = trained.inference(num=3, return_all_timesteps=True)
    assert every.shape == (3, 21, 1, 8, 8)
    assert every.dtype == np.float32
    assert every.min() >= 0
    assert every.max() <= 1
    few = trained.inference(num=3, return_all_timesteps=True, steps=4, sampler="ddim", seed=1)
    assert few.shape == (3, 5, 1, 8, 8)
    assert np.array_equal(few[:, -1], trained.sample(num=3, steps=4, sampler="ddim", seed=1))


def test_a_checkpoint_samples_the_same(trained, tmp_path):
    path = trained.save(tmp_path / "saved.pth")
    fresh = nn(verbose=0)
    drawn = fresh.inference(checkpoint=path, num=4, seed=3, label="top", guidance=2.0)
    assert np.array_equal(drawn, trained.sample(4, seed=3, label="top", guidance=2.0))
    assert not np.array_equal(drawn, fresh.sample(4, seed=3, label="bottom", guidance=2.0))
    assert fresh.model.training is False or drawn.shape == (4, 1, 8, 8)


def test_sampling_leaves_the_network_as_it_was(trained):
    before = {name: value.clone() for name, value in trained.model.state_dict().items()}
    for mode in (True, False):
        trained.model.train(mode)
        trained.sample(num=2, steps=2)
        assert trained.model.training is mode
    assert same_weights(before, trained.model.state_dict())


def test_interpolation_and_start(trained):
    first, second = bars(2)[0]
    assert trained.interpolate(first, second, num=5, steps=4).shape == (5, 1, 8, 8)
    mask = np.zeros((8, 8))
    mask[4:] = 1
    kept = trained.sample(num=2, start=first, mask=mask, steps=4, seed=0)
    assert np.abs(kept[:, 0, :4] - first[:4] / 255).max() < 1e-5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num": 1, "steps": 21}, "steps=21.*from 1 to 20"),
        ({"num": 1, "steps": 0}, "steps=0"),
        ({"num": 1, "sampler": "dpn++"}, r"sampler='dpn\+\+'.*Did you mean 'dpm\+\+'"),
        ({"num": 1, "label": "left"}, "left.*top, bottom"),
        ({"data": "cat.png"}, r"from noise.*sample\(start=image"),
    ],
)
def test_inference_refuses(trained, options, message):
    with pytest.raises(InputError, match=message):
        trained.inference(**options)


def test_a_label_for_a_network_without_classes(tmp_path):
    with pytest.raises(InputError, match="class"):
        denoiser(tmp_path).sample(num=1, label="top")


@pytest.mark.parametrize(
    "call",
    [
        lambda model: model.visual_feature(bars(1)[0][0]),
        lambda model: model.extract_feature(bars(1)[0][0]),
        lambda model: model.generate("a"),
        lambda model: model.print_result(),
    ],
)
def test_calls_that_ask_for_an_output(trained, call):
    with pytest.raises(InputError, match=r"samples images from noise. Use sample\(num=16\)"):
        call(trained)


@pytest.mark.parametrize(
    "call",
    [
        lambda model: model.sample(num=2),
        lambda model: model.noisy(bars(1)[0][0]),
        lambda model: model.inference(num=2),
        lambda model: model.inference(np.zeros((1, 3)), return_all_timesteps=True),
    ],
)
def test_networks_that_do_not_sample(call):
    model = nn(verbose=0)
    model.add("linear", size=(3, 2), activation="softmax")
    with pytest.raises(InputError, match=r"add\('diffusion_model'"):
        call(model)
