"""`teach`: classes that a model learns where it runs, and the file that knows them."""

from __future__ import annotations

import tracemalloc

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.teaching import stored
from onnxnn_runtime.teaching.head import softmax
from onnxnn_runtime.teaching.regression import FromMoments, FromVectors
from onnxnn_runtime.teaching.statistics import Statistics
from PIL import Image
from support.models import graph, node, tensor, value
from support.models import model as model_file
from support.paths import GOLDEN

ENCODERS = ("image_classifier", "image_embedder", "image_in_graph", "image_any_size")
COLORS = {"红": (220, 40, 40), "green": (40, 200, 50), "blue": (40, 40, 210), "grey": (128, 128, 128)}


def photos(color, count, seed=0):
    """Noisy images of about one colour."""
    random = np.random.RandomState(seed)
    base = np.array(color) + random.randint(-20, 20, (count, 1, 1, 3))
    pixels = np.clip(base + random.randint(-15, 15, (count, 14, 11, 3)), 0, 255).astype(np.uint8)
    return [Image.fromarray(each) for each in pixels]


def data_of(*labels, count=6):
    return {label: photos(COLORS[label], count, seed) for seed, label in enumerate(labels)}


def scores(model, data):
    inputs = [each for images in data.values() for each in images]
    return np.stack([found.scores for found in model.predict(inputs)])


def encoder(name):
    return str(GOLDEN / "models" / f"{name}.onnx")


@pytest.mark.parametrize("head", ["ridge", "mean"])
@pytest.mark.parametrize("name", ENCODERS)
def test_a_taught_file(tmp_path, name, head):
    data = data_of("红", "green", "blue")
    taught = rt.teach(encoder(name), data, head=head)
    assert taught.classes == ("红", "green", "blue")
    assert taught.counts == {"红": 6, "green": 6, "blue": 6}
    assert taught.accuracy == 1.0
    assert taught.accuracies == {"红": 1.0, "green": 1.0, "blue": 1.0}
    taught.save(tmp_path / "colours.onnx")
    model, before = rt.load(tmp_path / "colours.onnx"), rt.load(encoder(name))
    assert model.kind.does == "classify"
    assert model.facts.opset == before.facts.opset
    assert model.facts.ir_version == before.facts.ir_version
    for label, images in data_of("红", "green", "blue", count=9).items():
        assert {found.label for found in model.predict(images)} == {label}
    assert np.array_equal(model.embed(data["blue"]), before.embed(data["blue"]))
    card = model.card
    assert (card.task, card.output.classes, card.parity) == ("cls", taught.classes, None)
    assert card.input == before.card.input
    assert card.training["images"] == 18
    assert card.training["method"] == head
    assert ("encoder" in card.training) == bool(before.card.training)


@pytest.mark.parametrize("name", ENCODERS)
def test_probabilities_are_those_of_numpy(name):
    data = data_of("红", "green", "blue", count=8)
    taught = rt.teach(encoder(name), data)
    vectors = np.concatenate([rt.load(encoder(name)).embed(images) for images in data.values()])
    x, y = vectors.astype(np.float64), np.repeat(np.eye(3), 8, axis=0)
    mean = x.mean(axis=0)
    training = taught.model.card.training
    moments = np.dot((x - mean).T, x - mean) + training["strength"] * np.eye(x.shape[1])
    weight = np.linalg.solve(moments, np.dot((x - mean).T, y - y.mean(axis=0)))
    logits = (np.dot(x - mean, weight) + y.mean(axis=0)) / training["temperature"]
    assert np.abs(scores(taught, data) - softmax(logits)).max() < 1e-5


