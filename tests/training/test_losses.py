"""Losses by name, and what they see."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from onnxnn_runtime.errors import TrainingError
from torch import nn as torch_nn

from onnxnn import nn
from onnxnn.definition.definition import Net
from onnxnn.graph.shape import Shape
from onnxnn.training import losses
from onnxnn.training.embedding_losses import ArcFace, SupCon


def ending(units: int, *last: torch_nn.Module) -> Net:
    torch.manual_seed(0)
    return Net(torch_nn.Linear(4, units), *last)


def computed(net: Net, name: str | None, target: torch.Tensor, task: str = "cls", classes: int = 0):
    """The loss of a network on fixed inputs, the way training calls it."""
    x = torch.linspace(-1, 1, 4 * len(target)).reshape(len(target), 4)
    units = net[0].out_features
    loss = losses.make(name, net, Shape.vector(units), task, classes)
    return loss(net.logits(x) if loss.from_logits else net(x), target), net(x)


SOFTMAX = torch_nn.Softmax(dim=1)
NUMBERS = torch.tensor([0, 2, 1, 2])
ONE_HOT = F.one_hot(NUMBERS, 3).float()


@pytest.mark.parametrize("name", [None, "CrossEntropyLoss", "categorical_crossentropy", "NLLLOSS", "nllloss"])
@pytest.mark.parametrize("target", [NUMBERS, ONE_HOT], ids=["numbers", "one-hot"])
def test_cross_entropy_is_taken_once(name, target):
    loss, probabilities = computed(ending(3, SOFTMAX), name, target, classes=3)
    expected = -probabilities[torch.arange(4), NUMBERS].log().mean()
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("name", ["MSELoss", "mse", "mean_squared_error"])
@pytest.mark.parametrize("target", [NUMBERS, ONE_HOT], ids=["numbers", "one-hot"])
def test_squared_error_of_a_softmax_is_taken_on_probabilities(name, target):
    loss, probabilities = computed(ending(3, SOFTMAX), name, target, classes=3)
    torch.testing.assert_close(loss, (probabilities - ONE_HOT).square().mean())


@pytest.mark.parametrize(
    "name", [None, "BCELoss", "binary_crossentropy", "CrossEntropyLoss", "BCEWithLogitsLoss"]
)
def test_one_sigmoid_unit_is_a_binary_classifier(name):
    target = torch.tensor([0, 1, 1, 0])
    loss, p = computed(ending(1, torch_nn.Sigmoid()), name, target, classes=2)
    expected = -torch.where(target == 1, p[:, 0].log(), (1 - p[:, 0]).log()).mean()
    torch.testing.assert_close(loss, expected)


def test_binary_cross_entropy_of_large_logits_is_finite():
    net = ending(1, torch_nn.Sigmoid())
    torch_nn.init.constant_(net[0].bias, 200.0)
    loss, _ = computed(net, "BCELoss", torch.tensor([0, 0]), classes=2)
    assert loss.item() > 190


def test_binary_cross_entropy_of_a_softmax_as_a_lesson_writes_it():
    loss, p = computed(ending(3, SOFTMAX), "BCELoss", ONE_HOT, classes=3)
    torch.testing.assert_close(loss, -(ONE_HOT * p.log() + (1 - ONE_HOT) * (1 - p).log()).mean())


class Ending(torch_nn.Module):
    """A module of one's own that ends in a function of its own."""

    def __init__(self, units, function):
        super().__init__()
        self.linear = torch_nn.Linear(4, units)
        self.function = function

    def forward(self, x):
        return self.function(self.linear(x))


def softmax(y):
    return torch.softmax(y, dim=1)


