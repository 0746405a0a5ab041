"""Which files are images that can be read here, and what to do with those that cannot."""

from __future__ import annotations

import os
from importlib import import_module

from PIL import Image

from onnxnn_runtime.messages.catalogue import gettext, gettext_noop

_SUFFIXES = (
    ".avif .bmp .dib .gif .ico .jfif .jp2 .jpe .jpeg .jpg .pbm .pgm .png .pnm .ppm .tga .tif .tiff .webp"
)
IMAGE_SUFFIXES = frozenset(_SUFFIXES.split())
"""How the names of image files end, in lower case."""

_HEIF = "HEIC"
_RAW = "raw camera"

_RAW_SUFFIXES = (
    ".3fr .arw .cr2 .cr3 .crw .dng .erf .iiq .kdc .mef .mos "
    ".mrw .nef .nrw .orf .pef .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f"
)

_BY_SUFFIX = {
    **dict.fromkeys((".heic", ".heif", ".hif"), _HEIF),
    **dict.fromkeys(_RAW_SUFFIXES.split(), _RAW),
    **dict.fromkeys((".svg", ".svgz"), "SVG"),
    ".jxl": "JPEG XL",
    **dict.fromkeys((".eps", ".ps"), "PostScript"),
    ".pdf": "PDF",
}

_WHAT_TO_DO = {
    _HEIF: gettext_noop(
        "install pillow-heif (pip install pillow-heif), or convert it to JPEG or PNG; an iPhone takes JPEG "
        "with Settings > Camera > Formats > Most Compatible"
    ),
    "AVIF": gettext_noop(
        "install Pillow 11.3 or newer (pip install -U pillow), or convert it to JPEG or PNG"
    ),
    _RAW: gettext_noop("develop it to JPEG or PNG with the camera's program or darktable"),
    "SVG": gettext_noop(
        "it holds shapes instead of pixels; export it as PNG in the size you need, e.g. with Inkscape"
    ),
    "JPEG XL": gettext_noop("convert it to JPEG or PNG"),
    "PostScript": gettext_noop("it holds a program instead of pixels; export it as PNG"),
    "PDF": gettext_noop("it holds pages instead of pixels; export them as PNG"),
}

_BRANDS = {b"avis": "AVIF", b"crx ": _RAW}
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_SIGNATURES = (
    (b"FUJIFILMCCD-RAW", _RAW),
    (b"IIRO", _RAW),
    (b"IIRS", _RAW),
    (b"IIU\0", _RAW),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"%!PS", "PostScript"),
    (b"%PDF", "PDF"),
)


def unreadable(name: str, head: bytes = b"") -> str | None:
    """Return what kind of image a file is and what to do, where it is one that cannot be read here.

        unreadable("IMG_0001.HEIC")    "a HEIC image, which cannot be read here: install pillow-heif ..."

    Args:
        name: The file's name; "" where there is none.
        head: How its content begins, where that is known: it counts more than the name.
    """
    kind = _kind(head) or (None if _is_known(head) else _BY_SUFFIX.get(_suffix(name)))
    if kind is None or (kind == _HEIF and enable()) or (kind == "AVIF" and _reads_avif()):
        return None
    advice = gettext(_WHAT_TO_DO[kind])
    if kind == _RAW:
        return gettext("a raw camera image, which cannot be read here: {advice}", advice=advice)
    if kind in ("AVIF", "SVG"):
        return gettext("an {kind} image, which cannot be read here: {advice}", kind=kind, advice=advice)
    return gettext("a {kind} image, which cannot be read here: {advice}", kind=kind, advice=advice)


def enable() -> bool:
    """Let Pillow read HEIC where pillow-heif is installed; return whether it does."""
    try:
        import_module("pillow_heif").register_heif_opener()
    except ImportError:
        return False
    return True


def _reads_avif() -> bool:
    return ".avif" in Image.registered_extensions()


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _kind(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        if b"avif" in head[8:32]:
            return "AVIF"
        return _HEIF if head[8:12] in _HEIF_BRANDS else _BRANDS.get(head[8:12])
    if head[:2] in (b"II", b"MM") and head[8:10] == b"CR":
        return _RAW
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return "SVG" if text.startswith(b"<svg") or (text.startswith(b"<?xml") and b"<svg" in text) else None


def _is_known(head: bytes) -> bool:
    """Return whether content is of a format that needs no name, such as a PNG file called a.heic."""
    return head.startswith((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF"))
