"""The page from `file:` in headless Chromium, without a network and with a camera that Chromium makes up."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np
import onnxnn_runtime as rt
import pytest
from onnxnn_runtime.card.region import region_of
from onnxnn_runtime.unknown import References, fit
from onnxnn_runtime.web.page import write_page
from PIL import Image
from support.browser import file_input, png, upload
from support.models import graph, model, node, tensor, value

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, which drives a browser")

pytestmark = pytest.mark.slow

CLASSES = tuple(f"第{i}类" for i in range(12))
IMAGES = ("batch", 10, 12, 3)


@pytest.fixture
def opened(browser, tmp_path):
    """Write the page of a model and open it; nothing may go wrong there, and nothing be loaded."""

    @contextlib.contextmanager
    def opened(source, language="en-US", width=1000, **options):
        path = write_page(source, tmp_path / "page.html", **options)
        context = browser.new_context(
            locale=language, viewport={"width": width, "height": 800}, permissions=["camera"], offline=True
        )
        wrong = []
        try:
            page = context.new_page()
            page.set_default_timeout(20_000)
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on("console", lambda line: wrong.append(line.text))
            page.on(
                "request", lambda request: wrong.append(request.url) if request.url[:4] == "http" else None
            )
            page.goto(path.as_uri())
            page.wait_for_selector("#work:not([hidden])")
            yield page
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        finally:
            context.close()
        assert wrong == []

    return opened


def fitted(weights):
    """Return the reference vectors of images like those of `photo`."""
    photos = [np.asarray(photo(seed), np.float32).reshape(-1) / 255 for seed in range(1000, 1060)]
    return fit(np.stack(photos) @ weights, np.zeros(60))


@pytest.fixture
def classifier(tmp_path):
    """A network of random weights with pixels in its graph, and a feature vector."""
    weights = np.random.RandomState(0).normal(size=(360, 12)).astype(np.float32)
    spec = rt.InputSpec("image", IMAGES, rt.Preprocess("RGB"), in_graph=True)
    output = rt.OutputSpec("classes", ("batch", 12), CLASSES, embedding=12)
    made = graph(
        [
            node("Cast", ["input"], ["float"], to=1),
            node("Div", ["float", "most"], ["scaled"]),
            node("Flatten", ["scaled"], ["flat"]),
            node("MatMul", ["flat", "w"], ["embedding"]),
            node("Softmax", ["embedding"], ["output"], axis=1),
        ],
        [value("input", IMAGES, 2)],
        [value("output", ("batch", 12)), value("embedding", ("batch", 12))],
        [tensor("w", weights), tensor("most", np.float32(255))],
    )
    path = tmp_path / "classes.onnx"
    path.write_bytes(model(made, rt.ModelCard("cls", (), spec, output, unknown=fitted(weights))))
    return path


def photo(seed):
    return Image.fromarray(np.random.RandomState(seed).randint(0, 256, (10, 12, 3)).astype(np.uint8))


def asked(page, path, files, options):
    """Ask what the form asks, with files of the user's."""
    page.evaluate(
        """document.body.append(
            Object.assign(document.createElement('input'), {type: 'file', multiple: true, id: 'all'}))"""
    )
    page.locator("#all").set_input_files(files)
    return page.evaluate(
        """async ([path, options]) => {
            const found = [];
            for (const file of document.getElementById('all').files)
                found.push((await modules['api.js'].postFiles(path, [file], options)).predictions[0]);
            return found;
        }""",
        [path, options],
    )


def test_two_hundred_images_have_the_labels_of_python(opened, classifier, tmp_path):
    (tmp_path / "images").mkdir()
    files = [str(tmp_path / "images" / f"{i:03d}.png") for i in range(200)]
    for i, name in enumerate(files):
        photo(i).save(name)
    with opened(classifier) as page:
        found = asked(page, "/predict", files, {"k": 3, "unknown": True})
    expected = rt.load(classifier).predict(files, k=3, unknown=True)
    assert [each["label"] for each in found] == [each.label for each in expected]
    scores = [[one["score"] for one in each["top"]] for each in found]
    np.testing.assert_allclose(scores, [[score for _, score in each.top] for each in expected], atol=1e-5)
    distances = [each["distance"] for each in found]
    np.testing.assert_allclose(distances, [each.distance for each in expected], atol=1e-5)
    assert 0 < sum(each.label == "unknown" for each in expected) < 200


