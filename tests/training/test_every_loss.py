"""Every loss of the registry: it is refused with a reason, or the network returns what was learned."""

from __future__ import annotations

import contextlib
import io
import json

import numpy as np
import onnxnn_runtime as rt
import pytest
import torch
from onnxnn_cli.predict import predict
from onnxnn_runtime.card.card import ModelCard
from onnxnn_runtime.errors import CardError, TrainingError

from onnxnn import nn
from onnxnn.training import losses

ENDINGS = (None, "softmax", "sigmoid")
NAMES = sorted(losses.LOSSES)
REFUSED = {
    *((name, end) for name in ("ArcFace", "SupCon", "MinSNR", "HingeEmbeddingLoss") for end in ENDINGS),
    *(("BCELoss", None), ("NLLLoss", None), ("PoissonNLLLoss", None), ("PoissonNLLLoss", "sigmoid")),
}
"""What classes do not learn from, and at which ends of a network."""

RAW = "原始分数 (raw score)"

X = np.random.default_rng(0).standard_normal((30, 3)).astype(np.float32)
V = X @ [1, 2, 3]
SHARE = 1 / (1 + np.exp(-V))
CLASSES = np.digitize(V, np.quantile(V, [1 / 3, 2 / 3]))
VALUES = {
    "any": 1e5 * V,
    "shares": SHARE,
    "distributions": np.stack((SHARE, 1 - SHARE), 1),
    "signs": np.sign(V),
    "counts": np.round(1e3 * np.exp(V / 5)),
}
LEARNED = {
    "MSELoss": set(VALUES),
    "L1Loss": set(VALUES),
    "SmoothL1Loss": set(VALUES),
    "HuberLoss": set(VALUES),
    "BCEWithLogitsLoss": {"shares", "distributions"},
    "MultiLabelSoftMarginLoss": {"shares", "distributions"},
    "KLDivLoss": {"distributions"},
    "PoissonNLLLoss": {"shares", "distributions", "counts"},
}
"""Which values each loss learns without an activation at the end; SoftMarginLoss learns a decision beside."""


def network(task, y, units, activation, folder):
    model = nn(task, save_fold=str(folder), verbose=0)
    model.set_seed(0)
    model.load_dataset(X, y, batch_size=10)
    model.add("linear", size=(3, units), activation=activation)
    return model


def printed(model, found):
    with contextlib.redirect_stdout(io.StringIO()):
        return model.print_result(found)


@pytest.mark.parametrize("activation", ENDINGS)
@pytest.mark.parametrize("loss", NAMES)
def test_scores_of_classes_are_probabilities_or_named(tmp_path, loss, activation):
    model = network("cls", CLASSES, 3, activation, tmp_path)
    try:
        model.train(lr=0.1, epochs=15, loss=loss)
    except TrainingError:
        assert (loss, activation) in REFUSED
        return
    assert (loss, activation) not in REFUSED
    found = model.inference(X)
    model.export(tmp_path / "m.onnx")
    exported = rt.load(tmp_path / "m.onnx")
    assert exported.infer(X) == pytest.approx(found, abs=1e-5)
    rows, predictions = printed(model, found), exported.predict(X)
    assert np.mean([rows[i]["预测值"] == CLASSES[i] for i in rows]) > 0.5
    is_raw = activation is None and (found.min() < 0 or found.max() > 1)
    assert {key for row in rows.values() for key in row} == {"预测值", RAW if is_raw else "置信度"}
    assert {each.score_kind for each in predictions} == {"raw score" if is_raw else "probability"}
    assert model.card().output.scores == exported.card.output.scores == predictions[0].score_kind
    again = nn(verbose=0)
    again.load(tmp_path / "basenn.pth")
    assert printed(again, again.inference(X)) == rows


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("loss", NAMES)
def test_values_are_returned_as_they_were_given(tmp_path, loss, name):
    y = VALUES[name]
    units = 1 if y.ndim == 1 else y.shape[1]
    model = network("reg", y, units, None, tmp_path)
    if loss == "SoftMarginLoss" and name == "signs":
        model.train(lr=0.1, epochs=15, loss=loss)
        assert (np.sign(model.inference(X)[:, 0]) == y).mean() > 0.8
        return
    if name not in LEARNED.get(loss, ()):
        with pytest.raises(TrainingError, match=loss):
            model.train(lr=0.1, epochs=1, loss=loss)
        return
    model.train(lr=0.1, epochs=40, loss=loss, metrics=["mae"])
    found = model.inference(X)
    assert ((found.reshape(y.shape) - y) ** 2).mean() < 0.5 * y.var()
    rated = model.evaluate((X, y), loss=loss, metrics=["mae"])
    assert rated["mae"] == pytest.approx(np.abs(found.reshape(y.shape) - y).mean(), rel=1e-4)
    model.export(tmp_path / "m.onnx")
    scale = np.abs(y).max()
    assert rt.load(tmp_path / "m.onnx").infer(X) == pytest.approx(found, rel=1e-4, abs=1e-5 * scale)
    again = nn(verbose=0)
    again.load(tmp_path / "basenn.pth")
    assert again.inference(X) == pytest.approx(found, rel=1e-6)


