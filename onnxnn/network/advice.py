"""What users of Keras, PyTorch and scikit-learn look for on a network, and what to write here."""

from __future__ import annotations

from collections.abc import Mapping

from onnxnn_runtime.messages.catalogue import gettext
from onnxnn_runtime.messages.suggestions import AdviceTable


def _attributes() -> Mapping[str, str]:
    return {**_of_layers(), **_of_training(), **_of_inference(), **_of_files(), **_of_weights()}


def _of_layers() -> Mapping[str, str]:
    """What defines a network, or says what it is."""
    classes = gettext("use .card().output.classes")
    return {
        "add_layer": gettext("use add(layer, ...)"),
        "add_module": gettext("use add(module)"),
        "build": gettext("not needed: each add() builds its layer"),
        "classes": classes,
        "classes_": classes,
        "feature_importances_": gettext(
            "a network has none; visual_feature(sample) shows the outputs of its layers"
        ),
        "labels": classes,
        "layers": gettext("summary() prints them; the torch module is .model"),
        "preprocess": gettext("use .card().input.preprocess"),
        "get_params": gettext(
            "the torch module is .model: model.model.state_dict(); summary() prints the layers"
        ),
        "set_params": gettext("options are given to nn(), add() and train()"),
    }


def _of_training() -> Mapping[str, str]:
    """What trains a network, or measures it."""
    fitting = gettext("load data with load_dataset(x, y), then train(lr=0.01, epochs=20)")
    evaluating = gettext("use evaluate((x, y))")
    return {
        "batch_size": _option_of_train("batch_size"),
        "compile": gettext("not needed: use add(optimizer='Adam'), and train(loss=..., metrics=['acc'])"),
        "cpu": gettext("not needed: use train(device='cpu')"),
        "criterion": _option_of_train("loss"),
        "cuda": gettext("use train(device='cuda')"),
        "device": _option_of_train("device"),
        "epochs": _option_of_train("epochs"),
        "fit": fitting,
        "fit_transform": fitting,
        "learning_rate": _option_of_train("lr"),
        "load_csv": gettext("use load_tab_data(path)"),
        "load_data": gettext("use load_img_data, load_tab_data, load_npz_data or load_dataset"),
        "loss": _option_of_train("loss"),
        "lr": _option_of_train("lr"),
        "metrics": _option_of_train("metrics"),
        "plot": gettext("use plot_history()"),
        "score": gettext("use evaluate((x, y), metrics=['acc'])"),
        "step": gettext("train() runs all steps; callbacks= has on_step"),
        "test": evaluating,
        "to": gettext("use train(device='cuda'), or export(path) for a file"),
        "train_on_batch": gettext("use train(epochs=1)"),
        "validate": evaluating,
        "zero_grad": gettext("train() does so by itself"),
    }


def _of_inference() -> Mapping[str, str]:
    """What runs a network."""
    inferring = gettext("use inference(data)")
    predicting = gettext("use inference(data), then print_result()")
    return {
        "embed": gettext(
            "use extract_feature(data); for an exported file onnxnn_runtime.load(path).embed(data)"
        ),
        "eval": gettext(
            "inference() and evaluate() need no mode; the torch module is .model: model.model.eval()"
        ),
        "forward": gettext("use inference(data); the torch module is .model: model.model(tensor)"),
        "get_similarity": gettext(
            "it is in the package onnxnn_runtime: from onnxnn_runtime import get_similarity"
        ),
        "predict": predicting,
        "predict_classes": predicting,
        "predict_on_batch": inferring,
        "predict_proba": gettext("use inference(data), which returns the probabilities of all classes"),
        "transform": gettext("use extract_feature(data); transform= is an option of load_img_data()"),
    }


def _of_files() -> Mapping[str, str]:
    """What reads or writes files."""
    saving = gettext("use save(path)")
    exporting = gettext("use export(path)")
    return {
        "load_checkpoint": gettext("use load(path), or train(checkpoint=path)"),
        "load_model": gettext("use load(path)"),
        "load_state_dict": gettext("use load(path) or load_weights(path); the torch module is .model"),
        "onnx": exporting,
        "quantize": gettext("export(path) writes float32"),
        "save_checkpoint": gettext("use save(path); train() writes checkpoints by itself"),
        "save_model": gettext("use save(path), or export(path) for an ONNX file"),
        "save_pretrained": saving,
        "save_weights": saving,
        "to_json": gettext("use .card().to_json()"),
        "to_onnx": exporting,
    }


def _of_weights() -> Mapping[str, str]:
    """What stands in the torch module."""
    weights = _in_torch("model.model.state_dict()")
    return {
        "coef_": weights,
        "get_weights": weights,
        "intercept_": weights,
        "modules": _in_torch("model.model.modules()"),
        "named_parameters": _in_torch("model.model.named_parameters()"),
        "parameters": _in_torch("model.model.parameters()"),
        "requires_grad_": _in_torch("model.model.requires_grad_()"),
        "set_weights": gettext(
            "use load_weights(path); the torch module is .model: model.model.load_state_dict(...)"
        ),
        "state_dict": gettext("use save(path); the torch module is .model: model.model.state_dict()"),
        "weights": weights,
    }


