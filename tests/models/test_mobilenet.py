"""MobileNetV2: torchvision's names, weights from files, freezing."""

from __future__ import annotations

import hashlib
import io
import urllib.request

import pytest
import torch
from onnxnn_runtime import CheckpointError, LayerError
from support.paths import GOLDEN

from onnxnn import nn
from onnxnn.definition.definition import Definition
from onnxnn.graph.shape import Shape
from onnxnn.models import weights
from onnxnn.models.bottlenecks import InvertedResidual
from onnxnn.models.mobilenet import MobileNetV2, channels, multiply_adds

NAMES = GOLDEN / "mobilenet_v2.txt"
IMAGE = Shape.image(3, 32, 32)


def network(layer="mobilenet_backbone", shape=IMAGE, **options):
    definition = Definition(shape)
    definition = definition.with_layer(1, layer, options=options)
    return definition


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A file as torchvision publishes it, with other numbers."""
    torch.manual_seed(5)
    path = tmp_path_factory.mktemp("weights") / "mobilenet_v2.pth"
    torch.save(MobileNetV2(1000).state_dict(), path)
    return path


def test_names_and_shapes_are_torchvisions():
    state = MobileNetV2(1000).state_dict()
    found = [" ".join([name, *map(str, value.shape)]) for name, value in state.items()]
    assert found == NAMES.read_text(encoding="utf-8").splitlines()


def test_number_of_parameters_is_torchvisions():
    assert sum(p.numel() for p in MobileNetV2(1000).parameters()) == 3_504_872


@pytest.mark.parametrize(("width", "parameters"), [(0.5, 1_968_680), (0.35, 1_677_008)])
def test_width_multiplier(width, parameters):
    # https://github.com/tensorflow/models/tree/master/research/slim/nets/mobilenet: 1.95 M and 1.66 M
    assert sum(p.numel() for p in MobileNetV2(1000, width).parameters()) == pytest.approx(
        parameters, rel=0.02
    )


def test_channels_are_multiples_of_eight_near_the_wish():
    assert [channels(c) for c in (1, 11.2, 16, 32 * 0.35, 44.8, 1792)] == [8, 16, 16, 16, 48, 1792]


def test_multiply_adds_of_the_paper():
    total = multiply_adds(3, 1.0, 224, 224) + 1280 * 1000
    assert total == pytest.approx(300e6, rel=0.01)


def test_new_weights_are_drawn_by_fan_out_and_blocks_begin_as_the_identity():
    torch.manual_seed(0)
    model = MobileNetV2(num_classes=None)
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d) and module.weight.numel() > 10_000:
            fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
            assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)
    x = torch.rand(1, 24, 8, 8)
    block = next(each for each in model.modules() if isinstance(each, InvertedResidual) and each.residual)
    assert torch.equal(block.eval()(x), x)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (28, 28), (33, 50), (1, 1)])
def test_any_size_gives_1280_features(height, width):
    definition = network(shape=Shape.image(3, height, width), width=0.35)
    assert definition.output_shape == Shape.vector(1280)
    assert definition.build().eval()(torch.rand(2, 3, height, width)).shape == (2, 1280)


def test_number_of_classes_comes_from_the_data():
    definition = Definition(IMAGE)
    definition = definition.with_num_classes(7)
    definition = definition.with_layer(1, "MobileNet", options={"width": 0.35})
    assert definition.output_shape == Shape.vector(7)
    assert definition.to_data()[0]["options"]["num_classes"] == 7


def test_without_data_the_number_of_classes_is_asked_for():
    with pytest.raises(LayerError, match=r"number of classes is not known. Load the data before this line"):
        Definition(IMAGE).with_layer(1, "mobilenet")


def test_vectors_are_refused():
    with pytest.raises(LayerError, match=r"expected an image .* got 4 features from the data"):
        network(shape=Shape.vector(4))


def test_weights_of_a_file(published):
    net = network(weights=str(published)).build()
    expected = torch.load(published, weights_only=True)
    for name, value in net.state_dict().items():
        assert torch.equal(value, expected[name.removeprefix("mobilenet_backbone1.")])


def test_classifier_weights_are_taken_where_the_classes_are_as_many(published):
    expected = torch.load(published, weights_only=True)
    whole = network("mobilenet", num_classes=1000, weights=str(published)).build()
    assert torch.equal(whole.state_dict()["mobilenet1.classifier.1.bias"], expected["classifier.1.bias"])
    few = network("mobilenet", num_classes=3, weights=str(published)).build()
    assert torch.equal(few.state_dict()["mobilenet1.features.0.0.weight"], expected["features.0.0.weight"])


def test_weights_of_our_own_checkpoint(tmp_path):
    net = network(width=0.35).build()
    torch.save({"state_dict": net.state_dict()}, tmp_path / "basenn.pth")
    again = network(width=0.35, weights=str(tmp_path / "basenn.pth")).build()
    for name, value in net.state_dict().items():
        assert torch.equal(again.state_dict()[name], value)


def test_checkpoints_do_not_ask_for_the_weights_again(published):
    definition = network(weights=str(published), trainable=False)
    (data,) = definition.to_data()
    assert data["options"] == {"trainable": False}


def test_frozen_features_stay_as_they_are():
    definition = network("mobilenet", num_classes=3, width=0.35, trainable=False)
    net = definition.build().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)
    net(torch.rand(4, 3, 32, 32)).sum().backward()
    optimizer.step()
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"mobilenet1.classifier.1.weight", "mobilenet1.classifier.1.bias"}
    assert [p.requires_grad for n, p in net.named_parameters() if "features" in n] == [False] * 156


def test_a_missing_file_is_said_at_the_add():
    with pytest.raises(LayerError, match=r"no file 'nowhere.pth'. Give the path of a weights file"):
        network(weights="nowhere.pth")


def test_addresses_need_a_checksum_and_https(published):
    with pytest.raises(LayerError, match=r"expected sha256=.* for weights from the web"):
        network(weights="https://example.org/mobilenet_v2.pth")
    with pytest.raises(LayerError, match=r"a file or an https:// address, got http://"):
        network(weights="http://example.org/mobilenet_v2.pth", sha256="0" * 64)
    with pytest.raises(LayerError, match=r"expected sha256 to be the 64 hexadecimal digits"):
        network(weights=str(published), sha256="abc")
    with pytest.raises(LayerError, match=r"expected sha256 to be the 64 hexadecimal digits.*, got 5"):
        nn(verbose=0).load_weights(published, sha256=5)
    with pytest.raises(LayerError, match=r"sha256 is the checksum of weights="):
        network(sha256="0" * 64)


def test_a_wrong_checksum_is_refused(published):
    with pytest.raises(CheckpointError, match=r"expected the checksum 0{64}, got [0-9a-f]{64}"):
        network(weights=str(published), sha256="0" * 64).build()


def test_foreign_and_truncated_files_are_refused(tmp_path, published):
    (tmp_path / "noise.pth").write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match="expected a file of tensors alone"):
        network(weights=str(tmp_path / "noise.pth")).build()
    (tmp_path / "half.pth").write_bytes(published.read_bytes()[:100_000])
    with pytest.raises(CheckpointError, match="expected a file of tensors alone"):
        network(weights=str(tmp_path / "half.pth")).build()
    torch.save({"fc.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(
        CheckpointError, match=r"'features.0.0.weight' is missing; these are not MobileNetV2's"
    ):
        network(weights=str(tmp_path / "other.pth")).build()


def test_weights_of_another_width_are_refused(published):
    with pytest.raises(
        CheckpointError,
        match=r"expected shape .* for 'features.0.0.weight' of MobileNetV2, got \(32, 3, 3, 3\)",
    ):
        network(weights=str(published), width=0.35).build()


def test_weights_are_for_colour_images(published):
    with pytest.raises(
        LayerError, match=r'expected images of 3 channels for these weights, .*Load the data with color="RGB"'
    ):
        network(shape=Shape.image(1, 28, 28), weights=str(published))


class Answer(io.BytesIO):
    def __init__(self, data, url):
        super().__init__(data)
        self._url = url

    def geturl(self):
        return self._url


def test_a_download_is_checked_and_kept(tmp_path, published, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    data, asked = published.read_bytes(), []

    def answer(url, timeout):
        asked.append(url)
        return Answer(data, url)

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    checksum = hashlib.sha256(data).hexdigest()
    for _ in range(2):
        found = weights.fetch("https://example.org/m.pth", checksum)
    assert len(found) == 314
    assert asked == ["https://example.org/m.pth"]
    with pytest.raises(CheckpointError, match="expected the checksum"):
        weights.fetch("https://example.org/other.pth", "0" * 64)
    assert [path.name for path in (tmp_path / "onnxnn" / "weights").iterdir()] == [f"{checksum}.pth"]


def test_a_download_never_leaves_https(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: Answer(b"", "http://example.org/"))
    with pytest.raises(CheckpointError, match=r"redirects to http://example.org/, which is not https"):
        weights.fetch("https://example.org/m.pth", "0" * 64)


def test_residual_blocks_begin_as_the_identity():
    blocks = [module for module in MobileNetV2().modules() if isinstance(module, InvertedResidual)]
    assert sum(block.residual for block in blocks) == 10
    for block in blocks:
        if block.residual:
            x = torch.randn(2, block.conv[-1].num_features, 8, 8)
            assert torch.equal(block(x), x)
        else:
            assert block.conv[-1].weight.eq(1).all()
