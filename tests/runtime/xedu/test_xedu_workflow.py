"""`onnxnn_runtime.xedu.Workflow` runs scripts of XEduHub, with files of ours, of BaseNN and of MMEdu."""

from __future__ import annotations

import json

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.xedu import Workflow
from PIL import Image
from support.models import INT64, graph, model, node, tensor, value
from support.protobuf import serialize


def saved(path, made, **metadata):
    """Write a file with keys among its metadata, as other exporters do."""
    entries = [(14, 2, [(1, 2, key.encode()), (2, 2, text.encode())]) for key, text in metadata.items()]
    path.write_bytes(model(made) + serialize(entries))
    return str(path)


@pytest.fixture
def flat(tmp_path):
    """A file of BaseNN for images of 6 x 4 whose output is what it was fed."""

    def write(channels, **others):
        made = graph(
            [node("Flatten", ["input"], ["output"])],
            [value("input", ("batch_size", channels, "width", "height"))],
            [value("output", ("batch_size", "n"))],
        )
        metadata = {"input_size": f"[1, {channels}, 4, 6]", "dataset_type": "img", **others}
        return saved(tmp_path / f"flat{channels}.onnx", made, **metadata)

    return write


@pytest.fixture
def photo(tmp_path, image):
    """A colour image of the size that `flat` takes, and its path."""
    array = np.ascontiguousarray(image[:4, :6])
    Image.fromarray(array).save(tmp_path / "a.png")
    return array, str(tmp_path / "a.png")


def bilinear(array, width, height):
    """Interpolate as OpenCV documents INTER_LINEAR: pixel centres at halves, edges clamped."""

    def places(count, size):
        at = np.clip((np.arange(count) + 0.5) * size / count - 0.5, 0, size - 1)
        low = np.minimum(np.floor(at).astype(int), max(size - 2, 0))
        return low, np.minimum(low + 1, size - 1), at - low

    up, down, y = places(height, array.shape[0])
    left, right, x = places(width, array.shape[1])
    x, y = x[None, :, None], y[:, None, None]
    rows = array.astype(float)
    top = rows[up][:, left] * (1 - x) + rows[up][:, right] * x
    bottom = rows[down][:, left] * (1 - x) + rows[down][:, right] * x
    return top * (1 - y) + bottom * y


def test_a_file_of_basenn_gets_pixels_as_opencv_reads_them(flat, photo):
    array, path = photo
    expected = array[:, :, ::-1].transpose(2, 0, 1).reshape(1, -1)
    (found,) = Workflow(task="basenn", checkpoint=flat(3)).inference(data=path)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)
    (scaled,) = Workflow(task="basenn", checkpoint=flat(3), scale=255).inference(data=path)
    np.testing.assert_allclose(scaled, expected / 255, rtol=1e-6)
    grey = np.asarray(Image.fromarray(array).convert("L")).reshape(1, -1)
    np.testing.assert_array_equal(Workflow("basenn", flat(1)).inference(path)[0], grey)
    as_list = array.transpose(2, 0, 1)[None].tolist()
    np.testing.assert_array_equal(
        Workflow("basenn", flat(3)).inference(as_list)[0].reshape(3, 4, 6), as_list[0]
    )


