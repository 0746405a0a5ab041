"""The codes of errors: each names a kind of mistake, and `onnxnn explain` says more about it.

A code is never given another meaning, and one that is no longer used stays listed.
"""

from __future__ import annotations

from typing import Mapping

from .catalogue import gettext_noop

__all__ = ["CODES"]

CODES: Mapping[str, str] = {
    "E-LAYER-01": gettext_noop("unknown layer"),
    "E-LAYER-02": gettext_noop("an option of a layer is unknown or missing"),
    "E-LAYER-03": gettext_noop("sizes of a layer do not match the output of the layer before"),
    "E-LAYER-04": gettext_noop("an option of a layer has a value of a wrong type or out of range"),
    "E-LAYER-05": gettext_noop("an activation is unknown or does not fit here"),
    "E-LAYER-06": gettext_noop("a layer cannot stand at this place of the network"),
    "E-LAYER-07": gettext_noop("a custom module cannot be used"),
    "E-LAYER-08": gettext_noop("weights of a published architecture do not fit"),
    "E-LAYER-09": gettext_noop("a network is too large"),
    "E-LAYER-10": gettext_noop("a network is incomplete"),
    "E-DATA-01": gettext_noop("training data do not exist"),
    "E-DATA-02": gettext_noop("a data file cannot be read"),
    "E-DATA-03": gettext_noop("columns of a table do not match"),
    "E-DATA-04": gettext_noop("values are not numbers, missing or infinite"),
    "E-DATA-05": gettext_noop("labels and classes do not match"),
    "E-DATA-06": gettext_noop("shapes of arrays do not match each other"),
    "E-DATA-07": gettext_noop("data do not match the network"),
    "E-DATA-08": gettext_noop("class folders are not laid out as expected"),
    "E-DATA-09": gettext_noop("an option of loading has a wrong value"),
    "E-DATA-10": gettext_noop("a transform or an augmentation is wrong"),
    "E-DATA-11": gettext_noop("tokens or a vocabulary are wrong"),
    "E-DATA-12": gettext_noop("there are too few samples"),
    "E-DATA-13": gettext_noop("data are too large"),
    "E-TRAIN-01": gettext_noop("training needs data and layers first"),
    "E-TRAIN-02": gettext_noop("a loss, metric, optimizer or schedule is unknown"),
    "E-TRAIN-03": gettext_noop("an option of training has a wrong value"),
    "E-TRAIN-04": gettext_noop("a loss or metric does not match network and data"),
    "E-TRAIN-05": gettext_noop("the loss or a weight became NaN or infinite"),
    "E-TRAIN-06": gettext_noop("a callback failed or is wrong"),
    "E-CKPT-01": gettext_noop("a checkpoint does not exist"),
    "E-CKPT-02": gettext_noop("a checkpoint is damaged, or another kind of file"),
    "E-CKPT-03": gettext_noop("a checkpoint does not match the network or data"),
    "E-CKPT-04": gettext_noop("a checkpoint is of a newer version"),
    "E-CKPT-05": gettext_noop("a BaseNN checkpoint cannot be converted"),
    "E-EXPORT-01": gettext_noop("an option of the export has a wrong value"),
    "E-EXPORT-02": gettext_noop("a network or layer cannot be exported"),
    "E-EXPORT-03": gettext_noop("an exported file failed its verification"),
    "E-CARD-01": gettext_noop("a model file has no card"),
    "E-CARD-02": gettext_noop("a card is malformed"),
    "E-CARD-03": gettext_noop("a card is of a newer version"),
    "E-INPUT-01": gettext_noop("an input file does not exist"),
    "E-INPUT-02": gettext_noop("an input file cannot be read"),
    "E-INPUT-03": gettext_noop("shape or columns of an input do not match the model"),
    "E-INPUT-04": gettext_noop("values of an input are wrong"),
    "E-INPUT-05": gettext_noop("a kind of input does not match the model"),
    "E-INPUT-06": gettext_noop("an option has a wrong value"),
    "E-INPUT-07": gettext_noop("a text or its tokens do not match the vocabulary"),
    "E-INPUT-08": gettext_noop("a model cannot do what was asked"),
    "E-INPUT-09": gettext_noop("an image cannot be read"),
    "E-INPUT-10": gettext_noop("an input is too large"),
    "E-MODEL-01": gettext_noop("a file is no ONNX model, or is damaged"),
    "E-MODEL-02": gettext_noop("a model is refused because running it is not safe"),
    "E-MODEL-03": gettext_noop("ONNX Runtime cannot run a model"),
    "E-MODEL-04": gettext_noop("inputs or outputs of a model are not as described"),
    "E-DEVICE-01": gettext_noop("a device is not available"),
    "E-OUTPUT-01": gettext_noop("a file or folder cannot be written"),
    "E-OUTPUT-02": gettext_noop("an output would replace another file"),
    "E-MEMORY-01": gettext_noop("there is too little memory"),
    "E-CALL-01": gettext_noop("an option or argument is unknown"),
    "E-CALL-02": gettext_noop("an option or argument is missing, repeated or one too many"),
    "E-CALL-03": gettext_noop("an argument has a wrong type"),
    "E-ATTRIBUTE-01": gettext_noop("an attribute is unknown or cannot be set"),
    "E-RECIPE-01": gettext_noop("a recipe cannot be read"),
    "E-RECIPE-02": gettext_noop("a key of a recipe is unknown, missing or repeated"),
    "E-RECIPE-03": gettext_noop("a value of a recipe is wrong"),
    "E-PACKAGE-01": gettext_noop("a package is missing or of a wrong version"),
}
"""Code -> the kind of mistake in a few words, English."""
