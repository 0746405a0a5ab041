"""Names that users know from Keras, PyTorch, scikit-learn and ONNX Runtime, and ours for the same thing."""

from __future__ import annotations

from collections import abc
from typing import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from .catalogue import gettext

_SIZE = ("size",)
_FILE = ("path", "out_file", "model_path", "filename", "data_path", "checkpoint")
_FOLDER = ("save_fold", "data_path")

OTHER_NAMES: Mapping[str, Sequence[str]] = {
    "act": ("activation",),
    "activation_fn": ("activation",),
    "aggregator": ("merge",),
    "aug": ("transform",),
    "augmentation": ("transform",),
    "batch": ("batch_size",),
    "bs": ("batch_size",),
    "cfg": ("guidance",),
    "cfg_scale": ("guidance",),
    "channels": (*_SIZE, "color"),
    "ckpt": ("checkpoint", "resume", "path"),
    "clip_norm": ("clip",),
    "clipnorm": ("clip",),
    "color_mode": ("color",),
    "criterion": ("loss",),
    "cuda": ("device",),
    "data_dir": ("data_path",),
    "denoising_strength": ("strength",),
    "directory": ("data_path", "save_fold"),
    "distance": ("method",),
    "drop_prob": ("p",),
    "dropout_rate": ("p", "dropout"),
    "early_stopping": ("patience",),
    "ema_decay": ("ema",),
    "embedding_dim": _SIZE,
    "embeddings": ("vectors",),
    "execution_providers": ("device",),
    "feature_range": ("standardize",),
    "features": ("x", *_SIZE),
    "file": _FILE,
    "filepath": _FILE,
    "filters": _SIZE,
    "fname": _FILE,
    "folder": _FOLDER,
    "fp16": ("precision",),
    "gpu": ("device",),
    "gpus": ("devices", "device"),
    "gradient_clip_val": ("clip",),
    "guidance_scale": ("guidance",),
    "hidden_dim": _SIZE,
    "hidden_size": _SIZE,
    "image": ("data", "img", "inputs", "image", "start"),
    "images": ("data", "inputs", "img"),
    "image_size": ("img_size", "transform"),
    "in_channels": _SIZE,
    "in_features": _SIZE,
    "init_image": ("start",),
    "input_dim": _SIZE,
    "input_size": _SIZE,
    "interval": ("every", "samples_every"),
    "intra_op_num_threads": ("threads",),
    "ir": ("ir_version",),
    "kernel": ("kernel_size",),
    "label_names": ("classes",),
    "class_names": ("classes",),
    "labels": ("y", "classes", "label"),
    "learning_rate": ("lr",),
    "learning_rate_init": ("lr",),
    "loss_fn": ("loss",),
    "loss_function": ("loss",),
    "lr_scheduler": ("schedule",),
    "mask_image": ("mask",),
    "max_epochs": ("epochs",),
    "max_iter": ("epochs",),
    "max_len": ("max_length",),
    "max_new_tokens": ("length", "max_length"),
    "max_norm": ("clip",),
    "metric": ("metrics", "method"),
    "mixed_precision": ("precision",),
    "mode": ("method", "color"),
    "n_epochs": ("epochs",),
    "n_iter": ("epochs",),
    "n_iter_no_change": ("patience",),
    "n_jobs": ("threads", "num_workers"),
    "name": ("filename", "path"),
    "nb_epoch": ("epochs",),
    "nhead": ("num_heads", "heads"),
    "normalise": ("normalize", "standardize"),
    "normalize": ("normalize", "standardize"),
    "num_beams": ("beams",),
    "num_embeddings": _SIZE,
    "num_epochs": ("epochs",),
    "num_features": _SIZE,
    "num_images": ("num",),
    "num_images_per_prompt": ("num",),
    "num_inference_steps": ("steps",),
    "num_samples": ("num",),
    "num_steps": ("steps",),
    "num_threads": ("threads",),
    "opset": ("opset_version",),
    "opt": ("optimizer",),
    "out": _FILE,
    "out_channels": _SIZE,
    "out_features": _SIZE,
    "output": _FILE,
    "output_dim": _SIZE,
    "output_dir": _FOLDER,
    "output_file": _FILE,
    "output_path": _FILE,
    "outputs": ("out_file", "path"),
    "pool_size": ("kernel_size",),
    "pretrained": ("pretrain", "weights", "checkpoint"),
    "provider": ("device",),
    "providers": ("device",),
    "random_seed": ("seed",),
    "random_state": ("seed",),
    "rate": ("p",),
    "resume_from_checkpoint": ("resume",),
    "root": ("data_path",),
    "save_dir": ("save_fold",),
    "save_path": ("save_fold", "path"),
    "scale": ("standardize", "normalize"),
    "scaler": ("standardize",),
    "scheduler": ("sampler", "schedule"),
    "similarity": ("method",),
    "source": ("data", "inputs", "path", "prompt"),
    "src": ("data", "inputs", "path"),
    "stride": ("stride", "strides"),
    "strides": ("stride",),
    "target": ("y", "target"),
    "targets": ("y",),
    "target_size": ("transform",),
    "test_size": ("train_val_ratio",),
    "text": ("prompt",),
    "threads": ("threads", "num_workers"),
    "tol": ("tolerance",),
    "top": ("k", "top_k"),
    "top_k": ("top_k", "k"),
    "topk": ("top_k", "k"),
    "train_size": ("train_val_ratio",),
    "transforms": ("transform",),
    "units": _SIZE,
    "use_gpu": ("device",),
    "val_ratio": ("train_val_ratio",),
    "val_split": ("train_val_ratio",),
    "validation_split": ("train_val_ratio",),
    "vocab": ("word2idx", "vocabulary"),
    "vocabulary": ("vocabulary", "word2idx"),
    "warm_start": ("checkpoint",),
    "weights": ("weights", "pretrain", "checkpoint"),
    "workers": ("num_workers", "threads"),
    "x": ("data", "inputs", "x"),
}  # fmt: skip
"""What other libraries call an option, in lower case, and our names for it, the likeliest first."""