@pytest.mark.parametrize("head", ["ridge", "mean"])
def test_classes_and_images_that_come_later(tmp_path, head):
    everything = data_of("红", "green", "blue", "grey", count=8)
    at_once = rt.teach(encoder("image_classifier"), everything, head=head)
    first = {"红": everything["红"][:5], "green": everything["green"]}
    rt.teach(encoder("image_classifier"), first, head=head).save(tmp_path / "a.onnx")
    rt.teach(str(tmp_path / "a.onnx"), {"blue": everything["blue"]}, head=head).save(tmp_path / "a.onnx")
    later = rt.teach(tmp_path / "a.onnx", {"grey": everything["grey"], "红": everything["红"][5:]}, head=head)
    assert later.counts == at_once.counts
    assert later.accuracy == at_once.accuracy
    assert np.abs(scores(later, everything) - scores(at_once, everything)).max() < 1e-4


def test_many_images_leave_a_bounded_file(monkeypatch):
    monkeypatch.setattr("onnxnn_runtime.teaching.statistics._KEPT", 3 * 40)
    random = np.random.RandomState(0)
    images = {
        label: (np.clip(np.array(COLORS[label]) + random.randint(-90, 90, (n, 6, 5, 3)), 0, 255)).astype(
            np.uint8
        )
        for label, n in (("红", 900), ("green", 700), ("blue", 400))
    }
    at_once = rt.teach(encoder("image_classifier"), images)
    few = {label: array[:30] for label, array in images.items()}
    small = rt.teach(encoder("image_classifier"), few)
    later = rt.teach(small, {label: array[30:] for label, array in images.items()})
    assert at_once.counts == later.counts == {"红": 900, "green": 700, "blue": 400}
    assert len(at_once.content) < len(small.content) + 2000
    test = {label: array[:50] for label, array in images.items()}
    assert np.abs(scores(at_once, test) - scores(later, test)).max() < 1e-4
    again = rt.teach(at_once.content, {"grey": photos(COLORS["grey"], 4)}, head="mean")
    assert again.counts["红"] == 900
    assert again.predict(photos(COLORS["grey"], 1, seed=5))[0].label == "grey"


def test_inputs_are_taken_one_after_the_other():
    seen = []

    def camera():
        for image in photos(COLORS["blue"], 3):
            seen.append("image")
            yield image

    done = []
    data = {"blue": camera(), "green": photos(COLORS["green"], 2)}
    taught = rt.teach(rt.load(encoder("image_classifier")), data, progress=lambda n, _: done.append(n))
    assert len(seen) == 3
    assert done[-1] == 5
    assert done == sorted(done)
    assert taught.counts == {"blue": 3, "green": 2}


def test_class_folders_and_what_is_left_out(tmp_path):
    for label in ("green", "blue"):
        (tmp_path / label).mkdir()
        for number, image in enumerate(photos(COLORS[label], 3)):
            image.save(str(tmp_path / label / f"{number}.png"))
    (tmp_path / "blue" / "broken.png").write_bytes(b"no image")
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    with pytest.raises(rt.InputError, match=r"broken\.png"):
        rt.teach(encoder("image_classifier"), tmp_path)
    with pytest.warns(UserWarning, match=r"broken\.png"):
        taught = rt.teach(encoder("image_classifier"), str(tmp_path), errors="skip")
    assert taught.counts == {"blue": 3, "green": 3}
    assert [each.name for each in taught.skipped] == [str(tmp_path / "blue" / "broken.png")]


def test_what_is_learned_is_opened_as_the_encoder_was():
    model = rt.load(encoder("image_classifier"), low_memory=True, threads=1)
    taught = rt.teach(model, data_of("红", "green"))
    _, (opening,) = taught.model.__reduce__()
    assert (opening.low_memory, opening.threads, opening.path) == (True, 1, taught.content)


def test_a_class_with_one_image_is_learned_and_said():
    data = {**data_of("红", "green"), "blue": photos(COLORS["blue"], 1)}
    with pytest.warns(UserWarning, match="one image alone of 'blue'"):
        taught = rt.teach(encoder("image_classifier"), data)
    assert taught.predict(photos(COLORS["blue"], 1, seed=9))[0].label == "blue"
    assert set(taught.accuracies) == {"红", "green"}


