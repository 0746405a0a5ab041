"""The folder of a project: images of classes, a recipe, a checkpoint and an ONNX file.

    pets/
      data/cat/0001-5f70bf18a0.jpg # an ordinary data set of class folders
      recipe.yaml                  # `onnxnn train pets/recipe.yaml` trains the same again
      checkpoints/basenn.pth
      model.onnx

A request names classes and images by what the folders list, and never makes a path. Links are passed over.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from onnxnn_runtime.errors import InputError, OutputError
from onnxnn_runtime.files.access import as_path, cannot_read, cannot_write, first_bytes, write_atomically
from onnxnn_runtime.gallery.lock import writer_lock
from onnxnn_runtime.images.formats import IMAGE_SUFFIXES
from onnxnn_runtime.inputs.folders import is_stray
from onnxnn_runtime.messages.catalogue import ngettext
from onnxnn_runtime.messages.shorten import printable, shortened

from onnxnn.data.folder_names import natural

from .names import checked_name
from .recipe_text import HEADING

__all__ = ["MOST_CLASSES", "MOST_IMAGES", "ImageClass", "Project", "opened_project"]

MOST_CLASSES = 100
MOST_IMAGES = 2_000
"""Classes of a project, and images of a class."""

_LOCK = ".studio.lock"


@dataclass(frozen=True)
class ImageClass:
    """A class and its images.

    Args:
        name: The name, which is that of its folder.
        images: The names of its files, in natural order.
    """

    name: str
    images: tuple[str, ...]


class Project:
    """A project's folder; its calls may come from several threads.

    Args:
        folder: Where it is.

    Attributes:
        data: The folder of the class folders.
        recipe, checkpoints, model, page, script: Where what training makes lies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.recipe = folder / "recipe.yaml"
        self.checkpoints = folder / "checkpoints"
        self.history = self.checkpoints / "basenn.csv"
        self.held_back = self.checkpoints / "held-back.json"
        self.model = folder / "model.onnx"
        self.page = folder / "page.html"
        self.script = folder / "model.py"
        self._changing = threading.RLock()

    @property
    def name(self) -> str:
        """What the project is called: its folder's name."""
        return self.folder.name

    def classes(self) -> list[ImageClass]:
        """Return the classes in the order in which training numbers them.

        Raises:
            InputError: The folder cannot be listed.
        """
        folders = sorted((Path(each) for each in _names(self.data, folders=True)), key=natural)
        return [ImageClass(each.name, self._images(each.name)) for each in folders]

    def add_class(self, name: object) -> str:
        """Make a class without images; return its name.

        Raises:
            InputError: It cannot have this name, or there are too many.
            OutputError: The folder cannot be made.
        """
        with self._changing:
            taken = _names(self.data, folders=True)
            if len(taken) >= MOST_CLASSES:
                raise InputError.coded(
                    "E-STUDIO-02",
                    "expected at most {most}, got one more. Remove one first.",
                    most=ngettext("{count} class", "{count} classes", MOST_CLASSES),
                )
            found = checked_name(name, taken)
            try:
                os.mkdir(self.data / found)
            except OSError as error:  # also where a link or a file has this name, which no class has
                raise cannot_write(self.data / found, error) from error
            return found

    def rename_class(self, name: object, wanted: object) -> str:
        """Give a class another name; return it.

        Raises:
            InputError: There is no such class, or it cannot have this name.
            OutputError: The folder cannot be renamed.
        """
        with self._changing:
            old = self._known(name)
            new = checked_name(wanted, [each for each in _names(self.data, folders=True) if each != old])
            try:
                os.rename(self.data / old, self.data / new)
            except OSError as error:
                raise cannot_write(self.data / new, error) from error
            return new

    def remove_class(self, name: object) -> None:
        """Remove a class with its images.

        Raises:
            InputError: There is no such class.
            OutputError: The folder holds other files as well, which stay, or cannot be removed.
        """
        with self._changing:
            found = self._known(name)
            self.remove_images(found, self._images(found))
            for stray in filter(is_stray, _names(self.data / found, folders=False)):
                with contextlib.suppress(OSError):
                    os.unlink(self.data / found / stray)
            try:
                os.rmdir(self.data / found)
            except OSError as error:
                raise OutputError.coded(
                    "E-OUTPUT-01",
                    "{path}: its images are removed, but the folder holds something else, too. Remove it by "
                    "hand.",
                    path=printable(f"data/{found}"),
                ) from error

    def add_image(self, name: object, jpeg: bytes) -> str:
        """Keep an image of a class; return the name of its file, which is that of no other content, ever.

        One that the class has already is not kept twice.

        Args:
            name: The class.
            jpeg: The file's content.

        Raises:
            InputError: There is no such class, or it has too many images.
            OutputError: The image cannot be written; nothing is left of it.
        """
        with self._changing:
            found = self._known(name)
            images = self._images(found)
            if len(images) >= MOST_IMAGES:
                raise InputError.coded(
                    "E-STUDIO-02",
                    "{name}: expected a class of at most {most}, got one more. Remove some first.",
                    name=shortened(found, 40),
                    most=ngettext("{count} image", "{count} images", MOST_IMAGES),
                )
            digest = hashlib.sha256(jpeg).hexdigest()[:10]
            numbers = []
            for each in images:
                number, _, other = Path(each).stem.partition("-")
                if other == digest:
                    return each
                numbers += [int(number)] if _is_number(number) else []
            file = f"{max(numbers, default=0) + 1:04d}-{digest}.jpg"
            write_atomically(self.data / found / file, lambda opened: opened.write(jpeg), sync=False)
            return file

    def remove_images(self, name: object, images: Sequence[object]) -> None:
        """Remove images of a class; those that are gone already are no error.

        Raises:
            InputError: There is no such class.
            OutputError: One cannot be removed.
        """
        with self._changing:
            found = self._known(name)
            for each in set(self._images(found)).intersection(map(str, images)):
                path = self.data / found / each
                try:
                    os.unlink(path)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    raise cannot_write(path, error) from error

    def image(self, name: object, file: object) -> bytes:
        """Return the content of an image.

        Raises:
            InputError: There is no such class or image, or it cannot be read.
        """
        found = self._known(name)
        if file not in self._images(found):
            raise InputError.coded(
                "E-STUDIO-02",
                "{file}: the class {name} has no such image. Load the page again.",
                file=shortened(file, 40),
                name=shortened(found, 40),
            )
        path = self.data / found / str(file)
        try:
            return path.read_bytes()
        except OSError as error:
            raise cannot_read(path, error, "image") from error

    def is_finished(self) -> bool:
        """Return whether the last training that began wrote its model."""
        try:
            return self.model.stat().st_mtime_ns >= self.recipe.stat().st_mtime_ns
        except OSError:
            return False

    def is_changed(self) -> bool:
        """Return whether classes or images came or went since the last training began, or it did not end."""
        try:
            if not self.is_finished():
                return True
            trained = self.recipe.stat().st_mtime_ns
            folders = [self.data, *(self.data / each for each in _names(self.data, folders=True))]
            return any(each.stat().st_mtime_ns > trained for each in folders)
        except OSError:
            return True

    def _known(self, name: object) -> str:
        """Return the name of a class that there is."""
        if not isinstance(name, str) or name not in _names(self.data, folders=True):
            raise InputError.coded(
                "E-STUDIO-02",
                "{name}: the project has no class of this name. Load the page again.",
                name=shortened(name, 40),
            )
        return name

    def _images(self, name: str) -> tuple[str, ...]:
        found = (Path(each) for each in _names(self.data / name, folders=False))
        images = (each for each in found if each.suffix.lower() in IMAGE_SUFFIXES and not is_stray(each.name))
        return tuple(each.name for each in sorted(images, key=natural))