def _option_of_train(name: str) -> str:
    return gettext("it is an option of train(): train({name}=...)", name=name)


def _in_torch(code: str) -> str:
    return gettext("the torch module is .model: {code}", code=code)


def _nn() -> Mapping[str, str]:
    return {
        "classes": gettext("they come from the data; load_img_data(path, classes=[...]) chooses their order"),
        "device": gettext("choose it in train(device='cuda')"),
        "layers": gettext("add each with add('linear', size=(4, 3))"),
        "lr": gettext("give it to train(lr=0.01)"),
        "optimizer": gettext("choose it with add(optimizer='SGD')"),
        "seed": gettext("call set_seed(0)"),
    }


def _train() -> Mapping[str, str]:
    weighting = gettext(
        "all samples of a class have equal weight; give class_weight='balanced', or {{class: weight}}"
    )
    validating = gettext("load data with train_val_ratio=0.8, or call evaluate((x, y)) after training")
    loading = gettext("load it first: load_dataset(x, y)")
    return {
        "class_weights": weighting,
        "data": gettext("load it first: load_dataset(x, y), or load_img_data(path)"),
        "early_stopping": gettext("use patience=5, which stops after 5 epochs without a better monitor"),
        "initial_epoch": gettext(
            "use checkpoint= to train more epochs, or resume= to finish an interrupted training"
        ),
        "momentum": gettext("it is an option of the optimizer: add(optimizer='SGD', momentum=0.9)"),
        "num_workers": _when_loading("num_workers=2"),
        "optimizer": gettext("choose it before: add(optimizer='SGD')"),
        "sample_weight": weighting,
        "shuffle": _when_loading("shuffle=False"),
        "steps_per_epoch": gettext("an epoch is all of the data; use epochs= and batch_size="),
        "test_size": validating,
        "train_val_ratio": _when_loading("train_val_ratio=0.8"),
        "transform": _when_loading("transform={'Resize': (64, 64)}"),
        "val_data": validating,
        "validation_data": validating,
        "validation_split": validating,
        "verbose": _silent(),
        "weight_decay": gettext(
            "it is an option of the optimizer: add(optimizer='AdamW', weight_decay=0.01)"
        ),
        "x": loading,
        "y": loading,
    }


def _when_loading(option: str) -> str:
    return gettext("give it where data is loaded: load_img_data(path, {option})", option=option)


def _silent() -> str:
    return gettext("nn(verbose=0) makes a silent network")


def _loading() -> Mapping[str, str]:
    splitting = gettext("use train_val_ratio=, the share of the training data: 0.8 holds a fifth back")
    seeding = gettext("call set_seed(0) before; the split is the same each time")
    return {
        "test_size": splitting,
        "validation_split": splitting,
        "random_state": seeding,
        "seed": seeding,
        "subset": gettext("use train_val_ratio=0.8, which returns training and validation batches"),
    }


def _loading_images() -> Mapping[str, str]:
    sizing = gettext("use transform={{'Resize': (height, width)}}")
    return {**_loading(), "image_size": sizing, "img_size": sizing, "target_size": sizing}


def _loading_arrays() -> Mapping[str, str]:
    counting = gettext("it is the number of labels in y; classes=[...] names them")
    return {**_loading(), "num_classes": counting}


def _inference() -> Mapping[str, str]:
    return {"verbose": _silent(), "device": gettext("it runs where train() ran")}


def _evaluate() -> Mapping[str, str]:
    return {"verbose": _silent()}


def _export() -> Mapping[str, str]:
    return {
        "dynamic_axes": gettext("the batch and the sizes that the network leaves free are dynamic already"),
        "input_names": gettext("the input is named 'input'"),
        "output_names": gettext("the output is named 'output'"),
    }


def _package() -> Mapping[str, str]:
    adding = gettext("use nn() and its add(layer)")
    return {
        "get_similarity": gettext("it is in the package onnxnn_runtime: import onnxnn_runtime as rt"),
        "load": gettext(
            "it is in the package onnxnn_runtime: import onnxnn_runtime as rt; rt.load(path) opens an .onnx "
            "file, nn().load(path) a checkpoint"
        ),
        "Sequential": adding,
        "Model": adding,
        "Module": gettext("use nn(); its add(module) takes a torch.nn.Module"),
    }


ATTRIBUTES: Mapping[str, str] = AdviceTable(_attributes)
"""Attribute of another library -> what to do here."""

OPTIONS: Mapping[str, Mapping[str, str]] = {
    "nn": AdviceTable(_nn),
    "train": AdviceTable(_train),
    "load_img_data": AdviceTable(_loading_images),
    "load_tab_data": AdviceTable(_loading),
    "load_npz_data": AdviceTable(_loading),
    "load_dataset": AdviceTable(_loading_arrays),
    "inference": AdviceTable(_inference),
    "evaluate": AdviceTable(_evaluate),
    "convert": AdviceTable(_export),
    "export": AdviceTable(_export),
}
"""Method -> option of another library -> what to do here."""

PACKAGE: Mapping[str, str] = AdviceTable(_package)
"""What is looked for in the package itself -> what to do here."""