class AdviceTable(abc.Mapping):  # type: ignore[type-arg]  # in Python 3.7 it takes none
    """Advice by name, in the language of the user at the moment in which it is looked up.

    Args:
        texts: Returns all of it.
    """

    def __init__(self, texts: Callable[[], Mapping[str, str]]) -> None:
        self._texts = texts

    def __getitem__(self, name: str) -> str:
        return self._texts()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts())

    def __len__(self) -> int:
        return len(self._texts())


def _model_attributes() -> Mapping[str, str]:
    training = gettext("a model file is trained with the package onnxnn: from onnxnn import nn")
    scoring = gettext("use report(data): samples with labels, such as a folder of class folders")
    classes = gettext("use .card.output.classes")
    return {
        "classes": classes,
        "classes_": classes,
        "classify": gettext("use predict(inputs)"),
        "compile": training,
        "classification_report": scoring,
        "confusion_matrix": scoring,
        "encode": gettext("use embed(inputs)"),
        "eval": gettext("a model file has no training mode; use infer(x) or predict(inputs)"),
        "evaluate": scoring,
        "fit": training,
        "forward": gettext("use infer(x)"),
        "get_inputs": gettext("use .inputs"),
        "get_modelmeta": gettext("use .facts and .card"),
        "get_outputs": gettext("use .outputs"),
        "get_providers": gettext("use .device"),
        "get_similarity": gettext("use onnxnn_runtime.get_similarity(a, b)"),
        "inference": gettext("use infer(x) for arrays, predict(inputs) for anything else"),
        "labels": classes,
        "metadata": gettext("use .card, or .facts.metadata"),
        "predict_classes": gettext("predict(inputs) returns a list with .label and .score for each input"),
        "predict_proba": gettext("use infer(x), or .scores of what predict(inputs) returns"),
        "preprocess": gettext("use .input_spec.preprocess"),
        "run": gettext("use infer(x), or infer({{name: x}}) for several inputs"),
        "score": scoring,
        "summary": gettext("print(model), .inputs and .outputs say what it is"),
        "to": gettext("choose the device with onnxnn_runtime.load(path, device=...)"),
        "train": training,
        "transform": gettext("use embed(inputs)"),
    }