@contextlib.contextmanager
def opened_project(path: object) -> Iterator[Project]:
    """Open a project, or begin one in a new or empty folder; it is this process's alone meanwhile.

    Args:
        path: The folder.

    Raises:
        InputError: It holds other things, or another process has it open.
        OutputError: It cannot be written.
    """
    folder = Path(os.path.abspath(as_path(path, "project", InputError)))
    _check_content(folder)
    is_new = not os.path.lexists(folder)
    _make_folder(folder)
    with writer_lock(folder, _LOCK, _busy):
        _make_folder(folder / "data")
        try:
            yield Project(folder)
        finally:
            if is_new:
                _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    """Leave nothing of a new project into which nothing came."""
    with contextlib.suppress(OSError):  # there is something in it; or Windows, where the lock is open
        os.rmdir(folder / "data")
        os.unlink(folder / _LOCK)
        os.rmdir(folder)


def _check_content(folder: Path) -> None:
    """Refuse a folder in which a project would be between, or in place of, something else."""
    if not os.path.lexists(folder):
        return
    if not os.path.isdir(folder):
        raise InputError.coded(
            "E-STUDIO-01",
            "{path}: expected a folder for the project, got a file. Give another name.",
            path=printable(str(folder)),
        )
    try:
        inside = [each for each in os.listdir(folder) if not is_stray(each)]
    except OSError as error:
        raise cannot_read(folder, error, "folder") from error
    if inside and "data" not in inside:
        raise InputError.coded(
            "E-STUDIO-01",
            "{path}: expected a new or empty folder, or a project with a folder data, got one with other "
            "things. Give another folder; class folders of yours can be moved into its folder data.",
            path=printable(str(folder)),
        )
    recipe = folder / "recipe.yaml"
    heading = HEADING.encode()
    if os.path.lexists(recipe) and first_bytes(recipe, len(heading)) != heading:
        raise InputError.coded(
            "E-STUDIO-01",
            "{path}: this recipe is not one of the studio, which would replace it. Give it another name, or "
            "give another folder.",
            path=printable(str(recipe)),
        )


def _busy(folder: str, owner: str) -> InputError:
    return InputError.coded(
        "E-STUDIO-01",
        "{path}: this project is open already ({owner}). Use the page that is open, or end the other studio "
        "first.",
        path=folder,
        owner=owner,
    )


def _names(folder: Path, folders: bool) -> list[str]:
    """Return the names of the folders, or of the files, in a folder; links are none."""
    try:
        with os.scandir(folder) as found:
            return [
                each.name
                for each in found
                if _is_text(each.name)
                and (
                    each.is_dir(follow_symlinks=False) and not is_stray(each.name)
                    if folders
                    else each.is_file(follow_symlinks=False)
                )
            ]
    except OSError as error:
        raise cannot_read(folder, error, "folder") from error


def _is_text(name: str) -> bool:
    """Return whether a file's name is Unicode, as JSON can hold it."""
    return not any("\ud800" <= each <= "\udfff" for each in name)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def _make_folder(path: Path) -> None:
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
