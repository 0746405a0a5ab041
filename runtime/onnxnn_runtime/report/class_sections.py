"""The parts of the page about a model that classifies."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from onnxnn_runtime.messages.catalogue import gettext, ngettext
from onnxnn_runtime.messages.shorten import printable

from .cards import card, cards_of, counted_samples
from .charts import reliability
from .duplicates_section import duplicates_section
from .html import Html, bar, element, joined, section, table, tile
from .shown import LEAST_CERTAIN, WORST, entries, interval
from .stranger_section import strangers_section
from .style import shade

Facts = Mapping[str, object]
Images = Mapping[str, object]
Entry = Mapping[str, Any]

_LARGEST = 20
"""Classes of a matrix in the page; of more those with the most mistakes are shown."""

_CONFUSED = 8
"""Pairs of classes that are named below the matrix."""


def class_sections(facts: Facts, images: Images) -> Html:
    """Return what stands below the title.

    Args:
        facts: The figures and lists of a report.
        images: Small images by the names of samples.
    """
    return joined(
        [
            _headline(facts),
            matrix_section(facts),
            classes_section(facts),
            _mistakes(facts, images),
            _calibration(facts),
            _least_certain(facts, images),
            _wrong_labels(facts, images),
            duplicates_section(facts, images),
            strangers_section(facts, images),
            _sources(facts),
        ]
    )


def _headline(facts: Facts) -> Html:
    low, high = interval(facts, "accuracy_interval")
    accuracy, macro = float(str(facts["accuracy"])), _mapping(facts["macro"])
    lead = gettext(
        "The model gets {right} of {samples} right. Of other samples like these, expect it to get "
        "between {low:.1%} and {high:.1%} right (with 95 % confidence).",
        right=facts["right"],
        samples=counted_samples(facts),
        low=low,
        high=high,
    )
    tiles = [
        tile(
            f"{accuracy:.1%}",
            gettext("accuracy"),
            gettext("{low:.1%} to {high:.1%} with 95 % confidence", low=low, high=high),
        ),
        tile(f"{macro['f1']:.3f}", gettext("mean F1"), gettext("each class counts the same")),
    ]
    found = facts.get("calibration")
    if isinstance(found, Mapping):
        tiles.append(
            tile(
                f"{found['error']:.1%}",
                gettext("calibration error"),
                gettext("how far its scores are off"),
            )
        )
    wrong = int(str(facts["samples"])) - int(str(facts["right"]))
    tiles.append(
        tile(str(wrong), ngettext("mistake", "mistakes", wrong), gettext("the worst are shown below"))
    )
    return joined([element("p", lead, class_="lead"), element("div", *tiles, class_="tiles")])


def matrix_section(facts: Facts) -> Html:
    """Return the confusion matrix, and what is confused most."""
    classes, matrix = entries(facts["classes"]), _rows(facts["confusion"])
    shown = chosen_classes(matrix, _LARGEST)
    text = gettext(
        "Each row is a true class, each column what the model said. On the diagonal (green) it was right; "
        "every "
        "orange cell counts one kind of mistake."
    )
    parts: list[object] = [element("p", text), _matrix(classes, matrix, shown)]
    if len(shown) < len(classes):
        parts.append(
            element(
                "p",
                gettext(
                    "Shown are {shown} of {total}: the classes with the most mistakes.",
                    shown=len(shown),
                    total=len(classes),
                ),
                class_="soft",
            )
        )
    confused = most_confused(matrix)[:_CONFUSED]
    if confused:
        lines = [
            ngettext(
                "{label} was taken for {other} {count} time (of {total})",
                "{label} was taken for {other} {count} times (of {total})",
                count,
                label=_name(classes, row),
                other=_name(classes, column),
                total=sum(matrix[row]),
            )
            for row, column, count in confused
        ]
        parts.append(element("h3", gettext("Confused most often")))
        parts.append(element("ul", *(element("li", line) for line in lines)))
    return section(gettext("What is taken for what (confusion matrix)"), *parts)


def chosen_classes(matrix: Sequence[Sequence[int]], most: int) -> list[int]:
    """Return the classes that a matrix shows, in order: all, or those with the most mistakes.

    Args:
        matrix: The confusion matrix.
        most: How many are shown at most.
    """
    count = len(matrix)
    if count <= most:
        return list(range(count))
    mistakes = [sum(matrix[i]) + sum(row[i] for row in matrix) - 2 * matrix[i][i] for i in range(count)]
    return sorted(sorted(range(count), key=lambda i: -mistakes[i])[:most])


def most_confused(matrix: Sequence[Sequence[int]]) -> list[tuple[int, int, int]]:
    """Return (true class, predicted class, how often) of all mistakes, the most frequent first."""
    found = [(i, j, count) for i, row in enumerate(matrix) for j, count in enumerate(row) if i != j and count]
    return sorted(found, key=lambda each: -each[2])


def _matrix(classes: Sequence[Entry], matrix: Sequence[Sequence[int]], shown: Sequence[int]) -> Html:
    names = [_name(classes, i, 24) for i in shown]
    short = "short" if max(map(_width, names)) <= 4 else ""
    axes = joined([gettext("model →"), Html("<br>"), gettext("true ↓")])
    head = [element("th", axes, class_="axis")]
    head += [element("th", element("span", name), class_=short, scope="col") for name in names]
    rows = []
    for place, i in enumerate(shown):
        total = sum(matrix[i])
        cells = []
        for j in shown:
            count = matrix[i][j]
            ground, ink = shade(count / total if total else 0, i == j)
            cells.append(element("td", count, style=f"background:{ground};color:{ink}"))
        rows.append(element("tr", element("th", names[place], scope="row"), *cells))
    body = joined([element("thead", element("tr", *head)), element("tbody", *rows)])
    return element("div", element("table", body, class_="matrix"), class_="scroll")


def classes_section(facts: Facts) -> Html:
    """Return precision, recall and F1 of each class."""
    rows: list[Sequence[object]] = []
    for each in entries(facts["classes"]):
        shares = [bar(float(str(each[key]))) for key in ("precision", "recall")]
        name = printable(str(each["name"]), 60)
        rows.append((name, *shares, f"{each['f1']:.3f}", each["support"]))
    macro = _mapping(facts["macro"])
    means = [bar(macro["precision"]), bar(macro["recall"]), f"{macro['f1']:.3f}", facts["samples"]]
    rows.append([element("b", gettext("mean")), *means])
    headings = [gettext("class"), gettext("precision"), gettext("recall"), "F1", gettext("samples")]
    text = gettext(
        "Precision: when the model says this class, how often it is true. Recall: how many of this class it "
        "finds. "
        "F1 is their harmonic mean."
    )
    return section(gettext("Each class"), element("p", text), table(headings, rows))


def _mistakes(facts: Facts, images: Images) -> Html:
    found = entries(facts["worst"])[:WORST]
    title = gettext("Worst mistakes")
    if not found:
        return section(title, element("p", gettext("None: it got every sample right.")))
    text = gettext("Wrong, and certain of it: mistakes with the highest scores first.")
    cards = [
        card(
            images,
            facts["data"],
            each,
            gettext("true: {label}", label=printable(each["label"], 40)),
            gettext(
                "model: {label}, {score}",
                label=printable(each["predicted"], 40),
                score=_score(facts, each["score"]),
            ),
        )
        for each in found
    ]
    return section(title, element("p", text), cards_of(cards))


def _least_certain(facts: Facts, images: Images) -> Html:
    found = [each for each in entries(facts["least_certain"]) if each["second"] is not None][:LEAST_CERTAIN]
    if not found:
        return Html("")
    text = gettext(
        "The two best classes have nearly the same score: more training samples like these help most."
    )
    cards = []
    for each in found:
        line = gettext(
            "{first} {score} or {second} {other}",
            first=printable(each["predicted"], 40),
            score=_score(facts, each["score"]),
            second=printable(each["second"], 40),
            other=_score(facts, each["second_score"]),
        )
        is_right = each["label"] == each["predicted"]
        label = gettext("true: {label}", label=printable(each["label"], 40))
        cards.append(card(images, facts["data"], each, label, line, is_right))
    return section(gettext("Least certain"), element("p", text), cards_of(cards))


def _wrong_labels(facts: Facts, images: Images) -> Html:
    if facts["probably_wrong_labels"] is None:
        return Html("")
    found = entries(facts["probably_wrong_labels"])
    title = gettext("Probably wrong labels")
    if not found:
        return section(title, element("p", gettext("None was found.")))
    text = ngettext(
        "The model is as sure of another class as it usually is of that class in {count} sample. Look "
        "whether the label or the model is wrong, and correct a wrong label in your data.",
        "The model is as sure of another class as it usually is of that class in {count} samples. Look "
        "whether the labels or the model are wrong, and correct wrong labels in your data.",
        len(found),
    )
    cards = [
        card(
            images,
            facts["data"],
            each,
            gettext("label: {label}", label=printable(each["label"], 40)),
            gettext(
                "probably: {label}, {score:.0%}", label=printable(each["probably"], 40), score=each["score"]
            ),
        )
        for each in found[:WORST]
    ]
    return section(title, element("p", text), cards_of(cards))


def _calibration(facts: Facts) -> Html:
    found = facts.get("calibration")
    if not isinstance(found, Mapping):
        return Html("")
    bins = entries(found["bins"])
    scores = sum(float(str(each["score"])) * int(str(each["samples"])) for each in bins if each["samples"])
    mean, accuracy = scores / int(str(facts["samples"])), float(str(facts["accuracy"]))
    if mean > accuracy + 0.02:
        verdict = gettext("It is surer than it should be.")
    elif mean < accuracy - 0.02:
        verdict = gettext("It is less sure than it could be.")
    else:
        verdict = gettext("Its scores fit how often it is right.")
    text = gettext(
        "When the model says 80 %, it should be right 8 times out of 10. Here its scores are {mean:.1%} on "
        "average, "
        "and it is right in {accuracy:.1%} of all samples; bin by bin the two differ by {error:.1%} "
        "(expected "
        "calibration error). {verdict}",
        mean=mean,
        accuracy=accuracy,
        error=found["error"],
        verdict=verdict,
    )
    legend = gettext(
        "Each line is the share of right answers among samples with such a score; on the dashed line both "
        "are equal, and orange is how far they differ. Grey bars below count the samples."
    )
    return section(
        gettext("Can its scores be trusted?"),
        element("p", text),
        reliability(bins),
        element("p", legend, class_="soft"),
    )


def _sources(facts: Facts) -> Html:
    lines = [
        gettext("Interval of the accuracy: Wilson 1927."),
        gettext("Means: each class counts the same, however many samples it has (macro average)."),
    ]
    if facts.get("calibration") is not None:
        lines.append(
            gettext("Calibration: 10 bins of equal width, expected calibration error of Guo et al. 2017.")
        )
    if facts["probably_wrong_labels"] is not None:
        lines.append(gettext("Probably wrong labels: confident learning, Northcutt et al. 2021."))
    if facts.get("train_duplicates") is not None:
        lines.append(
            gettext(
                "Nearly the same: neighbours by feature vector (Barz and Denzler 2020) whose 16 × 16 grey "
                "pixels "
                "correlate with 0.99 or more; of tables, equal rows."
            )
        )
    items = element("ul", *(element("li", line) for line in lines))
    return section(gettext("How the figures are computed"), element("div", items, class_="soft"))


def _name(classes: Sequence[Entry], place: int, limit: int = 60) -> str:
    return printable(str(classes[place]["name"]), limit)


def _score(facts: Facts, score: object) -> str:
    """Return a score as the page shows it: a share where scores are probabilities, else the number."""
    number = float(str(score))
    return f"{number:.0%}" if facts.get("calibration") is not None else f"{number:.3g}"


def _width(text: str) -> int:
    """Return about how wide a text is, in Latin letters."""
    return sum(2 if ord(character) > 0x2E80 else 1 for character in text)


def _mapping(value: object) -> Mapping[str, float]:
    return value if isinstance(value, Mapping) else {}


def _rows(value: object) -> list[list[int]]:
    return value if isinstance(value, list) else []
