from __future__ import annotations

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnxnn_runtime import CardError, InputError, MissingInputError, Preprocess
from onnxnn_runtime.card.preprocess import decode, pixels
from PIL import Image


def encoded(pil_image, kind="PNG", **options):
    file = io.BytesIO()
    pil_image.save(file, kind, **options)
    return file.getvalue()


def test_an_image_becomes_channels_first_in_0_to_1(image):
    array = Preprocess()(image)
    assert array.dtype == np.float32
    assert array.flags.c_contiguous
    np.testing.assert_array_equal(array, image.transpose(2, 0, 1).astype(np.float32) / np.float32(255))


@pytest.mark.parametrize(("height", "width"), [(8, 8), (11, 40), (40, 11)])
def test_resize_equals_an_independent_implementation(golden, height, width):
    with np.load(str(golden / "resize.npz")) as arrays:
        image, expected = arrays["image"], arrays[f"{height}x{width}"]
    result = Preprocess("RGB", (("resize", height, width),)).to_uint8(image)
    assert np.abs(result - expected).max() <= 1.01  # Pillow rounds after each of its two passes


def test_grey_is_the_luma_of_itu_r_601(image):
    expected = image @ np.array([0.299, 0.587, 0.114])
    result = Preprocess("grayscale").to_uint8(image)
    assert result.shape == (12, 9, 1)
    assert np.abs(result[:, :, 0] - expected).max() <= 0.51


@pytest.mark.parametrize("steps", [(), (("resize", 5, 7),), (("resize_short", 6), ("center_crop", 5, 5))])
@pytest.mark.parametrize("color", ["RGB", "grayscale"])
def test_file_bytes_image_and_array_are_equal(tmp_path, image, color, steps):
    pil_image = Image.fromarray(image)
    path = tmp_path / "图片 1.png"
    pil_image.save(str(path))
    preprocess = Preprocess(color, steps)
    expected = preprocess(image)
    for same in (path, str(path), path.read_bytes(), pil_image, bytearray(path.read_bytes()), image / 255.0):
        np.testing.assert_array_equal(preprocess(same), expected)


def test_a_jpeg_file_equals_the_array_of_its_pixels(tmp_path):
    image = np.random.RandomState(0).randint(0, 256, (480, 640, 3)).astype(np.uint8)
    path = tmp_path / "a.jpg"
    Image.fromarray(image).save(str(path))
    preprocess = Preprocess("RGB", (("resize", 224, 224),))
    with Image.open(str(path)) as opened:
        np.testing.assert_array_equal(preprocess(path), preprocess(np.asarray(opened.convert("RGB"))))


def test_draft_changes_large_jpeg_files_a_little(tmp_path):
    shapes = np.random.RandomState(0).randint(0, 256, (6, 8, 3)).astype(np.uint8)
    smooth = Image.fromarray(shapes).resize((640, 480), 2)
    smooth.save(str(tmp_path / "a.jpg"))
    smooth.transpose(2).save(str(tmp_path / "turned.jpg"), exif=exif(8))
    exact = Preprocess("RGB", (("resize", 100, 200),))
    draft = Preprocess("RGB", (("resize", 100, 200),), draft=True)
    for name in ("a.jpg", "turned.jpg"):
        difference = np.abs(exact(tmp_path / name) - draft(tmp_path / name))
        assert 0 < difference.max() < 0.1
    np.testing.assert_array_equal(exact(smooth), draft(smooth))


def test_draft_never_decodes_below_the_size_that_is_needed(tmp_path):
    Image.new("RGB", (640, 480)).save(str(tmp_path / "a.jpg"))
    assert decode(tmp_path / "a.jpg", "RGB", (224, 224)).size == (320, 240)
    assert decode(tmp_path / "a.jpg", "RGB", (241, 10)).size == (640, 480)


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


# What a viewer shows, from the definition of each orientation: where row 0 and column 0 lie.
UPRIGHT = {
    1: lambda a: a,  # top, left
    2: lambda a: a[:, ::-1],  # top, right
    3: lambda a: a[::-1, ::-1],  # bottom, right
    4: lambda a: a[::-1],  # bottom, left
    5: lambda a: a.transpose(1, 0, 2),  # left, top
    6: lambda a: a.transpose(1, 0, 2)[:, ::-1],  # right, top
    7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],  # right, bottom
    8: lambda a: a.transpose(1, 0, 2)[::-1],  # left, bottom
}


@pytest.mark.parametrize("orientation", list(UPRIGHT))
def test_exif_orientation_is_applied(image, orientation):
    data = encoded(Image.fromarray(image), exif=exif(orientation))
    np.testing.assert_array_equal(Preprocess().to_uint8(data), UPRIGHT[orientation](image))


def test_an_unknown_orientation_is_left_alone(image):
    data = encoded(Image.fromarray(image), exif=exif(77))
    np.testing.assert_array_equal(Preprocess().to_uint8(data), image)


