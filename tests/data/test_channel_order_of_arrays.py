"""Arrays that hold blue first, as OpenCV reads images, wherever training and inference take arrays."""

from __future__ import annotations

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_runtime.errors import DataError, InputError
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset

from onnxnn import nn
from onnxnn.recipe import read_recipe

RGB = np.random.default_rng(0).integers(0, 256, (8, 6, 6, 3), dtype=np.uint8)
BGR = np.ascontiguousarray(RGB[..., ::-1])
Y = [0, 1] * 4


def first(x):
    return np.moveaxis(x, 3, 1)


FORMS = {
    "uint8": lambda x: x,
    "floats": lambda x: x.astype(np.float32) / 255,
    "channels first": first,
    "ready floats": lambda x: first(x).astype(np.float32) / 255,
}


def network(x, verbose=0, **options):
    """Return a network whose weights depend on nothing but the seed."""
    model = nn("cls", verbose=verbose)
    model.set_seed(0)
    model.load_dataset(x, Y, shuffle=False, **options)
    model.add("linear", size=(108, 2), activation="softmax")
    return model


def inputs(model):
    return torch.cat([x for x, _ in model._need_data().train]).numpy()


@pytest.fixture
def trained(tmp_path):
    model = network(BGR, channel_order="bgr")
    model.train(lr=0.01, epochs=2, save_fold=str(tmp_path / "ckpt"))
    return model


@pytest.fixture
def files(tmp_path):
    for i, image in enumerate(RGB):
        (tmp_path / "files" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / "files" / "ab"[i % 2] / f"{i}.png")
    return tmp_path / "files"


def in_order(folder):
    return sorted(folder.glob("*/*.png"), key=lambda path: int(path.stem))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("how", ["load_dataset", "load_npz_data", "recipe"])
def test_the_network_learns_from_rgb(tmp_path, form, how):
    given = FORMS[form](BGR)
    np.savez(tmp_path / "a.npz", data=given, label=Y)
    if how == "load_dataset":
        model = network(given, channel_order="bgr")
    elif how == "load_npz_data":
        model = nn("cls", verbose=0)
        model.load_npz_data(tmp_path / "a.npz", shuffle=False, channel_order="bgr")
        model.add("linear", size=(108, 2), activation="softmax")
    else:
        text = "data: {npz: a.npz, channel_order: bgr, shuffle: false, train_val_ratio: 1}\n"
        text += "layers:\n  - linear: {size: [108, 2]}\n"
        (tmp_path / "r.yaml").write_text(text, encoding="utf-8")
        model = read_recipe(tmp_path / "r.yaml").build()
    np.testing.assert_array_equal(inputs(model), inputs(network(FORMS[form](RGB))))
    assert model.card().input.preprocess.channel_order == "bgr"


@pytest.mark.parametrize("form", FORMS)
def test_arrays_mean_what_files_do(trained, files, form):
    expected = trained.inference([str(path) for path in in_order(files)])
    np.testing.assert_allclose(trained.inference(FORMS[form](BGR)), expected, atol=1e-6)
    np.testing.assert_allclose(trained.inference(FORMS[form](RGB), channel_order="rgb"), expected, atol=1e-6)
    if form == "uint8":
        np.testing.assert_allclose(trained.inference(list(BGR)), expected, atol=1e-6)


def test_evaluation(trained, tmp_path):
    expected = trained.evaluate((BGR, Y))
    assert trained.evaluate((RGB, Y), channel_order="rgb") == pytest.approx(expected)
    assert trained.evaluate(trained._need_data().train) == pytest.approx(expected)
    ready = torch.from_numpy(FORMS["ready floats"](BGR).copy())
    loader = DataLoader(TensorDataset(ready, torch.tensor(Y)), batch_size=4)
    assert trained.evaluate(loader) == pytest.approx(expected)
    np.savez(tmp_path / "a.npz", data=BGR, label=Y)
    assert trained.evaluate(tmp_path / "a.npz") == pytest.approx(expected)
    np.savez(tmp_path / "b.npz", data=RGB, label=Y)
    assert trained.evaluate(tmp_path / "b.npz", channel_order="rgb") == pytest.approx(expected)
    assert trained.evaluate((RGB, Y))["loss"] != pytest.approx(expected["loss"])


def test_loaded_batches_are_rgb_already(trained):
    expected = trained.inference(BGR)
    batches = trained.load_dataset(BGR, Y, shuffle=False)
    np.testing.assert_allclose(trained.inference(batches), expected, atol=1e-6)


def test_data_that_is_loaded_later(trained):
    expected = inputs(trained)
    for x, options in ((BGR, {}), (RGB, {"channel_order": "rgb"}), (BGR, {"channel_order": "bgr"})):
        trained.load_dataset(x, Y, shuffle=False, **options)
        np.testing.assert_array_equal(inputs(trained), expected)
        assert trained.card().input.preprocess.channel_order == "bgr"


def test_the_checkpoint_keeps_it(trained, tmp_path):
    again = nn("cls", verbose=0)
    np.testing.assert_allclose(
        again.inference(BGR, checkpoint=str(tmp_path / "ckpt" / "basenn.pth")), trained.inference(BGR)
    )