def test_one_image_of_each_class_has_no_accuracy():
    with pytest.warns(UserWarning, match="one image alone"):
        taught = rt.teach(encoder("image_classifier"), data_of("红", "blue", count=1))
    assert taught.accuracy is None
    assert "accuracy" not in repr(taught)
    assert [found.label for found in taught.predict(photos(COLORS["blue"], 2, seed=3))] == ["blue", "blue"]


def test_images_that_are_all_the_same():
    same = [photos(COLORS["blue"], 1)[0]] * 3
    taught = rt.teach(encoder("image_classifier"), {"a": same, "b": same[:2]})
    assert np.isfinite(scores(taught, {"a": same})).all()


def test_inputs_that_are_like_none(tmp_path):
    data = data_of("红", "green", count=30)
    taught = rt.teach(encoder("image_classifier"), data)
    stranger = photos(COLORS["blue"], 3)
    assert {found.label for found in taught.predict(stranger, unknown=True)} == {"unknown"}
    known = [found.label for found in taught.predict(data["红"], unknown=True)]
    assert known.count("红") >= 27
    taught.save(tmp_path / "a.onnx")
    learned = rt.teach(tmp_path / "a.onnx", {"blue": photos(COLORS["blue"], 30, seed=4)})
    assert [found.label for found in learned.predict(stranger, unknown=True)].count("blue") >= 2


def test_too_few_images_for_unknown():
    taught = rt.teach(encoder("image_classifier"), data_of("红", "green", count=2))
    assert taught.model.card.unknown is None
    with pytest.raises(rt.CardError, match="unknown"):
        taught.predict(photos(COLORS["blue"], 1), unknown=True)


def test_what_is_learned_says_what_it_is():
    taught = rt.teach(encoder("image_classifier"), data_of("红", "green"))
    assert repr(taught) == "<TaughtModel: 2 classes, 12 images, accuracy 1.00>"


def test_the_order_of_vectors_does_not_count():
    random = np.random.RandomState(0)
    vectors = random.randn(900, 12).astype(np.float32) + np.repeat(np.eye(3, 12) * 3, 300, axis=0).astype(
        "f4"
    )
    labels = np.repeat(np.arange(3), 300)
    found = []
    for order in (np.arange(900), random.permutation(900)):
        statistics = Statistics(12)
        for _ in range(3):
            statistics.add_class()
        for index in order:
            statistics.add(int(labels[index]), vectors[index : index + 1])
        regression = statistics.regression()
        found.append((regression.strength(), regression.weight(1.0), statistics.count))
    for first, second in zip(*found):
        assert np.allclose(first, second, rtol=1e-6, atol=1e-9)


def test_vectors_that_are_nearly_alike():
    """Those of an encoder with random weights: float32 would lose what distinguishes them in W x + b."""
    made = graph(
        [
            node("GlobalAveragePool", ["input"], ["pooled"]),
            node("Flatten", ["pooled"], ["flat"]),
            node("Mul", ["flat", "scale"], ["small"]),
            node("Add", ["small", "shift"], ["embedding"]),
        ],
        [value("input", ["batch", 3, "height", "width"])],
        [value("embedding", ["batch", 3])],
        [tensor("scale", np.float32(0.001)), tensor("shift", np.array([3, 4, 5], np.float32))],
    )
    spec = rt.InputSpec("image", ("batch", 3, "height", "width"), rt.Preprocess("RGB", (("resize", 8, 8),)))
    card = rt.ModelCard("embed", (), spec, rt.OutputSpec("embedding", ("batch", 3)))
    data = data_of("红", "green", "blue")
    taught = rt.teach(model_file(made, card), data)
    assert taught.accuracy == 1.0
    assert {found.label for found in taught.predict(data["green"])} == {"green"}