@pytest.mark.parametrize("size", [(9, 12), (3, 2), (40, 31), (6, 4), (1, 1)])
def test_images_are_resized_as_by_opencv(flat, tmp_path, size):
    array = np.random.RandomState(2).randint(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    Image.fromarray(array).save(tmp_path / "b.png")
    (found,) = Workflow("basenn", flat(3)).inference(str(tmp_path / "b.png"))
    expected = bilinear(array, 6, 4)[:, :, ::-1].transpose(2, 0, 1)
    np.testing.assert_allclose(found.reshape(3, 4, 6), expected, atol=1.01)


def scores_file(path, dtype=1, shape=("batch", 2), **metadata):
    """A file whose output has a score for each of three classes; the last one wins."""
    made = graph(
        [
            node("Cast", ["input"], ["x"], to=1),
            node("ReduceSum", ["x", "axis"], ["sum"], keepdims=1),
            node("MatMul", ["sum", "weight"], ["output"]),
        ],
        [value("input", shape, dtype)],
        [value("output", ("batch", 3))],
        [tensor("axis", np.array([1], np.int64)), tensor("weight", np.float32([[0.1, 0.2, 0.3]]))],
    )
    return saved(path, made, **metadata)


def test_results_have_the_keys_of_xeduhub(tmp_path, capsys):
    path = scores_file(tmp_path / "a.onnx", input_size="[1, 2]", dataset_type="tab")
    basenn = Workflow(task="basenn", checkpoint=path)
    (found,) = basenn.inference(data=[[1, 2], [3, 4]])
    np.testing.assert_allclose(found, np.outer([3, 7], [0.1, 0.2, 0.3]), rtol=1e-6)
    result = basenn.format_output(lang="zh")
    assert {row: each["预测值"] for row, each in result.items()} == {0: 2, 1: 2}
    assert result[1]["分数"] == pytest.approx(2.1)
    assert "预测值" in capsys.readouterr().out
    assert list(basenn.format_output("en", isprint=False)[0]) == ["prediction", "scores"]
    assert capsys.readouterr().out == ""


def test_texts_of_basenn_are_looked_up_in_its_vocabulary(tmp_path):
    words = {"长": 0, "'": 1, "\n": 2}
    path = scores_file(
        tmp_path / "a.onnx",
        INT64,
        ("batch", "n"),
        input_size="[1, 1]",
        dataset_type="npz",
        word2idx=str(words),
    )
    basenn = Workflow("basenn", path)
    (found,) = basenn.inference("'\n")
    np.testing.assert_allclose(found, [[0.3, 0.6, 0.9]], rtol=1e-6)
    assert basenn.format_output(isprint=False)[0]["预测值"] == "\n"
    with pytest.raises(rt.InputError, match="is not in the vocabulary"):
        basenn.inference("短")


def test_arrays_of_npz_files_are_read(tmp_path):
    path = scores_file(tmp_path / "a.onnx", input_size="[1, 2]", dataset_type="npz")
    np.savez(tmp_path / "a.npz", data=np.ones((1, 2)), label=np.zeros(1))
    (found,) = Workflow("basenn", path).inference(str(tmp_path / "a.npz"))
    np.testing.assert_allclose(found, [[0.2, 0.4, 0.6]], rtol=1e-6)
    np.savez(tmp_path / "b.npz", data=np.array([{}], object))
    with pytest.raises(rt.InputError, match=r"b\.npz"):
        Workflow("basenn", path).inference(str(tmp_path / "b.npz"))


def ours(path, output, kind="table", shape=("batch", 2), **options):
    card = rt.ModelCard("cls", (), rt.InputSpec(kind, shape, **options), output)
    made = graph(
        [node("Flatten", ["input"], ["flat"]), node("MatMul", ["flat", "w"], ["output"])],
        [value("input", shape)],
        [value("output", output.shape)],
        [tensor("w", np.eye(int(np.prod(shape[1:])), int(output.shape[1]), dtype=np.float32))],
    )
    path.write_bytes(model(made, card))
    return str(path)


def test_files_of_ours_name_the_class_and_take_arrays_of_opencv(tmp_path, photo):
    array, path = photo
    shape = ("batch", 3, 4, 6)
    output = rt.OutputSpec("classes", ("batch", 72), tuple(f"第{i}类" for i in range(72)))
    name = ours(tmp_path / "a.onnx", output, "image", shape, preprocess=rt.Preprocess("RGB"))
    basenn = Workflow("basenn", name)
    (expected,) = basenn.inference(path)
    best = int(expected.argmax())
    result = basenn.format_output(isprint=False)[0]
    assert result == {"预测值": best, "分数": expected[0, best], "预测类别": f"第{best}类"}
    bgr = array[:, :, ::-1]
    for same in (
        bgr,
        bgr.transpose(2, 0, 1)[None],
        bgr.transpose(2, 0, 1)[None] / 255,
        [bgr],
        Image.open(path),
    ):
        np.testing.assert_allclose(basenn.inference(same)[0], expected, atol=1e-6)
    assert list(Workflow("mmedu", name).inference(path)) == ["标签", "置信度", "预测结果"]
    assert Workflow("mmedu", name).inference([path, path])[1]["预测结果"] == f"第{best}类"


def test_values_are_results_as_they_are(tmp_path):
    output = rt.OutputSpec("values", ("batch", 1), targets=("price",))
    name = ours(tmp_path / "a.onnx", output)
    basenn = Workflow("basenn", name)
    basenn.inference([[2.5, 1], [-3, 2]])
    assert [each["预测值"] for each in basenn.format_output(isprint=False).values()] == [2.5, -3]


def test_vectors_are_embedded(open_model, golden, image):
    path = golden / "models" / "image_embedder.onnx"
    wf = Workflow(task="embedding_image", checkpoint=path)
    np.testing.assert_array_equal(wf.inference(image), rt.load(path).embed(image, channel_order="bgr"))
    with pytest.raises(rt.InputError, match="format_output"):
        wf.format_output()


def mmedu_file(path, backbone="LeNet", channels=1, side=32, **others):
    info = {"codebase": "MMCls", "modelname": backbone, "classes": ["猫", "狗"], **others}
    made = graph(
        [
            node("ReduceMean", ["input"], ["mean"], axes=[1, 2, 3], keepdims=0),
            node("Unsqueeze", ["mean", "axis"], ["column"]),
            node("MatMul", ["column", "w"], ["output"]),
        ],
        [value("input", (1, channels, side, side))],
        [value("output", (1, 2))],
        [tensor("axis", np.array([1], np.int64)), tensor("w", np.float32([[1, -1]]))],
    )
    return saved(path, made, MODEL_INFO=json.dumps(info))


def test_files_of_mmedu_get_images_prepared_as_for_their_backbone(tmp_path):
    Image.new("RGB", (50, 40), (200, 100, 50)).save(tmp_path / "a.png")
    found = Workflow("mmedu", mmedu_file(tmp_path / "a.onnx")).inference(str(tmp_path / "a.png"))
    grey = np.asarray(Image.new("RGB", (1, 1), (200, 100, 50)).convert("L"))[0, 0]
    assert found == {"标签": 0, "置信度": pytest.approx((grey - 33.46) / 78.87, rel=1e-5), "预测结果": "猫"}
    name = mmedu_file(tmp_path / "b.onnx", "MobileNet", 3, 224)
    mobile = Workflow("mmedu", name)
    mean, std = np.array([123.675, 116.28, 103.53]), np.array([58.395, 57.12, 57.375])
    score = ((np.array([200, 100, 50]) - mean) / std).mean()
    (tmp_path / "d").mkdir()
    Image.new("RGB", (50, 40), (200, 100, 50)).save(tmp_path / "d" / "a.png")
    assert mobile.inference(str(tmp_path / "d"))[0]["标签"] == int(score < 0)
    assert mobile.format_output(isprint=False)[0]["置信度"] == pytest.approx(
        abs(score), abs=1e-3
    )  # a mean of 150,528 floats


def test_images_come_back_and_are_saved(flat, photo, tmp_path, monkeypatch):
    array, path = photo
    basenn = Workflow("basenn", flat(3))
    result, image = basenn.inference(path, img_type="cv2")
    np.testing.assert_array_equal(image, array[:, :, ::-1])
    basenn.save(image, tmp_path / "cv2.png")
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "cv2.png")), array)
    shown = []
    monkeypatch.setattr(Image.Image, "show", lambda self: shown.append(np.asarray(self)))
    both = basenn.inference(path, img_type="pil", show=True)
    np.testing.assert_array_equal(both[1], array)
    np.testing.assert_array_equal(shown[0], array)
    basenn.save(both, str(tmp_path / "pil.png"))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "pil.png")), array)
    with pytest.raises(rt.InputError, match="expected an image"):
        basenn.show(result)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("det_coco", "Run this task with XEduHub"),
        ("ocr", r"onnxnn_runtime.load\(path\).infer\(x\)"),
        ("baseml", "skl2onnx"),
        ("basenm", "expected 'basenn', 'mmedu', 'embedding_image'"),
        (None, "task=None"),
    ],
)
def test_other_tasks_are_refused_with_what_to_use(task, message):
    with pytest.raises(rt.CallError, match=message):
        Workflow(task=task, checkpoint="a.onnx")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "no input_size"),
        ({"input_size": "[1, 2]"}, "no dataset_type"),
        ({"input_size": "__import__('os')", "dataset_type": "tab"}, "input_size"),
        ({"input_size": "[1, 2]", "dataset_type": "img"}, "input_size"),
        ({"input_size": "[1, 2]", "dataset_type": "mp3"}, "dataset_type"),
        *(
            ({"input_size": "[1, 2]", "dataset_type": "npz", "word2idx": text}, "word2idx")
            for text in ("{", "{'a': f()}", "{'a': 1 'b': 2}", "{'\\x': 1}", "{a: 1}", "[1]", "{'a\nb': 1}")
        ),
    ],
)
def test_metadata_of_another_kind_are_refused_and_never_run(tmp_path, metadata, message):
    path = scores_file(tmp_path / "a.onnx", **metadata)
    with pytest.raises(rt.CardError, match=message):
        Workflow("basenn", path)


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({"codebase": "MMDet", "modelname": "Yolov3"}, "expected a file of MMEdu that classifies"),
        ({"modelname": "Transformer"}, "got Transformer of MMCls"),
        ({"classes": 3}, "MODEL_INFO"),
    ],
)
def test_other_files_of_mmedu_are_refused(tmp_path, info, message):
    with pytest.raises(rt.CardError, match=message):
        Workflow("mmedu", mmedu_file(tmp_path / "a.onnx", **info))


