"""Messages about training and export in Chinese: the same codes, and the language of the moment."""

from __future__ import annotations

import pytest
from onnxnn_runtime.errors import OnnxnnError

from onnxnn.console.display import PrintedText
from onnxnn.export import options as export_options
from onnxnn.export import sampling_loop
from onnxnn.inference import predict
from onnxnn.training import advice, finite
from onnxnn.training.callbacks import describe
from onnxnn.training.device_options import DeviceOptions
from onnxnn.training.history import History
from onnxnn.training.machine import machine_for
from onnxnn.training.settings import TrainSettings

REFUSED = [
    lambda: TrainSettings(epochs=0),
    lambda: TrainSettings(lr=-1),
    lambda: TrainSettings(ema=2),
    lambda: TrainSettings(loss="mseloss2"),
    lambda: TrainSettings(metrics="acu"),
    lambda: TrainSettings(metrics=5),
    lambda: TrainSettings(monitor="acc"),
    lambda: TrainSettings(monitor="val_loss").column(validated=False),
    lambda: TrainSettings(optimizer="Adm"),
    lambda: TrainSettings(optimizer_options={"weigth_decay": 1}),
    lambda: TrainSettings(optimizer_options={"learning_rate": 1}),
    lambda: TrainSettings(optimizer_options={"betas": 3, "eps": -1, "fused": "x", "capturable": True}),
    lambda: TrainSettings(schedule=5),
    lambda: TrainSettings(schedule="stepp"),
    lambda: TrainSettings(schedule={"name": "step", "gamma": -1}),
    lambda: TrainSettings(schedule={"name": "step", "step_size": 0}),
    lambda: TrainSettings(schedule={"name": "constant", "gamma": 1}),
    lambda: machine_for(DeviceOptions(precision="8")),
    lambda: machine_for(DeviceOptions(strategy="dpp")),
    lambda: machine_for(DeviceOptions(devices=0)),
    lambda: machine_for(DeviceOptions(device="tpu")),
    lambda: finite.check_losses([float("nan")], 0),
    lambda: finite.check_losses([float("nan")], 3),
    lambda: export_options.versions_for(None, 3, 7),
    lambda: sampling_loop.check(9, in_graph=False),
    lambda: predict.joined([]),
]


def is_chinese(text):
    return any("\u4e00" <= character <= "\u9fff" for character in text)


@pytest.fixture
def chinese(monkeypatch):
    monkeypatch.setenv("ONNXNN_LANG", "zh")


@pytest.mark.parametrize("call", REFUSED)
def test_codes_are_the_same_in_both_languages(monkeypatch, call):
    with pytest.raises(OnnxnnError) as english:
        call()
    monkeypatch.setenv("ONNXNN_LANG", "zh")
    with pytest.raises(OnnxnnError) as translated:
        call()
    assert english.value.code
    assert translated.value.code == english.value.code
    assert not is_chinese(english.value.text)
    assert is_chinese(translated.value.text)
    assert not any(word in translated.value.text for word in ("expected", "got", "Known", "Use"))


@pytest.mark.usefixtures("chinese")
def test_every_part_of_a_message_is_translated():
    options = {"betas": 3, "fused": "x", "capturable": True}
    with pytest.raises(
        OnnxnnError, match="betas 应为两个从 0 到小于 1 的数，实际为 3；fused 应为布尔值 True、"
    ):
        TrainSettings(optimizer_options=options)


@pytest.mark.usefixtures("chinese")
def test_lines_of_a_training():
    assert describe({"epoch": 2, "loss": 0.25, "lr": 0.1}, 3) == "第 2/3 轮  loss 0.25"
    history = History([{"epoch": 1, "loss": 1.0, "acc": 1.0, "val_loss": 2.0, "val_acc": 0.3}] * 6)
    history.best_epoch = 1
    assert advice.best_line(history, "val_loss").startswith("共 6 轮，最佳为第 1 轮：val_loss 2")
    assert list(map(is_chinese, advice.advice(history, 3, 60, 6))) == [True, True]
    assert repr(PrintedText("a\nb")) == "<2 行，已在上面输出>"
