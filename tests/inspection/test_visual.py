"""Looking inside: images of layers and filters, feature vectors, facts of a checkpoint."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from onnxnn_runtime.errors import (
    CheckpointError,
    DataError,
    InputError,
    LayerError,
    MissingCheckpointError,
    OutputError,
)
from onnxnn_runtime.images import fonts
from PIL import Image

from onnxnn import nn, pth_info
from onnxnn.inference.features import layer_outputs
from onnxnn.inference.pretrained import _ResNet
from onnxnn.inspection import render as images_module
from onnxnn.inspection.render import draw_units, draw_values
from onnxnn.models.mobilenet import MobileNetV2
from onnxnn.models.resnet import BasicBlock, Bottleneck

pytestmark = pytest.mark.needs_torch


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)


@pytest.fixture
def cnn(images):
    model = nn("cls", verbose=0)
    model.set_seed(0)
    model.load_dataset(images, [0, 1, 2] * 2, classes=["cat", "dog", "owl"])
    model.add("conv2d", size=(3, 4), kernel_size=3, activation="relu")
    model.add("maxpool", kernel_size=2)
    model.add("linear", size=5, activation="relu")
    model.add("linear", size=3, activation="softmax")
    return model


@pytest.fixture
def mlp():
    model = nn("cls", verbose=0)
    model.load_dataset([[1.0, 2.0], [3.0, 4.0]], [0, 1])
    model.add("linear", size=(2, 3), activation="relu")
    model.add("linear", size=(3, 2), activation="softmax")
    return model


class TestLayers:
    def test_an_image_for_each_layer(self, cnn, images):
        written = cnn.visual_feature(images[0])
        assert [path.name for path in written] == [f"{number}.jpg" for number in range(8)]
        for path in written:
            with Image.open(path) as image:
                assert image.width == 1120
                assert len(image.getcolors(1 << 24)) > 20  # something is drawn

    def test_all_layers_in_one_image(self, cnn, images):
        Image.fromarray(images[0]).save("cat.png")
        (path,) = cnn.visual_feature("cat.png", in1img=True, save_fold="deep/layers")
        assert path.as_posix() == "deep/layers/total.jpg"
        with Image.open(path) as total:
            assert total.height > 8 * 60

    def test_a_vector_gives_a_text(self, mlp):
        (path,) = mlp.visual_feature([1.0, 2.0])
        assert path.as_posix() == "layers/layer_data.txt"
        lines = path.read_text("utf-8").splitlines()
        assert [line.split("(")[0].replace("Flat", "") for line in lines[::2]] == [
            "0.input",
            "1.Linear",
            "1.1.ReLU",
            "2.Linear",
            "2.1.Softmax",
        ]
        assert lines[1] == "[1.0, 2.0]"
        values = np.array(lines[-1].strip("[]").split(","), float)
        assert np.allclose(values, mlp.inference([[1.0, 2.0]])[0])

    def test_sequences_and_volumes_are_drawn(self):
        model = nn("cls", verbose=0)
        model.load_dataset(np.ones((4, 5, 3)), [0, 1, 0, 1])
        model.add("lstm", size=(3, 4))
        model.add("linear", size=(4, 2), activation="softmax")
        assert len(model.visual_feature(np.ones((5, 3)))) == 4
        assert draw_values("volume", np.random.default_rng(0).random((2, 3, 4, 5))).height > 60

    def test_the_network_comes_back_as_it_was(self, cnn, images):
        cnn.model.train()
        cnn.visual_feature(images[0])
        cnn.extract_feature(images)
        assert cnn.model.training
        assert not any(module._forward_hooks or module._forward_pre_hooks for module in cnn.model.modules())

    def test_a_layer_that_writes_into_its_input_does_not_change_what_was_seen(self):
        model = nn("cls", verbose=0)
        model.load_dataset([[1.0, -2.0], [3.0, 4.0]], [0, 1])
        model.add("batchnorm1d", size=2)
        model.add(torch.nn.ReLU(inplace=True))
        model.add("linear", size=(2, 2))
        seen = layer_outputs(model.model, torch.tensor([[1.0, -2.0]]))
        before, after, _ = seen.values()
        assert before.min() < -1
        assert after.min() == 0

    def test_bad_input(self, cnn):
        with pytest.raises(InputError, match="got an array of shape"):
            cnn.visual_feature(np.zeros(3, np.uint8))

    @pytest.mark.parametrize("nothing", [[], ()])
    def test_no_sample(self, mlp, nothing):
        with pytest.raises(InputError, match="expected a sample, got none"):
            mlp.visual_feature(nothing)

    def test_a_folder_that_cannot_be_written(self, cnn, images, folder):
        (folder / "layers").write_text("a file", encoding="utf-8")
        with pytest.raises(OutputError, match="cannot write"):
            cnn.visual_feature(images[0])


class TestFilters:
    def test_before_and_after_training_on_one_scale(self, cnn):
        cnn.save("before.pth")
        cnn.train(lr=0.01, epochs=1)
        with Image.open(cnn.visual_filters("now.png")) as now:
            alone = now.height
        with Image.open(cnn.visual_filters("both.png", before="before.pth")) as both:
            assert both.height == 2 * alone

    def test_equal_weights_give_equal_halves(self, cnn):
        cnn.save("before.pth")
        with Image.open(cnn.visual_filters("both.png", before="before.pth")) as both:
            pixels = np.asarray(both)
        half = len(pixels) // 2
        assert np.array_equal(pixels[50:half], pixels[half + 50 :])  # what stands above differs

    @pytest.mark.parametrize("layer", ["linear", "mobilenet_backbone", "conv1d", "conv3d"])
    def test_every_first_layer_is_drawn(self, layer, images):
        model = nn("embed", verbose=0)
        if layer == "conv1d":
            model.add("conv1d", size=(2, 4), kernel_size=3)
        elif layer == "conv3d":
            model.add("conv3d", size=(2, 4), kernel_size=3)
        else:
            model.load_dataset(images, [0, 1, 2] * 2)
            model.add(layer, **({"size": 4} if layer == "linear" else {}))
        assert model.visual_filters("filters.png").is_file()

    def test_the_units_of_a_table_network_are_rows_of_cells(self, monkeypatch):
        titles = []
        monkeypatch.setattr(images_module, "draw_text", lambda draw, place, text, *_: titles.append(text))
        model = nn("reg", verbose=0)
        model.load_dataset(np.ones((3, 4)), [1.0, 2.0, 3.0])
        model.add("linear", size=(4, 300))
        with Image.open(model.visual_filters("units.png")) as drawn:
            assert drawn.height > 400
            columns = (np.asarray(drawn)[60:-40] < 250).any((0, 2))
        assert columns.sum() > 500
        assert titles[0].startswith("linear1: 300 units of 4 weights, from -")

    @pytest.mark.parametrize("shape", [(1, 1), (3, 4), (128, 784), (3000, 784), (5, 3000), (9000, 2)])
    def test_units_of_any_number_fit(self, shape):
        drawn = draw_units("linear1", np.ones(shape), 1.0)
        assert drawn.width == 1120
        assert 60 < drawn.height <= 480 + 62

    def test_refusals(self, cnn, mlp):
        mlp.save("other.pth")
        with pytest.raises(LayerError, match=r"expected weights of 'conv2d1' of the same size"):
            cnn.visual_filters("f.png", before="other.pth")
        with pytest.raises(OutputError, match=r"f\.doc: expected the name of an image, \.png or \.jpg"):
            cnn.visual_filters("f.doc")
        model = nn(verbose=0)
        model.add("batchnorm1d", size=3)
        with pytest.raises(LayerError, match="expected a convolution or a 'linear' layer"):
            model.visual_filters("f.png")


class TestFeatures:
    def test_what_the_head_sees(self, cnn, images):
        found = cnn.extract_feature(images)
        assert found.shape == (6, 5)
        head = cnn.model.get_submodule("linear4")
        expected = torch.softmax(head(torch.from_numpy(found)), 1).detach().numpy()
        assert np.allclose(cnn.inference(images), expected, atol=1e-6)

    def test_a_layer_with_its_own_classifier(self, images):
        model = nn("cls", verbose=0)
        model.load_dataset(images, [0, 1, 2] * 2)
        model.add("mobilenet", width=0.35)
        assert model.extract_feature(images[0]).shape == (1, 1280)

    def test_a_network_without_a_head_gives_its_output(self):
        model = nn("reg", verbose=0)
        model.load_dataset(np.ones((3, 2)), [1.0, 2.0, 3.0])
        model.add("linear", size=(2, 1))
        assert np.array_equal(model.extract_feature([[1, 1]]), model.inference([[1, 1]]))

    @pytest.mark.parametrize(
        ("block", "depths"),
        [(BasicBlock, [2, 2, 2, 2]), (Bottleneck, [1, 1, 1, 1])],
        ids=["basic", "bottleneck"],
    )
    def test_a_resnet_file_gives_its_scores(self, block, depths, folder):
        torch.manual_seed(0)
        net = _ResNet(block, depths, 1000).eval()
        torch.save(net.state_dict(), folder / "resnet18-abc.pth")
        image = np.random.default_rng(0).integers(0, 256, (300, 280, 3), dtype=np.uint8)
        found = nn("cls").extract_feature(image, pretrain="resnet18")
        assert found.shape == (1, 1000)
        assert np.array_equal(found, nn("cls").extract_feature(image, pretrain=folder / "resnet18-abc.pth"))
        upright = Image.fromarray(image).resize((256, 274), Image.Resampling.BILINEAR)
        left, top = 16, 25
        cut = np.asarray(upright.crop((left, top, left + 224, top + 224)), np.float32) / 255
        x = (cut - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        with torch.inference_mode():
            expected = net(torch.from_numpy(x.astype(np.float32)).permute(2, 0, 1)[None]).numpy()
        assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()

    def test_a_mobilenet_file_gives_the_vector_before_the_classifier(self, folder):
        torch.save(MobileNetV2(1000).state_dict(), folder / "mobilenet_v2.pth")
        Image.new("RGB", (40, 50)).save("a.jpg")
        assert nn().extract_feature(["a.jpg", "a.jpg"], pretrain="mobilenet_v2.pth").shape == (2, 1280)

    def test_nothing_is_downloaded(self, monkeypatch, folder):
        monkeypatch.setenv("TORCH_HOME", str(folder))
        with pytest.raises(MissingCheckpointError, match="Nothing is downloaded"):
            nn().extract_feature(np.zeros((8, 8, 3), np.uint8), pretrain="resnet50")

    def test_files_of_other_networks(self, cnn, folder):
        cnn.save("other.pth")
        with pytest.raises(CheckpointError, match="expected the tensors of a known network"):
            cnn.extract_feature(np.zeros((8, 8, 3), np.uint8), pretrain="other.pth")
        weights = _ResNet(BasicBlock, [1, 1, 1, 1], 10).state_dict()
        del weights["bn1.weight"]
        weights["layer9.extra"] = torch.ones(1)
        torch.save(weights, "cut.pth")
        with pytest.raises(CheckpointError, match="do not match the network that they name"):
            cnn.extract_feature(np.zeros((8, 8, 3), np.uint8), pretrain="cut.pth")


class TestFacts:
    def test_what_training_says(self, cnn, capsys):
        cnn.train(lr=0.01, epochs=2, metrics=["acc"])
        facts = pth_info("checkpoints/basenn.pth")
        assert facts["epoch"] == 2
        assert facts["learning_rate"] == 0.01
        assert facts["CLASSES"] == ["cat", "dog", "owl"]
        assert facts["color"] == "RGB"
        assert facts["input_size"] == ["batch", 3, 8, 8]
        assert facts["dataset_size"] == 6
        assert facts["backbone"][0] == "conv2d1(kernel_size=3, size=(3, 4)) + relu"
        assert set(facts["result"]) == {"loss", "acc"}
        assert "word2idx" not in facts
        printed = capsys.readouterr().out
        assert "About checkpoints/basenn.pth:" in printed
        assert "CLASSES : ['cat', 'dog', 'owl']" in printed

    def test_an_untrained_network(self, mlp):
        mlp.save("new.pth")
        assert "epoch" not in pth_info("new.pth")

    def test_a_long_vocabulary_is_shortened_when_printed(self, capsys):
        words = {chr(ord("一") + number): number for number in range(30)}
        model = nn(verbose=0)
        model.load_dataset(np.arange(30).reshape(5, 6), word2idx=words)
        model.add("em_lstm", size=(4, 8))
        model.save("poems.pth")
        assert pth_info("poems.pth")["word2idx"] == words
        printed = capsys.readouterr().out
        assert ": 9, ...}" in printed
        assert ": 10" not in printed

    def test_a_missing_file(self):
        with pytest.raises(MissingCheckpointError, match="no such checkpoint"):
            pth_info("none.pth")


class TestChinese:
    @pytest.fixture(autouse=True)
    def no_font(self, monkeypatch, folder):
        forget = (fonts.cjk_font.cache_clear, fonts._warn_missing.cache_clear)
        monkeypatch.setenv(fonts.ENVIRONMENT, str(folder / "none.ttf"))
        for each in forget:
            each()
        yield
        for each in forget:
            each()

    def test_without_a_font_it_says_so_once_and_continues(self, cnn, images):
        cnn.load_dataset(images, [0, 1, 2] * 2, classes=["猫", "狗", "鸟"])
        with pytest.warns(UserWarning, match=r"ONNXNN_FONT='.*none.ttf': no such file") as caught:
            cnn.visual_feature(images[0])
        assert len(caught) == 1
        cnn.train(lr=0.01, epochs=1)
        pytest.importorskip("matplotlib")
        cnn.plot_history("history.png", title="训练")

    def test_classes_that_cannot_be_written_have_their_numbers(self):
        values = np.array([0.25, 0.75])
        with pytest.warns(UserWarning, match="no such file"):
            chinese = draw_values("output", values, ["猫", "狗"])
        assert chinese.tobytes() == draw_values("output", values, ["0 ?", "1 ?"]).tobytes()


class TestEvaluate:
    def test_a_data_loader_gives_what_arrays_give(self, mlp):
        x, y = torch.tensor([[1.0, 2.0], [3.0, 4.0], [0.0, 1.0]]), torch.tensor([0, 1, 1])
        loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=2)
        assert mlp.evaluate(loader) == mlp.evaluate((x, y)) == mlp.evaluate([x.tolist(), y.tolist()])

    def test_what_does_not_fit(self, mlp):
        with pytest.raises(DataError, match="a DataLoader"):
            mlp.evaluate(3)

    @pytest.mark.parametrize(
        ("samples", "message"),
        [
            ([{"x": torch.zeros(2), "y": 0}], r"expected pairs \(x, y\), got dict"),
            ([torch.zeros(2)], r"expected pairs \(x, y\), got Tensor"),
            ([("text", 0)], "expected samples that are tensors of one shape"),
            ([(torch.zeros(2), 0), (torch.zeros(3), 0)], "of one shape"),
        ],
    )
    def test_a_data_loader_that_does_not_fit(self, mlp, samples, message):
        loader = torch.utils.data.DataLoader(samples)
        with pytest.raises(DataError, match=message):
            mlp.evaluate(loader)

    @pytest.mark.parametrize("sample", [{"x": torch.zeros(2), "y": 0}, ("text", 0)])
    def test_a_data_loader_without_numbers(self, mlp, sample):
        with pytest.raises(InputError, match=r"inference\(DataLoader\): .* got a \w+ without numbers"):
            mlp.inference(torch.utils.data.DataLoader([sample]))