def test_a_threshold_of_0_is_that_of_python(opened, classifier, tmp_path):
    photo(0).save(tmp_path / "0.png")
    with opened(classifier) as page:
        page.evaluate("async () => { (await modules['api.js'].get()).local.unknown.threshold = 0; }")
        (found,) = asked(page, "/predict", [str(tmp_path / "0.png")], {"k": 1, "unknown": True})
    model = rt.load(classifier)
    expected = References(replace(model.card.unknown, threshold=0)).distances(model.embed(photo(0)))
    assert found["distance"] == pytest.approx(expected[0], rel=1e-4)


@pytest.mark.parametrize(("language", "word"), [("en-US", "Unknown"), ("zh-CN", "未知")])
def test_the_page_says_unknown(opened, classifier, language, word):
    with opened(classifier, language) as page:
        file_input(page).set_input_files(upload(png((12, 10), (255, 255, 0))))
        page.wait_for_selector("#result .bars.unknown")
        assert page.inner_text("#result .best") == word


def test_files_of_all_kinds_are_read(opened, classifier, tmp_path):
    whole = photo(0)
    clear = whole.convert("RGBA")
    clear.putalpha(Image.fromarray(np.random.RandomState(1).choice([0, 255], (10, 12)).astype(np.uint8)))
    turned = whole.transpose(getattr(Image, "Transpose", Image).ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    clear.save(tmp_path / "clear.png")
    whole.convert("L").save(tmp_path / "grey.png")
    whole.quantize(32).save(tmp_path / "palette.png")
    whole.save(tmp_path / "a.bmp")
    whole.save(tmp_path / "a.webp", lossless=True)
    names = [
        str(tmp_path / name)
        for name in ("turned.png", "clear.png", "grey.png", "palette.png", "a.bmp", "a.webp")
    ]
    with opened(classifier) as page:
        found = asked(page, "/predict", names, {"k": 12})
    for each, expected in zip(found, rt.load(classifier).predict(names, k=12)):
        assert [one["label"] for one in each["top"]] == [label for label, _ in expected.top], expected.name


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_a_photo_is_taken_and_two_images_are_compared(opened, classifier, language):
    words = {
        "en-US": ("Take a photo", "Use this image", "Compare two images"),
        "zh-CN": ("拍照", "使用这个画面", "比较两张图像"),
    }[language]
    made = rt.load(classifier)
    with opened(classifier, language, 360) as page:
        page.get_by_role("button", name=words[0]).click()
        page.get_by_role("button", name=words[1]).click()
        # The camera's size is another one than the graph's: the page says that it cannot run.
        page.wait_for_selector("[role=alert] .problem")
        page.get_by_role("button", name=words[2]).click()
        contents = [png((12, 10), color) for color in ((200, 30, 90), (10, 90, 30))]
        for i, content in enumerate(contents):
            file_input(page, i).set_input_files(upload(content))
        page.wait_for_selector(".bars")
        found = float(page.locator(".bars .number").inner_text())
    assert found == pytest.approx(rt.get_similarity(*made.embed(contents)), abs=6e-4)


def test_a_file_that_is_no_image_is_refused(opened, classifier):
    with opened(classifier) as page:
        file_input(page).set_input_files(upload(b"hello", "a.png"))
        page.wait_for_selector("[role=alert] .problem")
        assert "not an image that the browser reads" in page.inner_text("[role=alert]")


def test_tables_sequences_and_tokens_are_predicted(opened, open_model, golden):
    for name, typed, given in (
        ("sequence", "1 2\n3 4\n0.5 -1", np.float32([[[1, 2], [3, 4], [0.5, -1]]])),
        ("tokens", None, None),
    ):
        expected = open_model(name)
        if typed is None:
            words = list(expected.input_spec.vocabulary or "01")[:2]
            typed = "".join(words) if expected.input_spec.vocabulary else "0 1"
            given = [typed] if expected.input_spec.vocabulary else np.array([[0, 1]])
        with opened(golden / "models" / f"{name}.onnx") as page:
            page.locator("textarea").fill(typed)
            page.get_by_role("button", name="Predict").last.click()
            page.wait_for_selector("#result .bars")
            found = page.locator("#result .best").inner_text()
        assert found == expected.predict(given)[0].label


def test_values_and_columns(opened, open_model, golden):
    for name in ("values", "table"):
        expected = open_model(name)
        row = [0.5, -1.25, 2, 4][: expected.input_spec.shape[-1]]
        with opened(golden / "models" / f"{name}.onnx") as page:
            for control, number in zip(page.locator("#input input[type=number]").all(), row):
                control.fill(str(number))
            page.get_by_role("button", name="Predict").last.click()
            page.wait_for_selector("#result table, #result .bars")
            shown = page.locator("#result").inner_text()
        (found,) = expected.predict(np.float32([row]))
        for wanted in [f"{each:.5g}"[:5] for each in found.values.values()] or [found.label]:
            assert wanted in shown


def test_a_text_is_continued_as_in_python(opened, open_model, golden):
    expected = open_model("text")
    words = list(expected.input_spec.vocabulary)
    prompt = words[0] + words[1]
    with opened(golden / "models" / "text.onnx") as page:
        page.locator("textarea").fill(prompt)
        page.locator("input[type=range]").fill("0")
        page.locator("input[type=number]").first.fill("12")
        page.get_by_role("button", name="Write").last.click()
        page.wait_for_selector("#result .written")
        assert page.inner_text("#result .written") == expected.generate(prompt, length=12, temperature=0)
        page.locator("textarea").fill("☃")
        page.get_by_role("button", name="Write").last.click()
        page.wait_for_selector("[role=alert] .problem")
        assert "☃" in page.inner_text("[role=alert]")


def test_images_are_drawn_and_a_seed_draws_them_again(opened, golden):
    with opened(golden / "models" / "loop.onnx") as page:
        drawn = []
        for seed in (3, 3, 4):
            page.locator("input[type=number]").first.fill("2")
            page.locator("input[type=number]").last.fill(str(seed))
            page.get_by_role("button", name="Draw").last.click()
            playwright.expect(page.locator("#result")).to_have_attribute("aria-busy", "false")
            page.wait_for_selector("#result img")
            drawn.append([each.get_attribute("src") for each in page.locator("#result img").all()])
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0] + drawn[2])) == 4