def test_palettes_are_looked_up():
    pil_image = Image.new("P", (2, 1))
    pil_image.putpalette([10, 20, 30, 200, 100, 50] + [0] * 750)
    pil_image.putpixel((1, 0), 1)
    assert Preprocess().to_uint8(encoded(pil_image)).tolist() == [[[10, 20, 30], [200, 100, 50]]]


def test_transparent_palette_entries_lie_over_white():
    pil_image = Image.new("P", (2, 1))
    pil_image.putpalette([10, 20, 30, 200, 100, 50] + [0] * 750)
    pil_image.putpixel((1, 0), 1)
    assert Preprocess().to_uint8(encoded(pil_image, transparency=0)).tolist() == [[[255] * 3, [200, 100, 50]]]


def test_sixteen_bits_become_eight():
    grey = np.array([[0, 257, 65535, 32768]], np.uint16)
    pil_image = Image.fromarray(grey)
    assert Preprocess("grayscale").to_uint8(encoded(pil_image))[:, :, 0].tolist() == [[0, 1, 255, 128]]
    assert Preprocess().to_uint8(encoded(pil_image, "TIFF"))[0, 3].tolist() == [128, 128, 128]


def test_alpha_lies_over_white():
    rgba = np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 51]]], np.uint8)
    expected = [[[255, 0, 0], [255, 255, 255], [204, 204, 204]]]
    assert Preprocess().to_uint8(encoded(Image.fromarray(rgba))).tolist() == expected
    assert Preprocess().to_uint8(rgba).tolist() == expected
    grey = Image.merge("LA", (Image.new("L", (1, 1), 0), Image.new("L", (1, 1), 51)))
    assert Preprocess("grayscale").to_uint8(encoded(grey)).tolist() == [[[204]]]


def test_cmyk_becomes_rgb():
    pil_image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    result = Preprocess().to_uint8(encoded(pil_image, "JPEG", quality=100))
    assert np.abs(result.astype(int) - [255, 0, 0]).max() <= 3


def test_of_an_animation_the_first_frame_is_taken():
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert Preprocess().to_uint8(data)[0, 0].tolist() == [255, 0, 0]


def test_black_and_white_and_boolean_images():
    assert Preprocess().to_uint8(encoded(Image.new("1", (1, 1), 1))).tolist() == [[[255] * 3]]
    assert Preprocess("grayscale").to_uint8(np.array([[True, False]])).tolist() == [[[255], [0]]]


def test_the_image_given_is_left_as_it_was(image):
    pil_image = Image.fromarray(image)
    decoded = pixels(decode(pil_image, "RGB"))
    assert not np.shares_memory(decoded, image)
    np.testing.assert_array_equal(np.asarray(pil_image), image)


def test_center_crop_pads_a_smaller_image_with_black():
    result = Preprocess("grayscale", (("center_crop", 3, 5),)).to_uint8(np.full((1, 1), 255, np.uint8))
    assert result[:, :, 0].tolist() == [[0] * 5, [0, 0, 255, 0, 0], [0] * 5]


def test_pad_and_grayscale():
    steps = (("grayscale",), ("pad", 1, 0, 0, 2, 7))
    result = Preprocess("RGB", steps).to_uint8(np.array([[[255, 0, 0]]], np.uint8))
    assert result.tolist() == [[[7] * 3, [76] * 3], [[7] * 3] * 2, [[7] * 3] * 2]


def test_bicubic_steps_are_pillows_filter(image):
    small = Preprocess("RGB", (("resize_bicubic", 5, 6),)).to_uint8(image)
    rows_first = Image.fromarray(image).resize((6, len(image)), Image.BICUBIC)
    np.testing.assert_array_equal(small, np.asarray(rows_first.resize((6, 5), Image.BICUBIC)))
    short = Preprocess("RGB", (("resize_short_bicubic", 6),))
    assert short.to_uint8(image).shape == (8, 6, 3)
    assert not np.array_equal(short(image), Preprocess("RGB", (("resize_short", 6),))(image))


def test_resize_short_keeps_the_proportions(image):
    assert Preprocess("RGB", (("resize_short", 6),)).to_uint8(image).shape == (8, 6, 3)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 2, 2), np.uint8), r"got an array of shape \(2, 2, 2\)"),
        (np.zeros((0, 2, 3), np.uint8), "got an array of shape"),
        (np.zeros(4, np.uint8), "got an array of shape"),
        (np.full((2, 2), np.nan), r"expected values in 0\.\.1"),
        (np.full((2, 2), 255.0), "Convert pixel values 0..255 with"),
        (np.full((2, 2), 300), r"integers 0\.\.255"),
        (np.full((2, 2), -1), r"integers 0\.\.255"),
        (np.full((2, 2), "a"), r"integers 0\.\.255"),
    ],
)
def test_an_array_that_is_no_image_is_refused(array, message):
    with pytest.raises(InputError, match=message):
        Preprocess()(array)


