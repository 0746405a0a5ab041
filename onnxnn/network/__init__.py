"""Network, the public class: a table of its methods, each of them a function in a module beside this one."""

from __future__ import annotations

from onnxnn_runtime.api.calls import checked_class

from . import adding, cross_validation, diffusion, files, inspection, loading, reporting, training, unfreezing
from . import inference as running
from .advice import ATTRIBUTES, OPTIONS
from .attributes import VALUES
from .core import NetworkCore
from .representation import as_html, as_line

__all__ = ["Network"]


@checked_class(ATTRIBUTES, OPTIONS, call="nn", values=VALUES)
class Network(NetworkCore):
    """A neural network that is defined layer by layer, trained, saved and exported.

        model = nn("cls")
        model.load_img_data("pets/train", transform={"Resize": (64, 64)}, train_val_ratio=0.8)
        model.add("mobilenet_backbone")
        model.add("linear", size=2, activation="softmax")
        model.train(lr=1e-3, epochs=20, metrics=["acc"])
        model.export("pets.onnx")

    Args:
        task: "cls" (classes), "reg" (values), "gen" (generating) or "embed" (vectors to compare).
        save_fold: The folder for checkpoints.
        verbose: 0 prints nothing, neither in `add` nor in `train`.

    Attributes:
        save_fold: The folder for checkpoints.
        optimizer: The optimizer's name, as `add(optimizer=...)` sets it.
        color: "RGB" or "grayscale" where the data is made of images.
        word2idx, idx2word, ix2word: The vocabulary both ways, where the data is made of tokens.
        history: What the last `train` returned.
        result: What the last `inference` returned.
        val_label: The labels of the batches that the last `inference` read, in its order.
    """

    load_img_data = loading.load_img_data
    load_tab_data = loading.load_tab_data
    load_npz_data = loading.load_npz_data
    load_dataset = loading.load_dataset

    add = adding.add
    unfreeze = unfreezing.unfreeze
    print_model = adding.print_model
    summary = adding.summary

    set_seed = training.set_seed
    train = training.train
    evaluate = training.evaluate
    cross_validate = cross_validation.cross_validate
    plot_history = training.plot_history

    save = files.save
    load = files.load
    load_weights = files.load_weights
    convert = files.convert
    export = files.export

    inference = running.inference
    generate = running.generate
    print_result = running.print_result
    report = reporting.report
    feature_importance = reporting.feature_importance

    noisy = diffusion.noisy
    sample = diffusion.sample
    interpolate = diffusion.interpolate
    show = diffusion.show

    visual_feature = inspection.visual_feature
    visual_filters = inspection.visual_filters
    extract_feature = inspection.extract_feature
    heatmap = inspection.heatmap

    def __repr__(self) -> str:
        return f"<{as_line(self)}>"

    def _repr_html_(self) -> str:
        return as_html(self)