def test_similar_images_are_those_of_python(opened, classifier, tmp_path):
    (tmp_path / "photos" / "odd").mkdir(parents=True)
    for i in range(20):
        photo(i).save(tmp_path / "photos" / ("odd" if i % 2 else "") / f"{i}.png")
    model = rt.load(classifier)
    expected = rt.Gallery.build(model, tmp_path / "photos").search(photo(7), k=8)
    photo(7).save(tmp_path / "query.png")
    with opened(classifier, gallery=tmp_path / "photos") as page:
        page.get_by_role("button", name="Find similar images").click()
        file_input(page).set_input_files(str(tmp_path / "query.png"))
        page.wait_for_selector("#result li:nth-child(8)")
        for image in page.locator("#result img").all():
            playwright.expect(image).to_have_js_property("naturalWidth", 12)
        found = page.locator("#result li").all_inner_texts()
        page.screenshot(path=str(tmp_path / "similar.png"))
    shown = [each.rsplit(" · ", 1) for each in found]
    names = [each.name.replace("\\", "/").split("photos/")[1] for each in expected]
    assert [name.strip() for name, _ in shown] == [name.split("/")[0] for name in names]
    scores = [float(score) for _, score in shown]
    np.testing.assert_allclose(scores, [each.score for each in expected], atol=2e-3)  # of float16