def test_wrong_arguments_are_refused(tmp_path, flat, photo):
    name = flat(3)
    for arguments, message in (
        ({"checkpoint": None}, "checkpoint=None"),
        ({"checkpoint": name, "scale": 0}, "scale=0"),
        ({"checkpoint": str(tmp_path / "none.onnx")}, "none.onnx"),
    ):
        with pytest.raises(rt.InputError, match=message):
            Workflow("basenn", **arguments)
    basenn = Workflow("basenn", name)
    for nothing_run in (basenn, Workflow("mmedu", mmedu_file(tmp_path / "m.onnx"))):
        with pytest.raises(rt.InputError, match="Call inference"):
            nothing_run.format_output()
    with pytest.raises(rt.InputError, match="img_type='jpg'"):
        basenn.inference(photo[1], img_type="jpg")
    with pytest.raises(rt.InputError, match="expected numbers"):
        basenn.inference([["a"]])
    basenn.inference(photo[1])
    with pytest.raises(rt.InputError, match="lang='fr'"):
        basenn.format_output(lang="fr")
    with pytest.raises(rt.CardError, match="task='basenn'"):
        Workflow(
            "mmedu",
            ours(tmp_path / "v.onnx", rt.OutputSpec("values", ("batch", 1))),
        )
    assert Workflow.support_task() == ["basenn", "mmedu", "embedding_image"]
