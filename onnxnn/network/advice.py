"""What users of Keras, PyTorch and scikit-learn look for on a network, and what to write here."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ATTRIBUTES", "OPTIONS"]

_TORCH = "the torch module is .model"
_WHEN_LOADING = "give it where data is loaded: load_img_data(path, {})"
_TRAIN_OPTION = "it is an option of train(): train({}=...)"
_VALIDATION = "load data with train_val_ratio=0.8, or call evaluate((x, y)) after training"
_WEIGHTS = "all classes and samples weigh alike; repeat the samples of rare classes in the data instead"

ATTRIBUTES: Mapping[str, str] = {
    "add_layer": "use add(layer, ...)",
    "add_module": "use add(module)",
    "batch_size": _TRAIN_OPTION.format("batch_size"),
    "build": "not needed: each add() builds its layer",
    "classes": "use .card().output.classes",
    "classes_": "use .card().output.classes",
    "coef_": f"the weights are tensors of torch, and {_TORCH}: model.model.state_dict()",
    "compile": "not needed: write add(optimizer='Adam'), and train(loss=..., metrics=['acc'])",
    "cpu": "not needed: use train(device='cpu')",
    "criterion": _TRAIN_OPTION.format("loss"),
    "cuda": "use train(device='cuda')",
    "device": _TRAIN_OPTION.format("device"),
    "embed": "use extract_feature(data); of an exported file onnxnn_runtime.load(path).embed(data)",
    "epochs": _TRAIN_OPTION.format("epochs"),
    "eval": f"inference() and evaluate() need no mode; {_TORCH}: model.model.eval()",
    "feature_importances_": "a network has none; visual_feature(sample) shows the outputs of its layers",
    "fit": "load data with load_dataset(x, y), then train(lr=0.01, epochs=20)",
    "fit_transform": "load data with load_dataset(x, y), then train(lr=0.01, epochs=20)",
    "forward": f"use inference(data); {_TORCH}: model.model(tensor)",
    "get_params": f"{_TORCH}: model.model.state_dict(); summary() prints the layers",
    "get_similarity": "it is in the package onnxnn_runtime: from onnxnn_runtime import get_similarity",
    "get_weights": f"{_TORCH}: model.model.state_dict()",
    "intercept_": f"the weights are tensors of torch, and {_TORCH}: model.model.state_dict()",
    "labels": "use .card().output.classes",
    "layers": f"summary() prints them; {_TORCH}",
    "learning_rate": _TRAIN_OPTION.format("lr"),
    "load_checkpoint": "use load(path), or train(checkpoint=path)",
    "load_csv": "use load_tab_data(path)",
    "load_data": "use load_img_data, load_tab_data, load_npz_data or load_dataset",
    "load_model": "use load(path)",
    "load_state_dict": f"use load(path) or load_weights(path); {_TORCH}",
    "loss": _TRAIN_OPTION.format("loss"),
    "lr": _TRAIN_OPTION.format("lr"),
    "metrics": _TRAIN_OPTION.format("metrics"),
    "modules": f"{_TORCH}: model.model.modules()",
    "named_parameters": f"{_TORCH}: model.model.named_parameters()",
    "onnx": "use export(path)",
    "parameters": f"{_TORCH}: model.model.parameters()",
    "plot": "use plot_history()",
    "predict": "use inference(data), then print_result()",
    "predict_classes": "use inference(data), then print_result()",
    "predict_on_batch": "use inference(data)",
    "predict_proba": "use inference(data), which returns the probabilities of all classes",
    "preprocess": "use .card().input.preprocess",
    "quantize": "export(path) writes float32",
    "requires_grad_": f"{_TORCH}: model.model.requires_grad_()",
    "save_checkpoint": "use save(path); train() writes checkpoints by itself",
    "save_model": "use save(path), or export(path) for an ONNX file",
    "save_pretrained": "use save(path)",
    "save_weights": "use save(path)",
    "score": "use evaluate((x, y), metrics=['acc'])",
    "set_params": "options are given to nn(), add() and train()",
    "set_weights": f"use load_weights(path); {_TORCH}: model.model.load_state_dict(...)",
    "state_dict": f"use save(path); {_TORCH}: model.model.state_dict()",
    "step": "train() runs all steps; callbacks= has on_step",
    "test": "use evaluate((x, y))",
    "to": "use train(device='cuda'), or export(path) for a file",
    "to_json": "use .card().to_json()",
    "to_onnx": "use export(path)",
    "train_on_batch": "use train(epochs=1)",
    "transform": "use extract_feature(data); transform= is an option of load_img_data()",
    "validate": "use evaluate((x, y))",
    "weights": f"{_TORCH}: model.model.state_dict()",
    "zero_grad": "train() does so by itself",
}  # fmt: skip

_TRAIN: Mapping[str, str] = {
    "class_weight": _WEIGHTS,
    "class_weights": _WEIGHTS,
    "data": "load it first: load_dataset(x, y), or load_img_data(path)",
    "early_stopping": "use patience=5, which stops after 5 epochs without a better monitor",
    "initial_epoch": "use checkpoint= to train more epochs, or resume= to finish an interrupted training",
    "momentum": "it is an option of the optimizer: add(optimizer='SGD', momentum=0.9)",
    "num_workers": _WHEN_LOADING.format("num_workers=2"),
    "optimizer": "choose it before: add(optimizer='SGD')",
    "sample_weight": _WEIGHTS,
    "shuffle": _WHEN_LOADING.format("shuffle=False"),
    "steps_per_epoch": "an epoch is all of the data; use epochs= and batch_size=",
    "test_size": _VALIDATION,
    "train_val_ratio": _WHEN_LOADING.format("train_val_ratio=0.8"),
    "transform": "give it where data is loaded: load_img_data(path, transform={'Resize': (64, 64)})",
    "val_data": _VALIDATION,
    "validation_data": _VALIDATION,
    "validation_split": _VALIDATION,
    "verbose": "nn(verbose=0) makes a silent network",
    "weight_decay": "it is an option of the optimizer: add(optimizer='AdamW', weight_decay=0.01)",
    "x": "load it first: load_dataset(x, y)",
    "y": "load it first: load_dataset(x, y)",
}  # fmt: skip

_LOADING: Mapping[str, str] = {
    "test_size": "use train_val_ratio=, the share of the training data: 0.8 holds a fifth back",
    "validation_split": "use train_val_ratio=, the share of the training data: 0.8 holds a fifth back",
    "random_state": "call set_seed(0) before; the split is the same each time",
    "seed": "call set_seed(0) before; the split is the same each time",
    "subset": "use train_val_ratio=0.8, which returns training and validation batches",
}

OPTIONS: Mapping[str, Mapping[str, str]] = {
    "nn": {
        "classes": "they come from the data; load_img_data(path, classes=[...]) chooses their order",
        "device": "train(device='cuda') chooses it",
        "layers": "add each with add('linear', size=(4, 3))",
        "lr": "train(lr=0.01) takes it",
        "optimizer": "add(optimizer='SGD') chooses it",
        "seed": "call set_seed(0)",
    },
    "train": _TRAIN,
    "load_img_data": {**_LOADING, "image_size": "use transform={'Resize': (height, width)}",
                      "img_size": "use transform={'Resize': (height, width)}",
                      "target_size": "use transform={'Resize': (height, width)}"},
    "load_tab_data": _LOADING,
    "load_npz_data": _LOADING,
    "load_dataset": {**_LOADING, "num_classes": "it is the number of labels in y; classes=[...] names them"},
    "inference": {"verbose": "nn(verbose=0) makes a silent network", "device": "it runs where train() ran"},
    "evaluate": {"verbose": "nn(verbose=0) makes a silent network"},
    "convert": {"dynamic_axes": "the batch and what the network leaves free are free by themselves",
                "input_names": "the input is named 'input'", "output_names": "the output is named 'output'"},
    "export": {"dynamic_axes": "the batch and what the network leaves free are free by themselves",
               "input_names": "the input is named 'input'", "output_names": "the output is named 'output'"},
}  # fmt: skip
"""Method -> option of another library -> what to do here."""