def test_moments_give_what_the_vectors_give():
    random = np.random.RandomState(2)
    for count, size in ((40, 12), (12, 20)):
        x = random.randn(count, size)
        x -= x.mean(axis=0)
        y = np.eye(3)[np.arange(count) % 3] - np.bincount(np.arange(count) % 3) / count
        total, answers = float((y**2).sum()), np.dot(x.T, y)
        vectors, moments = FromVectors(x, answers, total), FromMoments(np.dot(x.T, x), answers, total, count)
        for strength in (0.01, 1.0, 100.0):
            assert np.allclose(vectors.weight(strength), moments.weight(strength))
            assert np.allclose(vectors.leverage(x, strength), moments.leverage(x, strength))
            assert vectors.validation(strength) == pytest.approx(moments.validation(strength))
            inverse = np.linalg.inv(np.dot(x.T, x) + strength * np.eye(size))
            hat = np.dot(np.dot(x, inverse), x.T) + 1 / count
            expected = ((y - np.dot(hat, y)) ** 2).sum() / (count - np.trace(hat)) ** 2
            assert vectors.validation(strength) == pytest.approx(expected)
        assert moments.validation(moments.strength()) <= 1.001 * vectors.validation(vectors.strength())


@pytest.mark.parametrize("direction", [0.0, 1.0, 1e4])
def test_many_vectors_in_few_directions_are_stored(monkeypatch, direction):
    monkeypatch.setattr("onnxnn_runtime.teaching.statistics._KEPT", 6 * 4)
    statistics = Statistics(6)
    along = direction * np.array([1, 2, 0, 0, 0, 0])
    for label in range(2):
        statistics.add_class()
        statistics.add(label, np.outer(np.arange(200) + 300 * label, along).astype(np.float32))
    text = stored.to_text(stored.Taught("x", ["a", "b"], statistics))
    found = stored.from_metadata({stored.METADATA_KEY: text}, "x").statistics
    assert found.counts == [200, 200]
    assert np.allclose(
        found.moments, statistics.moments, rtol=1e-6, atol=1e-30 + 1e-9 * statistics.moments.max()
    )
    assert np.array_equal(found.sums, statistics.sums)
    before, after = (each.regression() for each in (statistics, found))
    assert np.isfinite(after.weight(after.strength())).all()
    assert np.allclose(before.weight(before.largest or 1), after.weight(before.largest or 1), rtol=1e-4)


def test_leave_one_out_is_what_leaving_one_out_gives(monkeypatch):
    from onnxnn_runtime.teaching import head as heads

    random = np.random.RandomState(1)
    labels = np.repeat(np.arange(3), 5)
    vectors = (random.randn(15, 8) + 1.2 * np.eye(3, 8)[labels]).astype(np.float32)

    def learned(kept):
        statistics = Statistics(8)
        for index in range(3):
            statistics.add_class()
            statistics.add(index, vectors[kept][labels[kept] == index])
        return statistics

    everything = np.ones(15, bool)
    for head in ("ridge", "mean"):
        whole = heads.HEADS[head](learned(everything))
        monkeypatch.setattr(FromVectors, "strength", lambda _, strength=whole.strength: strength)
        right = []
        for left_out in range(15):
            kept = everything.copy()
            kept[left_out] = False
            without = heads.HEADS[head](learned(kept))
            right.append(without.probabilities(vectors[[left_out]]).argmax() == labels[left_out])
        assert whole.accuracy == pytest.approx(np.mean(right))
        assert 0.3 < whole.accuracy < 1
        monkeypatch.undo()


@pytest.mark.slow
def test_ten_thousand_images_take_no_more_memory(monkeypatch):
    monkeypatch.setattr("onnxnn_runtime.teaching.statistics._KEPT", 3 * 200)
    random = np.random.RandomState(0)

    def camera(color, count):
        for _ in range(count):
            yield np.clip(np.array(color) + random.randint(-60, 60, (6, 5, 3)), 0, 255).astype(np.uint8)

    peaks = []
    for count in (250, 5000):
        tracemalloc.start()
        taught = rt.teach(
            encoder("image_classifier"), {label: camera(COLORS[label], count) for label in ("红", "blue")}
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert taught.counts == {"红": 5000, "blue": 5000}
    assert taught.accuracy > 0.95
    assert len(taught.content) < 20_000
    assert peaks[1] < peaks[0] + 2**20