class TestAModuleThatEndsInProbabilities:
    """It is trained as the same network of named layers is."""

    @pytest.mark.parametrize("name", [None, "BCELoss", "NLLLoss", "MSELoss", "KLDivLoss"])
    @pytest.mark.parametrize(
        ("units", "activation", "function"),
        [
            (3, "softmax", softmax),
            (3, "softmax", torch_nn.Softmax(dim=1)),
            (1, "sigmoid", torch.sigmoid),
            (1, "sigmoid", torch_nn.Sigmoid()),
        ],
    )
    def test_loss_metrics_and_answer(self, name, units, activation, function):
        x, y = torch.linspace(-1, 1, 24).reshape(6, 4), torch.arange(6) % max(units, 2)
        own, named = nn("cls", verbose=0), nn("cls", verbose=0)
        for model in (own, named):
            model.load_dataset(x, y)
        own.add(Ending(units, function))
        named.add("linear", size=(4, units), activation=activation)
        named.model.linear1.load_state_dict(own.model[0].linear.state_dict())
        found = own.evaluate((x, y), loss=name, metrics=["acc", "mae"])
        assert found == pytest.approx(named.evaluate((x, y), loss=name, metrics=["acc", "mae"]), rel=1e-5)
        assert own.card().output == named.card().output
        assert own.print_result(own.inference(x)) == named.print_result(named.inference(x))

    @pytest.mark.parametrize("function", [softmax, torch.sigmoid])
    def test_certain_answers_have_a_finite_loss_and_gradient(self, function, tmp_path):
        model = nn("cls", save_fold=str(tmp_path), verbose=0)
        model.load_dataset(torch.eye(4), torch.tensor([0, 1, 0, 1]))
        module = Ending(2 if function is softmax else 1, function)
        model.add(module)
        torch_nn.init.constant_(module.linear.weight, 500.0)
        torch_nn.init.constant_(module.linear.bias[:1], 500.0)
        assert math.isfinite(model.train(lr=0.1, epochs=1)[0]["loss"])
        assert all(weight.isfinite().all() for weight in module.parameters())

    def test_a_sigmoid_inside_is_no_ending(self):
        model = nn("cls", verbose=0)
        model.load_dataset(torch.eye(4), torch.tensor([0, 1, 0, 1]))
        model.add(torch_nn.Sequential(torch_nn.Linear(4, 3), torch_nn.Sigmoid(), torch_nn.Linear(3, 1)))
        assert not model.model.ending
        with pytest.raises(TrainingError, match="cannot separate two classes"):
            model.train(epochs=1)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("L1Loss", F.l1_loss),
        ("mae", F.l1_loss),
        ("huber", F.huber_loss),
        ("SmoothL1Loss", F.smooth_l1_loss),
        (None, F.mse_loss),
    ],
)
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_regression_never_broadcasts(name, function, shape):
    target = torch.tensor([0.5, -1.0, 2.0, 0.0])
    loss, output = computed(ending(1), name, target.reshape(shape), task="reg")
    torch.testing.assert_close(loss, function(output[:, 0], target))


@pytest.mark.parametrize("target", [NUMBERS, ONE_HOT], ids=["numbers", "one-hot"])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SoftMarginLoss", lambda logits, p: F.soft_margin_loss(logits, 2 * ONE_HOT - 1)),
        ("MultiLabelSoftMarginLoss", lambda logits, p: F.multilabel_soft_margin_loss(logits, ONE_HOT)),
        ("PoissonNLLLoss", lambda logits, p: F.poisson_nll_loss(p, ONE_HOT)),
    ],
)
def test_margins_of_classes(name, expected, target):
    net = ending(3, SOFTMAX)
    loss, p = computed(net, name, target, classes=3)
    logits = net.logits(torch.linspace(-1, 1, 16).reshape(4, 4))
    torch.testing.assert_close(loss, expected(logits, p))


def test_the_margin_of_one_unit():
    target = torch.tensor([0, 1, 1, 0])
    loss, p = computed(ending(1, torch_nn.Sigmoid()), "SoftMarginLoss", target, classes=2)
    torch.testing.assert_close(loss, F.binary_cross_entropy(p[:, 0], target.float()))


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("HingeEmbeddingLoss", F.hinge_embedding_loss),
        ("SoftMarginLoss", F.soft_margin_loss),
        ("MultiLabelSoftMarginLoss", lambda y, t: F.multilabel_soft_margin_loss(y[:, None], t[:, None])),
        ("PoissonNLLLoss", F.poisson_nll_loss),
    ],
)
def test_margins_of_values(name, function):
    target = torch.tensor([1.0, -1.0, 1.0, -1.0])
    loss, output = computed(ending(1), name, target, task="reg")
    torch.testing.assert_close(loss, function(output[:, 0], target))


def test_divergence_of_one_hot_targets_is_cross_entropy():
    loss, _ = computed(ending(3, SOFTMAX), "kl_divergence", NUMBERS, classes=3)
    expected, _ = computed(ending(3, SOFTMAX), None, NUMBERS, classes=3)
    torch.testing.assert_close(loss, expected)


def test_more_outputs_than_classes_are_accepted():
    for target in (NUMBERS, ONE_HOT):
        loss, output = computed(ending(5), None, target, classes=3)
        torch.testing.assert_close(loss, F.cross_entropy(output, NUMBERS))


def test_sequences_are_compared_step_by_step():
    logits, target = torch.randn(2, 4, 3), torch.randint(0, 3, (2, 4))
    loss = losses.make(None, ending(3, SOFTMAX), Shape.sequence(4, 3), "cls", 3)
    torch.testing.assert_close(loss(logits, target), F.cross_entropy(logits.flatten(0, 1), target.flatten()))


