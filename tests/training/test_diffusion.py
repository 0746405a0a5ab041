"""Training a diffusion model: what it learns from, its loss and average, and what it draws in torch."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from onnxnn_runtime.card.schedule import Schedule
from onnxnn_runtime.errors import DataError, InputError, TrainingError
from PIL import Image
from support.paths import ROOT

import onnxnn.recipe
from onnxnn import nn
from onnxnn.checkpoint import checkpoint
from onnxnn.datasets import Digits, digits
from onnxnn.inference.diffusion import add_noise
from onnxnn.recipe import read_recipe
from onnxnn.training.callbacks import Callback
from onnxnn.training.denoising import Denoising, make_loss, weights_of_steps
from onnxnn.training.ema import MovingAverage

SMALL = {"img_size": 8, "timestep": 20, "dim": 8, "dim_mults": (1, 2), "attention": False}


def bars(count=24, side=8):
    """Pictures of a light row on dark ground, uint8 (N, H, W), and in which half it is."""
    rng = np.random.default_rng(0)
    rows = np.arange(count) % side
    pictures = rng.integers(0, 40, (count, side, side), dtype=np.uint8)
    pictures[np.arange(count), rows] = 230
    return pictures, (rows >= side // 2).astype(int)


def network(folder, seed=0, ratio=1.0, **options):
    model = nn(save_fold=str(folder), verbose=0)
    model.set_seed(seed)
    model.load_dataset(*bars(), classes=["top", "bottom"], batch_size=8, train_val_ratio=ratio)
    model.add("diffusion_model", **{**SMALL, **options})
    return model


@pytest.fixture
def folders(tmp_path):
    """Class folders of pictures in different sizes."""

    def write(sizes=((8, 8),), classes=("only",)):
        root = tmp_path / "pictures"
        for name in classes:
            (root / name).mkdir(parents=True)
            for number in range(6):
                size = sizes[number % len(sizes)]
                pixels = np.full((*size, 3), 40 * number, np.uint8)
                Image.fromarray(pixels).save(root / name / f"{number}.png")
        return root

    return write


def weights(path):
    return checkpoint.load(path).state_dict


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


# ---- the loss --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["linear", "cosine", "sigmoid"])
def test_min_snr_weighs_the_error_of_the_clean_picture_by_the_smaller_of_snr_and_five(kind):
    for prediction in ("noise", "v"):
        schedule = Schedule(50, kind, prediction)
        left = schedule.alphas_cumprod
        # One unit of error in the prediction, as an error of x0: x0 = (x - s e) / a, and x0 = a x - s v.
        error = (1 - left) / left if prediction == "noise" else 1 - left
        found = weights_of_steps(schedule, "MinSNR")
        np.testing.assert_allclose(found, error * np.minimum(left / (1 - left), 5), rtol=1e-9)
        assert (weights_of_steps(schedule, "MSELoss") == 1).all()


class Perfect(torch.nn.Module):
    """Knows the clean pictures, and tells what the network should."""

    def __init__(self, clean, schedule):
        super().__init__()
        self.clean, self.schedule = clean, schedule
        self.seen = []

    def forward(self, x, t, label=None):
        left = torch.from_numpy(self.schedule.alphas_cumprod)[t].float()[:, None, None, None]
        noise = (x - left.sqrt() * self.clean) / (1 - left).sqrt()
        self.seen.append((x.clone(), t.clone(), None if label is None else label.clone()))
        if self.schedule.prediction == "noise":
            return noise
        return left.sqrt() * noise - (1 - left).sqrt() * self.clean


def learner(tmp_path, loss=None, **options):
    model = network(tmp_path, **options)
    return Denoising(model.model, make_loss(loss)), model.model


@pytest.mark.parametrize("prediction", ["noise", "v"])
def test_who_knows_the_picture_has_no_loss(tmp_path, prediction, monkeypatch):
    found, net = learner(tmp_path, prediction=prediction)
    pictures = torch.rand(6, 1, 8, 8)
    perfect = Perfect(pictures * 2 - 1, net[0].schedule)
    monkeypatch.setattr(net[0], "forward", perfect.forward)
    loss, output = found(pictures, torch.zeros(6, dtype=torch.int64))
    assert float(loss.detach()) < 1e-8
    assert output.shape == pictures.shape
    monkeypatch.setattr(net[0], "forward", lambda x, t, label: perfect(x, t) + 1)
    loss, _ = Denoising(net, make_loss("MSELoss"))(pictures, torch.zeros(6, dtype=torch.int64))
    assert float(loss.detach()) == pytest.approx(1, rel=1e-4)


def test_training_sees_every_step_equally_often_and_spread_over_a_batch(tmp_path):
    found, _ = learner(tmp_path)
    torch.manual_seed(0)
    drawn = torch.stack([found.train()._steps(10) for _ in range(400)])
    assert drawn.min() == 0
    assert drawn.max() == 19
    counts = torch.bincount(drawn.flatten(), minlength=20)
    assert counts.min() > 140
    assert counts.max() < 260
    assert (torch.sort(drawn, 1).values.diff(dim=1) >= 1).float().mean() > 0.9
    assert not (drawn.diff(dim=1) > 0).all()


def test_validation_has_the_same_noise_and_steps_each_time(tmp_path):
    found, _ = learner(tmp_path)
    pictures, target = torch.rand(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64)
    found.eval().requires_grad_(False)
    first, second = float(found(pictures, target)[0]), float(found(pictures, target)[0])
    assert first != second  # the second batch of a pass has noise of its own
    state = torch.get_rng_state()
    found.train()
    found.eval()
    assert [float(found(pictures, target)[0]) for _ in range(2)] == [first, second]
    assert torch.equal(state, torch.get_rng_state())
    every = found.eval()._steps(40)
    assert len(every.unique()) == 20


def test_one_label_in_ten_is_dropped_in_training_only(tmp_path):
    found, net = learner(tmp_path, classes=True)
    target = torch.arange(2000) % 2
    torch.manual_seed(0)
    kept = found.train()._labels(target)
    dropped = kept == net[0].num_classes
    assert 150 < int(dropped.sum()) < 250
    assert torch.equal(kept[~dropped], target[~dropped])
    assert torch.equal(found.eval()._labels(target), target)


@pytest.mark.parametrize("loss", ["MinSNR", "min_snr", "mse", "L1Loss", "huber"])
def test_losses_by_name(tmp_path, loss):
    assert np.isfinite(network(tmp_path).train(epochs=1, loss=loss)[0]["loss"])


@pytest.mark.slow
def test_it_learns(tmp_path):
    model = network(tmp_path, ratio=0.75)
    history = model.train(lr=5e-3, epochs=90, metrics=[], schedule="onecycle", samples_every=0)
    assert history[-1]["loss"] < 0.6 * history[0]["loss"]
    assert history[-1]["val_loss"] < 0.6 * history[0]["val_loss"]
    assert model.evaluate()["loss"] == pytest.approx(history[-1]["val_loss"], rel=1e-5)
    assert model.evaluate()["loss"] == model.evaluate()["loss"]
    drawn = model.sample(num=64, steps=10, seed=0)
    rows = np.sort(drawn[:, 0].mean(axis=2), axis=1)
    assert np.median(rows[:, -1] - rows[:, -3]) > 0.15  # one light row; 0.11 in noise
    distances = ((drawn[:, None] - bars()[0][:, None] / 255) ** 2).mean((2, 3, 4)) ** 0.5
    assert distances.min(1).mean() < 0.35  # 0.51 from noise


# ---- the average -----------------------------------------------------------------------------------


def test_the_average_follows_its_formula():
    net = torch.nn.Linear(1, 1, bias=False).requires_grad_(False)
    average = MovingAverage(net, 0.5)
    expected = float(net.weight)
    for step in range(1, 12):
        net.weight.fill_(float(step))
        average.update()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
        with average.shown():
            assert float(net.weight) == pytest.approx(expected, rel=1e-6)
        assert float(net.weight) == step
    assert average.state()["weights"]["weight"] == 11
    average.keep()
    assert float(net.weight) == pytest.approx(expected, rel=1e-6)
    assert average.state()["weights"]["weight"] == 11


class Raw(Callback):
    """Keeps the weights that were trained, as they are in a step and behind an epoch."""

    def on_step(self, trainer):
        self.trained = {name: value.clone() for name, value in trainer.net.state_dict().items()}

    def on_epoch(self, trainer):
        self.shown = {name: value.clone() for name, value in trainer.net.state_dict().items()}


def test_the_average_is_what_validation_checkpoint_and_network_hold(tmp_path):
    raw = Raw()
    model = network(tmp_path, ratio=0.75)
    history = model.train(lr=3e-3, epochs=3, callbacks=[raw])
    held = {name: value.clone() for name, value in model.model.state_dict().items()}
    assert not same(raw.trained, held)
    assert same(raw.shown, held)
    assert same(weights(tmp_path / "basenn.pth"), held)
    assert model.evaluate()["loss"] == pytest.approx(history[-1]["val_loss"], rel=1e-5)
    kept = checkpoint.load(tmp_path / "basenn.pth").training["average"]["weights"]
    assert same(kept, raw.trained)


def test_without_an_average_the_weights_are_those_of_the_last_step(tmp_path):
    raw = Raw()
    network(tmp_path).train(epochs=2, ema=0, callbacks=[raw])
    assert same(weights(tmp_path / "basenn.pth"), raw.trained)
    assert checkpoint.load(tmp_path / "basenn.pth").training["average"] is None


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"classes": True, "prediction": "noise"}, {"attention": True}])
def test_four_epochs_and_six_more_are_ten(tmp_path, options):
    whole = network(tmp_path / "whole", ratio=0.75, **options).train(lr=2e-3, epochs=10)
    network(tmp_path / "parts", ratio=0.75, **options).train(lr=2e-3, epochs=4)
    later = network(tmp_path / "parts", ratio=0.75, **options)
    torch.manual_seed(99)  # the checkpoint brings its own
    parts = later.train(epochs=6, checkpoint=tmp_path / "parts/basenn.pth")
    assert parts == whole
    assert same(weights(tmp_path / "parts/basenn.pth"), weights(tmp_path / "whole/basenn.pth"))
    trained = [
        checkpoint.load(tmp_path / name / "basenn.pth").training["average"]["weights"]
        for name in ("whole", "parts")
    ]
    assert same(*trained)


def test_going_on_without_an_average_begins_with_the_trained_weights(tmp_path):
    network(tmp_path).train(lr=2e-3, epochs=3)
    trained = checkpoint.load(tmp_path / "basenn.pth").training["average"]["weights"]

    class First(Callback):
        def on_start(self, trainer):
            self.held = {name: value.clone() for name, value in trainer.net.state_dict().items()}

    first = First()
    network(tmp_path).train(epochs=1, ema=0, checkpoint=tmp_path / "basenn.pth", callbacks=[first])
    assert same(first.held, trained)


def test_other_networks_can_have_an_average_too(tmp_path):
    rng = np.random.default_rng(0)
    model = nn(save_fold=str(tmp_path), verbose=0)
    x = torch.from_numpy(rng.random((20, 3), dtype=np.float32))
    model.load_dataset(x, np.arange(20) % 2, batch_size=5)
    model.add("linear", size=(3, 4))
    model.add("batchnorm1d", size=4)
    model.add("linear", size=(4, 2), activation="softmax")
    raw = Raw()
    model.train(lr=0.1, epochs=3, ema=0.9, callbacks=[raw])
    held = weights(tmp_path / "basenn.pth")
    assert not torch.equal(held["linear1.weight"], raw.trained["linear1.weight"])
    scores = torch.nn.functional.linear(x, held["linear1.weight"], held["linear1.bias"])  # of the average
    assert torch.allclose(held["batchnorm1d2.running_mean"], scores.mean(0), rtol=1e-5)
    assert not torch.allclose(raw.trained["batchnorm1d2.running_mean"], scores.mean(0), rtol=1e-2)


def test_ctrl_c_keeps_the_average(tmp_path):
    class Stop(Raw):
        def on_step(self, trainer):
            super().on_step(trainer)
            if trainer.epoch == 1:
                raise KeyboardInterrupt

    stop = Stop()
    model = network(tmp_path)
    model.train(lr=3e-3, epochs=5, callbacks=[stop])
    held = dict(model.model.state_dict())
    assert not same(held, stop.trained)
    assert same(weights(tmp_path / "basenn.pth"), held)
    assert len(network(tmp_path).train(resume=tmp_path / "basenn.pth")) == 5


def test_mixed_precision(tmp_path):
    history = network(tmp_path, classes=True).train(lr=2e-3, epochs=2, precision="bf16-mixed")
    assert all(np.isfinite(row["loss"]) for row in history)


# ---- samples while it learns -----------------------------------------------------------------------


def written(folder):
    return sorted(file.name for file in (folder / "samples").glob("*"))


@pytest.mark.slow
def test_samples_are_written_at_powers_of_two_and_eight_times_in_all(tmp_path):
    network(tmp_path).train(epochs=17)
    assert written(tmp_path) == [f"epoch_{n:04d}.png" for n in (1, 2, 4, 6, 8, 10, 12, 14, 16, 17)]
    with Image.open(tmp_path / "samples/epoch_0017.png") as picture:
        assert picture.width == picture.height > 4 * 8


def test_samples_as_often_as_asked(tmp_path):
    network(tmp_path / "three").train(epochs=7, samples_every=3)
    assert written(tmp_path / "three") == [f"epoch_{n:04d}.png" for n in (3, 6, 7)]
    network(tmp_path / "never").train(epochs=2, samples_every=0)
    assert not (tmp_path / "never/samples").exists()


def test_samples_at_the_end_of_a_training_that_was_stopped(tmp_path):
    class Stop(Callback):
        def on_epoch(self, trainer):
            trainer.stop = trainer.epoch == 3

    network(tmp_path).train(epochs=50, samples_every=40, callbacks=[Stop()])
    assert written(tmp_path) == ["epoch_0003.png"]


def test_samples_change_nothing_in_training(tmp_path):
    histories = [
        network(tmp_path / str(every), classes=True).train(epochs=3, samples_every=every) for every in (0, 1)
    ]
    assert histories[0] == histories[1]
    assert same(weights(tmp_path / "0/basenn.pth"), weights(tmp_path / "1/basenn.pth"))


# ---- data ------------------------------------------------------------------------------------------


def load(root, **options):
    model = nn(save_fold=str(root.parent / "ckpt"), verbose=0)
    model.load_img_data(root, batch_size=3, **options)
    return model


@pytest.mark.parametrize("sizes", [((8, 8),), ((12, 10),), ((8, 8), (20, 16), (9, 9))])
@pytest.mark.parametrize("first", ["data", "layer"])
def test_pictures_of_any_size_and_one_class(folders, sizes, first):
    root = folders(sizes)
    if first == "data":
        model = load(root, color="grayscale")
        model.add("diffusion_model", **SMALL)
    else:
        model = nn(save_fold=str(root.parent / "ckpt"), verbose=0)
        model.add("diffusion_model", **SMALL)
        model.load_img_data(root, batch_size=3, color="grayscale")
    assert model._data.train.tensors()[0].shape == (6, 1, 8, 8)
    assert len(model.train(epochs=1, metrics=[])) == 1
    card = model.card()
    assert card.input.preprocess.output_size() == (8, 8)
    assert model.sample(num=2, steps=2).shape == (2, 1, 8, 8)
    with Image.open(root / "only/3.png") as picture:
        small = np.asarray(picture.resize((8, 8), Image.Resampling.BILINEAR).convert("L"))
    shown = model.noisy(root / "only/3.png", timestep=1, num=1, show=False)[0]
    assert np.abs(shown[0] * 255 - small).mean() < 40


def test_batches_that_were_handed_out_change_with_the_data(folders):
    model = nn(verbose=0)
    train, validation = model.load_img_data(folders(((12, 10),)), batch_size=3, train_val_ratio=0.5)
    assert next(iter(train))[0].shape == (3, 3, 12, 10)
    model.add("diffusion_model", **SMALL)
    assert next(iter(train))[0].shape == (3, 3, 8, 8)
    assert next(iter(validation))[0].shape == (3, 3, 8, 8)


@pytest.mark.parametrize(
    ("sizes", "classes", "problem"),
    [
        (((8, 8),), ("only",), "one class only"),
        (((8, 8), (9, 9)), ("a", "b"), r"A batch needs one size\. Write transform=\{'Resize'"),
    ],
)
def test_what_only_diffusion_can_learn_from_is_told_at_the_first_other_layer(
    folders, sizes, classes, problem
):
    root = folders(sizes, classes)
    model = load(root)
    with pytest.raises(DataError, match=problem):
        model.add("conv2d", size=(3, 4), kernel_size=3)
    behind = nn(verbose=0)
    behind.add("conv2d", size=(3, 4), kernel_size=3)
    with pytest.raises(DataError, match=problem):
        behind.load_img_data(root)


def test_going_on_from_a_checkpoint_alone(folders):
    root = folders(((12, 10), (8, 8)), ("a", "b"))
    model = load(root, color="grayscale")
    model.add("diffusion_model", classes=True, **SMALL)
    model.train(epochs=1)
    path = root.parent / "ckpt/basenn.pth"
    later = load(root, color="grayscale")
    assert len(later.train(epochs=1, checkpoint=path)) == 2
    assert later.card().diffusion.classes == ("a", "b")
    assert later.sample(label="b", steps=2, seed=0).shape == (16, 1, 8, 8)
    assert np.isfinite(later.evaluate(root)["loss"])


def test_evaluate_reads_any_folders_without_classes(folders):
    root = folders(((8, 8),), ("x", "y"))
    model = load(root)
    model.add("diffusion_model", **SMALL)
    model.train(epochs=1)
    fresh = nn(verbose=0)
    fresh.load(root.parent / "ckpt/basenn.pth")
    assert fresh.evaluate(root)["loss"] == pytest.approx(model.evaluate(root)["loss"], rel=1e-6)


def test_ready_arrays_of_another_size(tmp_path):
    pictures, labels = bars(side=12)
    model = nn(verbose=0)
    model.load_dataset(pictures[:, None] / 255, labels)
    with pytest.raises(ValueError, match=r"images of 8 x 8, .*got 1 channel x 12 x 12 .*another img_size"):
        model.add("diffusion_model", **SMALL)


def test_arrays_of_bytes_are_brought_to_size_like_files(tmp_path, capsys):
    pictures, labels = bars(side=12)
    model = nn(save_fold=str(tmp_path))
    (samples, _), *_ = model.load_dataset(pictures, labels)
    assert samples.shape[1:] == (1, 12, 12)
    model.add("diffusion_model", **SMALL)
    assert "images are resized to 8 x 8" in capsys.readouterr().out
    model.train(epochs=1)
    files = [np.asarray(Image.fromarray(each).resize((8, 8), Image.Resampling.BILINEAR)) for each in pictures]
    assert model.evaluate((pictures, labels)) == pytest.approx(model.evaluate((np.stack(files), labels)))


@pytest.mark.parametrize(
    "x", [np.random.default_rng(0).normal(size=(6, 1, 8, 8)), np.random.default_rng(0).random((6, 2, 8, 8))]
)
def test_arrays_that_are_no_pictures(tmp_path, x):
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.load_dataset(x, [0, 1] * 3)
    model.add("diffusion_model", **SMALL)
    with pytest.raises(DataError, match=r"kind 'array'.*float32 \(N, C, H, W\) in 0\.\.1"):
        model.train(epochs=1)


def test_ready_arrays(tmp_path):
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.load_dataset(np.random.default_rng(0).random((6, 3, 8, 8)), [0, 1] * 3)
    model.add("diffusion_model", **SMALL)
    model.train(epochs=1)
    assert model.inference(num=3, steps=2).shape == (3, 3, 8, 8)


def test_the_recipe(tmp_path, monkeypatch):
    recipe = read_recipe(ROOT / "recipes/diffusion.yaml")
    monkeypatch.setattr(onnxnn.recipe, "digits", lambda size: Digits(*(part[:20] for part in digits(size))))
    short = {**recipe.train, "epochs": 1}
    done = dataclasses.replace(recipe, train=short, save_fold=tmp_path, export=None).run()
    assert np.isfinite(done.history[0]["loss"])
    assert done.network.sample(label=["7", "1"], steps=2).shape == (2, 1, 28, 28)


# ---- noise to look at ------------------------------------------------------------------------------


def test_noise_grows_as_the_schedule_says():
    schedule = Schedule(100, "cosine")
    picture = np.full((1, 64, 64), 0.75, np.float32)
    torch.manual_seed(0)
    found, steps = add_noise(schedule, picture, 100, 5)
    assert steps == [0, 25, 50, 74, 99]
    assert len(found) == 5
    assert all(each.dtype == np.float32 and each.min() >= 0 and each.max() <= 1 for each in found)
    assert np.abs(found[0] - 0.75).max() < 0.06
    early = add_noise(schedule, picture, 6, 2)[0][1]
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
    with Image.open("noisy.png") as picture:
        assert picture.mode == "L"
        assert picture.width > 3 * picture.height
    (tmp_path / "checkpoints").mkdir()
    model.noisy("0.jpg", timestep=20)
    assert (tmp_path / "checkpoints/noisy.png").is_file()
    model.noisy("0.jpg", timestep=20, path="here.png")
    assert (tmp_path / "here.png").is_file()


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
        network(tmp_path).noisy(bars(1)[0][0], show=False, **options)


def test_color_is_rgb_unless_told(tmp_path):
    model = nn(verbose=0)
    model.add("diffusion_model", **SMALL)
    assert model.sample(num=1, steps=1).shape == (1, 3, 8, 8)
    model.color = "grayscale"
    assert model.sample(num=1, steps=1).shape == (1, 1, 8, 8)
    told = nn(verbose=0)
    told.color = "grayscale"
    told.add("diffusion_model", **SMALL)
    assert told.model[0].image_shape == (1, 8, 8)


def test_a_color_that_does_not_fit(tmp_path):
    model = network(tmp_path)
    with pytest.raises(InputError, match="expected images of 1 channel"):
        model.color = "RGB"
    with pytest.raises(InputError, match=r"color='gray': unknown color. Did you mean 'grayscale'"):
        nn().color = "gray"


# ---- drawing ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    model = network(tmp_path_factory.mktemp("trained"), classes=True)
    model.train(lr=3e-3, epochs=2)
    return model


def test_inference_gives_pictures_and_every_step(trained):
    assert trained.inference(num=5, steps=3).shape == (5, 1, 8, 8)
    every = trained.inference(num=3, return_all_timesteps=True)
    assert every.shape == (3, 21, 1, 8, 8)
    assert every.dtype == np.float32
    assert every.min() >= 0
    assert every.max() <= 1
    few = trained.inference(num=3, return_all_timesteps=True, steps=4, sampler="ddim", seed=1)
    assert few.shape == (3, 5, 1, 8, 8)
    assert np.array_equal(few[:, -1], trained.sample(num=3, steps=4, sampler="ddim", seed=1))


def test_a_checkpoint_draws_the_same(trained, tmp_path):
    path = trained.save(tmp_path / "saved.pth")
    fresh = nn(verbose=0)
    drawn = fresh.inference(checkpoint=path, num=4, seed=3, label="top", guidance=2.0)
    assert np.array_equal(drawn, trained.sample(4, seed=3, label="top", guidance=2.0))
    assert not np.array_equal(drawn, fresh.sample(4, seed=3, label="bottom", guidance=2.0))
    assert fresh.model.training is False or drawn.shape == (4, 1, 8, 8)


def test_drawing_leaves_the_network_as_it_was(trained):
    before = {name: value.clone() for name, value in trained.model.state_dict().items()}
    for mode in (True, False):
        trained.model.train(mode)
        trained.sample(num=2, steps=2)
        assert trained.model.training is mode
    assert same(before, trained.model.state_dict())


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
        network(tmp_path).sample(num=1, label="top")


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
def test_networks_that_do_not_draw(call):
    model = nn(verbose=0)
    model.add("linear", size=(3, 2), activation="softmax")
    with pytest.raises(InputError, match=r"add\('diffusion_model'"):
        call(model)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["acc"]}, "judged by its loss and its images"),
        ({"loss": "CrossEntropyLoss"}, "a diffusion model expects one of MinSNR, MSELoss"),
        ({"ema": 1.0}, "ema=1.0: expected a number from 0 to below 1"),
        ({"samples_every": -1}, "samples_every=-1"),
    ],
)
def test_settings_that_do_not_fit(tmp_path, options, message):
    with pytest.raises(TrainingError, match=message):
        network(tmp_path).train(epochs=1, **options)


def test_min_snr_is_for_diffusion(tmp_path):
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.load_dataset(np.random.default_rng(0).random((6, 3)), [0, 1] * 3)
    model.add("linear", size=(3, 2), activation="softmax")
    with pytest.raises(TrainingError, match=r"MinSNR.*this network is none"):
        model.train(epochs=1, loss="MinSNR")


def test_other_classes_than_the_network_was_made_for(tmp_path):
    network(tmp_path, classes=True).train(epochs=1)
    model = nn(save_fold=str(tmp_path), verbose=0)
    model.load_dataset(bars()[0], np.arange(24) % 3, batch_size=8)
    model.add("diffusion_model", classes=2, **SMALL)
    with pytest.raises(
        DataError, match="expected data with 2 classes, for which the network was made, got 3"
    ):
        model.train(epochs=1)


# ---- showing ---------------------------------------------------------------------------------------


def shades(num, steps=None):
    shape = (num, 1, 4, 4) if steps is None else (num, steps, 1, 4, 4)
    return np.broadcast_to(
        np.linspace(0, 1, num * (steps or 1)).reshape(*shape[: -3 or None], 1, 1, 1), shape
    )


def cells(path, rows, columns):
    """The mean grey of each picture on a sheet."""
    with Image.open(path) as picture:
        values = np.asarray(picture.convert("L"), float) / 255
    height, width = values.shape[0] / rows, values.shape[1] / columns
    return np.array(
        [
            [values[int((r + 0.5) * height), int((c + 0.5) * width)] for c in range(columns)]
            for r in range(rows)
        ]
    )


def test_show_writes_a_grid(trained, tmp_path, capsys):
    trained.verbose = 1
    path = trained.show(shades(6), size=(2, 3), path=str(tmp_path / "grid.png"))
    trained.verbose = 0
    assert str(path) in capsys.readouterr().out
    np.testing.assert_allclose(cells(path, 2, 3).ravel(), np.linspace(0, 1, 6), atol=0.01)
    last = trained.show(shades(4, 3), path=str(tmp_path / "last.png"))
    np.testing.assert_allclose(cells(last, 2, 2).ravel(), np.linspace(0, 1, 12)[2::3], atol=0.01)


def test_show_steps_from_noise_to_the_end(trained, tmp_path):
    path = trained.show(shades(3, 9), size=(2, 3), visual_timesteps=True, path=str(tmp_path / "steps.png"))
    values = np.linspace(0, 1, 27).reshape(3, 9)
    np.testing.assert_allclose(cells(path, 2, 3), values[:2, [0, 4, 8]], atol=0.01)


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (shades(3), {"size": (2, 2)}, "expected 4 images, got 3"),
        (shades(4), {"visual_timesteps": True}, "expected images with their steps"),
        (
            shades(2, 3),
            {"size": (3, 2), "visual_timesteps": True},
            "at most 2 rows of images and 3 columns of steps",
        ),
        (np.zeros((4, 4)), {}, r"shape \(4, 4\)"),
        (shades(4), {"size": (0, 2)}, r"size=\(0, 2\)"),
        (shades(4), {"size": 4}, r"\(rows, columns\) .* and size=4"),
        ("x", {}, r"show\(str\)"),
        ([[1], [1, 2]], {}, r"show\(list\)"),
        ({"a": 1}, {}, r"show\(dict\)"),
    ],
)
def test_show_refuses(trained, images, options, message):
    with pytest.raises(InputError, match=message):
        trained.show(images, **options)