@pytest.mark.parametrize("preprocess", ["runtime", "graph"])
def test_the_exported_file_keeps_it(trained, files, tmp_path, preprocess):
    trained.export(str(tmp_path / "a.onnx"), preprocess=preprocess)
    model = rt.load(tmp_path / "a.onnx")
    expected = trained.inference(BGR)
    for given in (BGR, list(BGR), in_order(files)):
        np.testing.assert_allclose([each.scores for each in model.predict(given)], expected, atol=1e-5)
    other = [each.scores for each in model.predict(RGB, channel_order="rgb")]
    np.testing.assert_allclose(other, expected, atol=1e-5)


def test_networks_that_learned_from_files_take_it_in_each_call(files):
    model = nn("cls", verbose=0)
    model.load_img_data(files, shuffle=False)
    model.add("linear", size=(108, 2), activation="softmax")
    expected = model.inference([str(path) for path in in_order(files)])
    np.testing.assert_allclose(model.inference(BGR, channel_order="bgr"), expected, atol=1e-6)


def test_a_function_as_transform(files):
    model = nn("cls", verbose=0)
    with pytest.warns(UserWarning, match="function given as transform"):
        model.load_img_data(files, shuffle=False, transform=lambda image: image.rotate(90))
    model.add("linear", size=(108, 2), activation="softmax")
    expected = model.inference([str(path) for path in in_order(files)])
    np.testing.assert_allclose(model.inference(BGR, channel_order="bgr"), expected, atol=1e-6)


def loaded_from_npz(folder, x, **options):
    np.savez(folder / "a.npz", data=x, label=Y)
    nn("cls").load_npz_data(folder / "a.npz", **options)


def loaded_by_a_recipe(folder, x, **options):
    np.savez(folder / "a.npz", data=x, label=Y)
    options = "".join(f", {name}: {value}" for name, value in options.items())
    (folder / "r.yaml").write_text(
        f"data: {{npz: a.npz{options}}}\nlayers:\n  - linear: {{size: 2}}\n", encoding="utf-8"
    )
    read_recipe(folder / "r.yaml").build()


LOADED = {
    "load_dataset": lambda _, x, **options: nn("cls").load_dataset(x, Y, **options),
    "for nn('embed')": lambda _, x, **options: nn("embed").load_dataset(x, Y, **options),
    "load_npz_data": loaded_from_npz,
    "recipe": loaded_by_a_recipe,
}
INTEGERS = {
    "uint8": lambda x: x,
    "channels first": first,
    "a list": list,
    "nested lists": lambda x: x.tolist(),
    "int64": lambda x: x.astype(np.int64),
    "a tensor": torch.from_numpy,
}


@pytest.mark.parametrize("form", INTEGERS)
@pytest.mark.parametrize("how", LOADED)
def test_images_that_opencv_may_have_read_are_never_loaded_without_a_word(tmp_path, capsys, how, form):
    LOADED[how](tmp_path, INTEGERS[form](BGR))
    said = [line for line in "".join(capsys.readouterr()).splitlines() if "read as RGB" in line]
    assert len(said) == 1
    assert "where OpenCV (cv2.imread) read them, give channel_order='bgr'" in said[0]


@pytest.mark.parametrize("order", ["rgb", "bgr"])
@pytest.mark.parametrize("how", LOADED)
def test_no_remark_where_the_order_is_given(tmp_path, capsys, how, order):
    LOADED[how](tmp_path, BGR, channel_order=order)
    assert "channel_order" not in "".join(capsys.readouterr())


def test_verbose_0_says_nothing(capsys):
    nn("cls", verbose=0).load_dataset(BGR, Y)
    assert "".join(capsys.readouterr()) == ""


@pytest.mark.parametrize("x", [RGB[..., 0], RGB.astype(np.float32) / 255])
def test_no_remark_where_there_is_no_doubt(x, capsys):
    network(x if x.ndim == 4 else np.repeat(x[..., None], 3, axis=3).astype(np.float32) / 255, verbose=1)
    assert "channel_order" not in capsys.readouterr().out


@pytest.mark.parametrize("order", ["gbr", 3])
def test_other_orders_are_refused(order):
    for call in (
        lambda: network(RGB, channel_order=order),
        lambda: network(RGB).inference(RGB, channel_order=order),
    ):
        with pytest.raises((DataError, InputError), match="channel_order="):
            call()


def test_only_images_have_channels():
    with pytest.raises(DataError, match="channel_order='bgr': expected images"):
        nn("cls", verbose=0).load_dataset(np.zeros((8, 4)), Y, channel_order="bgr")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", ["data first", "checkpoint first", "another checkpoint between"])
def test_the_order_of_a_checkpoint_counts_for_data_whose_order_nobody_said(trained, tmp_path, form, order):
    given, checkpoint = FORMS[form](BGR), tmp_path / "ckpt/basenn.pth"
    other = network(RGB, channel_order="rgb")
    other.train(epochs=1, save_fold=str(tmp_path / "other"))
    model = nn("cls", verbose=0)
    if order == "checkpoint first":
        model.load(checkpoint)
    batches = model.load_dataset(given, Y, shuffle=False)
    if order == "another checkpoint between":
        model.load(tmp_path / "other/basenn.pth")
        np.testing.assert_array_equal(inputs(model), first(BGR).astype(np.float32) / 255)
    if order != "checkpoint first":
        model.load(checkpoint)
    np.testing.assert_array_equal(inputs(model), first(RGB).astype(np.float32) / 255)
    assert model.evaluate(batches) == trained.evaluate((BGR, Y))
    said = nn("cls", verbose=0)
    said.load_dataset(FORMS[form](RGB), Y, shuffle=False, channel_order="rgb")
    said.load(checkpoint)
    np.testing.assert_array_equal(inputs(said), inputs(model))