@pytest.mark.parametrize(
    ("name", "net", "task", "classes", "message"),
    [
        ("CrossEntropyLos", ending(3), "cls", 3, "Did you mean 'CrossEntropyLoss'"),
        ("zzz", ending(3), "cls", 3, "unknown loss. Known: ArcFace, BCELoss"),
        (None, ending(2, SOFTMAX), "cls", 3, r"one output of the network for each class \(3 in all\), got 2"),
        (None, ending(1, SOFTMAX), "cls", 2, "one output unit with softmax cannot separate two classes"),
        (None, ending(1), "cls", 2, "activation='sigmoid'"),
        ("BCELoss", ending(3), "cls", 3, "expected probabilities"),
        ("NLLLoss", ending(3), "cls", 3, "expected probabilities, got the outputs of a linear layer"),
        ("CrossEntropyLoss", ending(1), "reg", 0, "Use loss='MSELoss'"),
        ("HingeEmbeddingLoss", ending(3), "cls", 3, r"expected nn\('reg'\)"),
        ("TripletMarginLoss", ending(3), "cls", 3, "unknown loss"),
        ("ArcFace", ending(3), "cls", 3, r"only nn\('embed'\) does"),
        ("mse", ending(3), "embed", 3, "trains with loss='SupCon' or loss='ArcFace'"),
        ("SupCon", ending(3), "embed", 1, "expected data with at least 2 classes, got 1"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(name, net, task, classes, message):
    with pytest.raises(TrainingError, match=message):
        losses.make(name, net, Shape.vector(net[0].out_features), task, classes)


def test_wrong_number_of_targets_is_said():
    with pytest.raises(TrainingError, match="expected 2 target values for each sample"):
        computed(ending(2), "mse", torch.zeros(4, 3), task="reg")


# ---- embedding -------------------------------------------------------------------------------------


def supcon_by_hand(z: torch.Tensor, classes: list[int], temperature: float) -> float:
    """Khosla et al. 2020, eq. 2, term by term."""
    z = z / z.norm(dim=1, keepdim=True)
    terms = []
    for i in range(len(z)):
        positives = [p for p in range(len(z)) if p != i and classes[p] == classes[i]]
        if not positives:
            continue
        below = sum(math.exp(float(z[i] @ z[a]) / temperature) for a in range(len(z)) if a != i)
        each = [math.log(math.exp(float(z[i] @ z[p]) / temperature) / below) for p in positives]
        terms.append(-sum(each) / len(positives))
    return sum(terms) / len(terms)


def test_supervised_contrastive_loss_is_the_papers():
    torch.manual_seed(0)
    z, classes = torch.randn(7, 5), [0, 1, 0, 2, 1, 1, 3]
    loss = SupCon(temperature=0.2)(z, torch.tensor(classes))
    assert loss.item() == pytest.approx(supcon_by_hand(z, classes, 0.2), rel=1e-5)


@pytest.mark.parametrize("classes", [[0], [0, 1], [0, 1, 2, 3]])
def test_a_batch_without_pairs_has_no_loss_and_no_nan(classes):
    z = torch.randn(len(classes), 3, requires_grad=True)
    loss = SupCon()(z, torch.tensor(classes))
    loss.backward()
    assert loss.item() == 0.0
    assert torch.equal(z.grad, torch.zeros_like(z))


def test_gradient_of_equal_and_opposite_vectors_is_finite():
    z = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]], requires_grad=True)
    SupCon()(z, torch.tensor([0, 0, 1])).backward()
    assert z.grad.isfinite().all()


def test_arcface_moves_the_angle_of_the_own_class_by_the_margin():
    torch.manual_seed(0)
    head = ArcFace(5, 3, scale=8.0, margin=0.3)
    x, y = torch.randn(6, 5), torch.tensor([0, 1, 2, 0, 1, 2])
    w = head.directions.detach()
    cosine = (x / x.norm(dim=1, keepdim=True)) @ (w / w.norm(dim=1, keepdim=True)).T
    angle = cosine.double().acos()
    angle[torch.arange(6), y] += 0.3
    assert angle.max() < math.pi
    expected = F.cross_entropy(8.0 * angle.cos(), y)
    assert head(x, y).item() == pytest.approx(expected.item(), rel=1e-5)


def test_arcface_stays_finite_where_the_margin_passes_pi():
    head = ArcFace(2, 2)
    with torch.no_grad():
        head.directions.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    x = torch.tensor([[-1.0, 0.0], [1.0, 0.0]], requires_grad=True)
    head(x, torch.tensor([0, 0])).backward()
    assert x.grad.isfinite().all()


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("CrossEntropyLoss", Shape.signal(3, 5)),
        ("NLLLoss", Shape((4, 5, 3), ("height", "width", "channel"))),
        ("KLDivLoss", Shape.image(3, 4, 5)),
    ],
)
def test_classes_on_an_axis_that_a_loss_does_not_compare_are_refused(name, output):
    with pytest.raises(TrainingError, match="expects the classes on another axis"):
        losses.make(name, ending(3, SOFTMAX), output)