def test_broken_files_are_named(tmp_path, image):
    data = encoded(Image.fromarray(np.tile(image, (20, 20, 1))), "JPEG")
    for name, content in (("cut.jpg", data[: len(data) // 2]), ("text.png", b"hello"), ("empty.png", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name + ": (cannot be read as|expected) an image"):
            Preprocess()(tmp_path / name)
    with pytest.raises(MissingInputError, match=r"none\.png: no such file"):
        Preprocess()(tmp_path / "none.png")
    with pytest.raises(InputError, match="the image of 5 bytes: expected an image, got a text file"):
        Preprocess()(b"hello")
    with pytest.raises(InputError, match="got int"):
        Preprocess()(3)


def test_an_image_that_is_too_large_says_what_to_do(tmp_path, monkeypatch):
    Image.new("1", (20, 30)).save(str(tmp_path / "large.png"))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
    with pytest.raises(InputError, match=r"large\.png: expected an image of at most .*Save it smaller"):
        Preprocess()(tmp_path / "large.png")


def test_an_image_half_as_large_is_read_without_a_warning(tmp_path):
    Image.new("1", (20, 30)).save(str(tmp_path / "large.png"))
    script = (
        "import sys\nfrom PIL import Image\nfrom onnxnn_runtime import Preprocess\n"
        "Image.MAX_IMAGE_PIXELS = 400\nprint(Preprocess()(sys.argv[1]).shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "large.png")],
        capture_output=True,
        env={**os.environ, "PYTHONWARNINGS": ""},
        check=True,
    )
    assert (done.stdout.decode().strip(), done.stderr) == ("(3, 30, 20)", b"")


def test_floating_point_images_have_no_range(tmp_path):
    Image.new("F", (2, 2)).save(str(tmp_path / "a.tif"))
    with pytest.raises(InputError, match=r"a\.tif: .*mode F"):
        Preprocess()(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("BGR",), "color='BGR': expected one of 'RGB', 'grayscale'"),
        ((["RGB"],), r"color=\['RGB'\]: expected one of"),
        (("RGB", (("rotate", 3),)), "preprocessing step 'rotate': expected one of resize"),
        (("RGB", (("resize", 3),)), "'resize': expected 2 integers"),
        (("RGB", (("resize", 3, 2.5),)), "'resize': expected 2 integers"),
        (("RGB", (("resize", 3, 0),)), "expected integers from 1"),
        (("RGB", (("pad", 1, 1, 1, 1, 256),)), "up to 255, got"),
        (("RGB", ((),)), "preprocessing step None: expected one of"),
        (("RGB", None), "steps=None: expected a tuple of steps"),
        (("RGB", (), 1), "draft=1"),
    ],
)
def test_a_preprocessing_that_makes_no_sense_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Preprocess(*arguments)


SIDE = st.integers(1, 30)
STEP = st.one_of(
    st.tuples(st.sampled_from(["resize", "resize_bicubic"]), SIDE, SIDE),
    st.tuples(st.sampled_from(["resize_short", "resize_short_bicubic"]), SIDE),
    st.tuples(st.just("center_crop"), SIDE, SIDE),
    st.tuples(st.just("pad"), SIDE, SIDE, SIDE, SIDE, st.integers(0, 255)),
    st.just(("grayscale",)),
)
PREPROCESS = st.builds(
    Preprocess, st.sampled_from(["RGB", "grayscale"]), st.lists(STEP, max_size=4).map(tuple), st.booleans()
)


@given(PREPROCESS, SIDE, SIDE)
def test_the_promised_size_is_the_real_one_and_data_round_trips(preprocess, height, width):
    assert Preprocess.from_dict(preprocess.to_dict()) == preprocess
    array = preprocess(np.zeros((height, width), np.uint8))
    assert array.shape[0] == preprocess.channels
    for promised, real in zip(preprocess.output_size(), array.shape[1:]):
        assert promised in (None, real)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"color": "RGB"}, "expected the keys"),
        ({"color": "RGB", "steps": [], "draft": False, "more": 1}, "expected the keys"),
        ({"color": "RGB", "steps": "resize", "draft": False}, "list of lists"),
        ({"color": [], "steps": [], "draft": False}, "preprocess: "),
        ({"color": "RGB", "steps": [["resize", "8", "8"]], "draft": False}, "2 integers"),
        ([], "expected the keys"),
    ],
)
def test_malformed_data_is_refused(data, message):
    with pytest.raises(CardError, match=message):
        Preprocess.from_dict(data)


def test_to_float_takes_arrays_of_images_alone():
    itself = []
    itself.append(itself)
    for pil_image in (itself, "", np.zeros((4, 4), np.uint8), None):
        with pytest.raises(InputError, match=r"to_float: expected an array \(\.\.\., height, width, "):
            Preprocess.to_float(pil_image)
