"""`Workflow` with the calls of XEduHub's, for scripts that were written for it.

Facts about XEduHub are those of XEdu-python 2.0.0.
"""

from __future__ import annotations

import os
import pprint
from pathlib import Path
from typing import Any

from onnxnn_runtime.api.calls import checked_class
from onnxnn_runtime.errors import CallError, InputError
from onnxnn_runtime.files.access import PathLike
from onnxnn_runtime.loading import load
from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.shorten import shortened

from . import images
from .basenn import BaseNNTask
from .mmedu import MMEduTask

TASKS = ("basenn", "mmedu", "embedding_image")
_LANGUAGES = ("zh", "en")


@checked_class()
class Workflow:
    """Runs a model file with the calls of XEduHub's Workflow.

        from onnxnn_runtime.xedu import Workflow as wf
        basenn = wf(task="basenn", checkpoint="digits.onnx")
        result = basenn.inference(data="3.png")
        basenn.format_output(lang="zh")

    Args:
        task: "basenn", "mmedu" (classes of images) or "embedding_image".
        checkpoint: The `.onnx` file: one of ours, or one that BaseNN ("basenn") or MMEdu ("mmedu", networks
            of classes) exported. Nothing is downloaded.
        device: Where it runs, as in `onnxnn_runtime.load`.
        scale: For images and a file of BaseNN: what pixels 0..255 are divided by. 1 is what XEduHub feeds;
            BaseNN 2 trains on pixels divided by 255.

    Raises:
        CallError: The task is another one; the message says what to use.
        InputError: `checkpoint` is missing, or is no model file.
        CardError: The file does not say what the task needs.
    """

    def __init__(
        self,
        task: str,
        checkpoint: str | os.PathLike[str] | None = None,
        *,
        device: str = "auto",
        scale: float = 1,
    ) -> None:
        self.task = _known(task)
        if not isinstance(checkpoint, (str, os.PathLike)):
            raise InputError.coded(
                "E-INPUT-06",
                "checkpoint={found}: expected the path of an .onnx file. Nothing is downloaded here.",
                found=shortened(checkpoint),
            )
        if isinstance(scale, bool) or not isinstance(scale, (int, float)) or not 0 < scale < float("inf"):
            raise InputError.coded(
                "E-INPUT-06",
                "scale={found}: expected a number above 0: 1 for pixels 0..255, 255 for 0..1.",
                found=shortened(scale),
            )
        path = os.fspath(checkpoint)
        self._run: Any = None
        if self.task == "basenn":
            self._run = BaseNNTask(path, device, scale)
        elif self.task == "mmedu":
            self._run = MMEduTask(path, device)
        else:
            self._model = load(path, device=device)
        self._img_type = "pil"

    @classmethod
    def support_task(cls) -> list[str]:
        """Return the names of the tasks that this class runs."""
        return list(TASKS)

    def inference(self, data: object, show: bool = False, img_type: str | None = None) -> Any:
        """Run the network.

        Args:
            data: What `onnxnn_runtime.Model.predict` takes: a path, an array, a list. Arrays of images are
                those of OpenCV, blue first and 0..255: (H, W, C), or (N, C, H, W) as older scripts make them.
                Of a network that continues texts: a text, or a list of words.
            show: Show the image that was given; with `img_type`.
            img_type: "pil" or "cv2": also return the image that was given, uint8 (H, W, 3), with red or blue
                first.

        Returns:
            "basenn": a list with the network's output, float32 (N, ...). "mmedu": a dict with 标签, 置信度
            and 预测结果, or a list of those. "embedding_image": float32 (N, D). With `img_type` a pair of
            that and the image.

        Raises:
            InputError: The data do not match the network.
        """
        if img_type is not None and img_type not in images.IMAGE_TYPES:
            raise InputError.coded(
                "E-INPUT-06",
                "img_type={found}: expected 'pil' or 'cv2'.",
                found=shortened(img_type),
            )
        if self._run is None:
            result: object = self._model.embed(data, channel_order="bgr")
        else:
            result = self._run.run(data)
        if img_type is None:
            return result
        self._img_type = img_type
        image = images.array_of(data, img_type)  # type: ignore[arg-type]  # refused where it is no image
        if show:
            self.show(image)
        return result, image

    def format_output(self, lang: str = "zh", isprint: bool = True) -> Any:
        """Return what the last `inference` found as XEduHub's dict, and print it.

        Args:
            lang: "zh" or "en": the language of the keys.
            isprint: Print it.

        Returns:
            "basenn": {0: {"预测值": index, "分数": score}, ...}, one entry for each input; "预测类别" is the
            class's name where the file has names. Networks of values have them as "预测值". "mmedu": what
            `inference` returned.

        Raises:
            InputError: The language is another one, nothing was run yet, or the task has no such output.
        """
        if lang not in _LANGUAGES:
            raise InputError.coded(
                "E-INPUT-06", "lang={found}: expected 'zh' or 'en'.", found=shortened(lang)
            )
        if self._run is None:
            raise InputError.coded(
                "E-INPUT-08",
                "format_output(): expected the task 'basenn' or 'mmedu', got {task}. Use the vectors that "
                "inference() returned.",
                task=repr(self.task),
            )
        found = self._run.formatted(lang)
        if isprint:
            pprint.pprint(found)
        return found

    def show(self, img: object) -> None:
        """Show an image that `inference` returned, below a notebook's cell or with the system's viewer.

        Args:
            img: uint8 (H, W, 3), or the pair that `inference` returned.
        """
        images.show(images.image_of(img, self._img_type))

    def save(self, img: object, save_path: PathLike) -> Path:
        """Write an image that `inference` returned to a file.

        Args:
            img: uint8 (H, W, 3), or the pair that `inference` returned.
            save_path: The file: .png, .jpg, .bmp or .gif.
        """
        return images.write(images.image_of(img, self._img_type), save_path)


def _known(task: object) -> str:
    """Return the name of a task as it is written here.

    Raises:
        CallError: It is another one.
    """
    name = task.lower() if isinstance(task, str) else ""
    if name in TASKS:
        return name
    if name == "baseml":
        advice = gettext("A .pkl file of BaseML runs code when it is opened; convert it with skl2onnx")
    elif name in ("cls_imagenet", "embedding_text", "embedding_audio", "ocr", "nlp_qa", "custom"):
        advice = gettext("Run an .onnx file with arrays by onnxnn_runtime.load(path).infer(x)")
    else:
        advice = gettext("Run this task with XEduHub")
    raise CallError.coded(
        "E-CALL-02",
        "task={task}: expected {known}. {advice}.",
        task=shortened(task),
        known=", ".join(map(repr, TASKS)),
        advice=advice,
    )