@pytest.mark.parametrize(
    ("loss", "activation", "y", "said"),
    [
        ("KLDivLoss", None, -VALUES["distributions"], "add up to 1 .* got targets in -"),
        ("KLDivLoss", None, 2 * VALUES["distributions"], "got sums of 2..2. Divide each row"),
        (
            "KLDivLoss",
            "sigmoid",
            VALUES["distributions"],
            "ends in sigmoid. End it with activation='softmax'",
        ),
        ("KLDivLoss", None, SHARE, "got a single target"),
        ("PoissonNLLLoss", None, V, "expected counts from 0, got targets in -"),
        ("poisson", "relu", VALUES["counts"], "relu at the end returns values from 0 up. Leave the last"),
        ("BCELoss", "sigmoid", V, "expected probabilities from 0 to 1, got targets in -"),
        ("SoftMarginLoss", None, SHARE, "expected targets of 1 and -1, got targets in 0"),
        ("HingeEmbeddingLoss", None, np.sign(V), "expected distances.*activation='relu'"),
    ],
)
def test_values_that_a_loss_does_not_know(tmp_path, loss, activation, y, said):
    model = network("reg", y, 1 if y.ndim == 1 else 2, activation, tmp_path)
    with pytest.raises(TrainingError, match=said):
        model.train(lr=0.1, epochs=1, loss=loss)


def test_distances_end_in_relu(tmp_path):
    model = network("reg", np.sign(V), 1, "relu", tmp_path)
    assert model.train(lr=0.1, epochs=20, loss="HingeEmbeddingLoss")[-1]["loss"] >= 0
    assert model.inference(X)[V > 0].mean() < model.inference(X)[V < 0].mean()


def test_rates_are_the_mean_of_counts(tmp_path):
    """PoissonNLLLoss with one rate for all samples is smallest at their mean."""
    counts = np.random.default_rng(1).poisson(7000, 30).astype(float)
    model = network("reg", counts, 1, None, tmp_path)
    torch.nn.init.zeros_(model.model[0].weight).requires_grad_(False)
    model.train(lr=0.1, epochs=60, loss="poisson")
    assert model.inference(X) == pytest.approx(np.full((30, 1), counts.mean()), rel=0.01)
    other = network("reg", counts, 1, None, tmp_path)
    other.train(lr=0.1, epochs=1)
    with pytest.raises(TrainingError, match="was trained to return values"):
        other.train(lr=0.1, epochs=1, loss="poisson")


def test_the_command_names_raw_scores(tmp_path, capsys):
    model = network("cls", CLASSES, 3, None, tmp_path)
    model.train(lr=0.1, epochs=2, loss="MSELoss")
    model.convert(out_file=tmp_path / "m.onnx")
    np.savetxt(tmp_path / "x.csv", X[:2], delimiter=",")
    given = {"file": str(tmp_path / "m.onnx"), "inputs": [str(tmp_path / "x.csv")], "top": 1,
             "batch_size": None, "channel_order": None, "device": "cpu", "low_memory": False,
             "skip_errors": False}  # fmt: skip
    given.update(unknown=False, heatmap=None)
    predict(**given, as_json=False)
    assert "raw score" in capsys.readouterr().out
    predict(**given, as_json=True)
    assert {each["score_kind"] for each in json.loads(capsys.readouterr().out)} == {"raw score"}
    shown = rt.load(tmp_path / "m.onnx").predict(X[:2])
    assert "raw score" in shown._repr_html_()
    assert "score_kind='raw score'" in repr(shown)
    assert "raw score" in (tmp_path / "m.py").read_text(encoding="utf-8")


def test_the_card_says_what_scores_are(tmp_path):
    model = network("cls", CLASSES, 3, None, tmp_path)
    assert model.card().output.scores == "raw score"
    card = model.card()
    assert ModelCard.from_json(card.to_json()) == card
    with pytest.raises(CardError, match="scores"):
        ModelCard.from_json(card.to_json().replace('"raw score"', '"certainty"'))
    model.train(lr=0.1, epochs=1)
    assert '"scores"' not in model.card().to_json()


def test_scores_of_any_array_are_named():
    assert printed(nn(verbose=0), np.array([[0.2, 0.8]])) == {0: {"预测值": 1, "置信度": 0.8}}
    assert printed(nn(verbose=0), np.array([[0.2, 1.5]])) == {0: {"预测值": 1, RAW: 1.5}}


@pytest.mark.parametrize("units", [1, 3])
def test_small_probabilities_are_exported(tmp_path, units):
    """A difference of 1e-7 in a probability of 1e-6 is rounding."""
    model = network("cls", CLASSES if units > 1 else CLASSES % 2, units, "sigmoid", tmp_path)
    torch.nn.init.constant_(model.model[0].bias, -14.0)
    torch.nn.init.zeros_(model.model[0].weight)
    model.export(tmp_path / "m.onnx")
    assert rt.load(tmp_path / "m.onnx").infer(X).max() < 1e-5