@pytest.mark.parametrize("name", ["denoiser", "denoiser_classes"])
@pytest.mark.parametrize(
    ("language", "words"), [("en-US", ("Draw", "step 3")), ("zh-CN", ("生成图像", "第 3 步"))]
)
def test_a_slider_goes_over_the_denoising_steps(opened, open_model, golden, tmp_path, name, language, words):
    model = open_model(name)
    with opened(golden / "models" / f"{name}.onnx", language) as page:
        page.locator("input[type=number]").first.fill("2")
        page.get_by_role("button", name=words[0]).last.click()
        page.wait_for_selector("#result input[type=range]")
        slider = page.locator("#result input[type=range]")
        last = page.locator("#result img").first.get_attribute("src")
        slider.fill("3")
        third = page.locator("#result img").first.get_attribute("src")
        assert words[1] in page.inner_text("#result")
        assert page.locator("#result a").first.get_attribute("href") == third != last
        noise = np.random.RandomState(0).normal(size=(1, *model.card.diffusion.shape)).astype(np.float32)
        more = {"label": ["int64", None, [1]]} if model.card.diffusion.classes else {}
        found = page.evaluate(
            """async ([noise, shape, more]) => {
                if (more.label) more.label[1] = BigInt64Array.of(1n);
                const states = await modules['api.js'].denoised(Float32Array.from(noise), shape, more);
                return states.map((each) => Array.from(each));
            }""",
            [noise.ravel().tolist(), list(noise.shape), more],
        )
    label = {"label": 1} if model.card.diffusion.classes else {}
    expected = model.sample(noise=noise, return_all_timesteps=True, **label)[0]
    np.testing.assert_allclose(
        np.clip(found, 0, 1), np.clip(expected.reshape(len(found), -1), 0, 1), atol=1e-4
    )


def test_the_heat_map_is_that_of_python(opened, tmp_path):
    weights = np.random.RandomState(1).normal(size=(3, 4)).astype(np.float32)
    spec = rt.InputSpec("image", IMAGES, rt.Preprocess("RGB"), in_graph=True)
    made = graph(
        [
            node("Cast", ["input"], ["float"], to=1),
            node("Div", ["float", "most"], ["scaled"]),
            node("Transpose", ["scaled"], ["channels"], perm=[0, 3, 1, 2]),
            node("GlobalAveragePool", ["channels"], ["pooled"]),
            node("Flatten", ["pooled"], ["means"]),
            node("MatMul", ["means", "w"], ["logits"]),
            node("Softmax", ["logits"], ["output"], axis=1),
            node("Conv", ["channels", "k"], ["heatmap"], kernel_shape=[1, 1]),
        ],
        [value("input", IMAGES, 2)],
        [value("output", ("batch", 4)), value("heatmap", ("batch", 4, "y", "x"))],
        [
            tensor("w", weights),
            tensor("k", weights.T[:, :, None, None].copy()),
            tensor("most", np.float32(255)),
        ],
    )
    path = tmp_path / "maps.onnx"
    card = rt.ModelCard("cls", (), spec, rt.OutputSpec("classes", ("batch", 4), CLASSES[:4]))
    path.write_bytes(model(made, card))
    names = [str(tmp_path / f"{i}.png") for i in range(6)]
    for i, name in enumerate(names):
        photo(i).save(name)
    with opened(path) as page:
        found = asked(page, "/predict", names, {"heatmap": True})
        file_input(page).set_input_files(names[0])
        page.wait_for_selector("#result canvas.heat")
        steps = [["resize_short", 8], ["center_crop", 8, 8], ["pad", 1, 2, 3, 4, 0], ["resize", 9, 7]]
        region = page.evaluate("steps => modules['heat.js'].regionOf(steps, 33, 20)", steps)
    for each, expected in zip(found, rt.load(path).heatmaps(names)):
        assert each["label"] == expected.label
        np.testing.assert_allclose(each["heat"], expected.heat, atol=1e-5)
    preprocess = rt.Preprocess(steps=tuple(map(tuple, steps)))
    np.testing.assert_allclose(region, region_of(preprocess, 33, 20), rtol=1e-9)