MODEL_ATTRIBUTES: Mapping[str, str] = AdviceTable(_model_attributes)
"""What users of ONNX Runtime, Keras, PyTorch and scikit-learn look for on a model, and what to use."""


def _model_options() -> Mapping[str, str]:
    return {"verbose": gettext("progress=print is called after each batch")}


MODEL_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "predict": AdviceTable(_model_options),
    "embed": AdviceTable(_model_options),
}
"""Method of a model -> what to do for options of other libraries."""


def _result_attributes() -> Mapping[str, str]:
    names = {
        "label": ("class_name",),
        "score": ("confidence", "prob", "probability"),
        "scores": ("probabilities", "probs"),
        "values": ("value",),
    }
    return {other: gettext("use .{name}", name=name) for name in names for other in names[name]}


def _results_attributes() -> Mapping[str, str]:
    names = {
        "label": ("label", "labels"),
        "score": ("score", "scores", "confidence"),
        "name": ("name", "names"),
        "values": ("value", "values"),
    }
    return {
        other: gettext(
            "it is a list of results: results[0].{name}, or [each.{name} for each in results]", name=name
        )
        for name in names
        for other in names[name]
    }


def _package_attributes() -> Mapping[str, str]:
    training = gettext("it is in the package onnxnn: from onnxnn import nn")
    return {
        "InferenceSession": gettext("open a file with load(path)"),
        "Network": training,
        "cosine_similarity": gettext("use get_similarity(a, b)"),
        "embed": gettext("use load(path).embed(inputs)"),
        "nn": training,
        "predict": gettext("use load(path).predict(inputs)"),
        "pth_info": gettext("it is in the package onnxnn: from onnxnn import pth_info"),
        "sample": gettext("use load(path).sample(num)"),
    }


RESULT_ATTRIBUTES: Mapping[str, str] = AdviceTable(_result_attributes)
RESULTS_ATTRIBUTES: Mapping[str, str] = AdviceTable(_results_attributes)
PACKAGE_ATTRIBUTES: Mapping[str, str] = AdviceTable(_package_attributes)
"""What is looked for in the package itself."""

_LONGEST_NAME = 100
"""Longer texts are no mistyped names, and comparing them would take minutes."""

_MOST_NAMES = 2000
"""Among more names only one that differs in case or marks is looked for."""

_SURE, _LIKELY, _SHORT = 0.8, 0.6, 0.5
"""Similarity of spelling by difflib, 0..1: more than any other name, as a last guess, for up to 3 letters."""


def nearest(word: object, known: Iterable[str]) -> str:
    """Return the known name that a word most likely means, or "" when none is near.

    A name that is spelt almost alike wins, then what other libraries call the same thing, then a name that
    is spelt somewhat alike.
    """
    import difflib  # here, because only a mistake needs it

    if not isinstance(word, str) or len(word) > _LONGEST_NAME:
        return ""
    key = _plain(word)
    by_key = {_plain(name): name for name in known}
    if key in by_key:
        return by_key[key]
    if len(by_key) > _MOST_NAMES:
        return ""
    sure = difflib.get_close_matches(key, by_key, n=1, cutoff=_SURE)
    if sure:
        return by_key[sure[0]]
    for name in OTHER_NAMES.get(word.lower().strip(), ()):
        if _plain(name) in by_key:
            return by_key[_plain(name)]
    likely = difflib.get_close_matches(key, by_key, n=1, cutoff=_LIKELY if len(key) > 3 else _SHORT)
    return by_key[likely[0]] if likely else ""


def key_of(name: object) -> str:
    """Return a name in lower case, without blanks around it; "" for what is no text."""
    return name.strip().lower() if isinstance(name, str) else ""


def is_one_of(value: object, choices: Collection[object]) -> bool:
    """Return whether a value is one of some; an array or a table compares as many, and is none."""
    return not getattr(value, "shape", ()) and value in choices


def _plain(word: str) -> str:
    """Return a name without what spellings differ in: case, and what separates its words."""
    return word.lower().replace("_", "").replace("-", "").replace(" ", "")
