"""What `onnxnn explain` says about errors of layers, data, training, checkpoints and export."""

from __future__ import annotations

from typing import Mapping

from .explanation import Explanation
from .text import gettext_noop

__all__ = ["EXPLANATIONS"]

EXPLANATIONS: Mapping[str, Explanation] = {
    "E-LAYER-01": Explanation(
        gettext_noop("The name of a layer is not one of onnxnn's."),
        "model.add('linera', size=(4, 3))",
        gettext_noop(
            "Correct the name; `onnxnn layers` lists all layers. A torch module of your own is added as "
            "model.add(module)."
        ),
    ),
    "E-LAYER-02": Explanation(
        gettext_noop("A layer got an option that it does not have, or lacks one that it needs."),
        "model.add('conv2d', size=(1, 6), kernal_size=3)",
        gettext_noop("Use the options that `onnxnn layers` and docs/options.md list for this layer."),
    ),
    "E-LAYER-03": Explanation(
        gettext_noop("The input size of a layer differs from the output size of the layer before it."),
        "model.add('linear', size=(4, 10))\nmodel.add('linear', size=(12, 3))",
        gettext_noop(
            "Give size=(inputs, outputs) so that the inputs equal the outputs of the layer before. Before"
            " a linear layer, convolutions need 'reshape' or a pooling to a vector."
        ),
    ),
    "E-LAYER-04": Explanation(
        gettext_noop(
            "An option of a layer has a value of a wrong type, or one that is too small or too large."
        ),
        "model.add('dropout', p=1.5)",
        gettext_noop("Use a value of the type and range that the message names."),
    ),
    "E-LAYER-05": Explanation(
        gettext_noop(
            "The name of an activation is unknown, or the activation cannot be used at this place, such "
            "as softmax over a single output."
        ),
        "model.add('linear', size=(4, 3), activation='relus')",
        gettext_noop(
            "Correct the name; docs/options.md lists the activations. Classes need softmax in the last "
            "layer, values need none."
        ),
    ),
    "E-LAYER-06": Explanation(
        gettext_noop(
            "A layer cannot take what the layer before it returns, such as a convolution after a vector."
        ),
        "model.add('linear', size=(4, 8))\nmodel.add('conv2d', size=(8, 16), kernel_size=3)",
        gettext_noop(
            "Change the order of the layers, or add a layer between them that changes the shape, such as "
            "'reshape'."
        ),
    ),
    "E-LAYER-07": Explanation(
        gettext_noop(
            "A custom torch module does not return one tensor whose shape is known, or takes other inputs"
            " than one tensor."
        ),
        "model.add(torch.nn.LSTM(4, 8))  # returns a tuple",
        gettext_noop("Wrap the module in one whose forward(x) takes a tensor and returns a tensor."),
    ),
    "E-LAYER-08": Explanation(
        gettext_noop(
            "Weights that were published for an architecture have other names or shapes than the network "
            "here."
        ),
        "model.add('mobilenet_backbone', pretrain='resnet18.pth')",
        gettext_noop(
            "Give the weight file of the same architecture, or leave out pretrain= to train from scratch."
        ),
    ),
    "E-LAYER-09": Explanation(
        gettext_noop("The weights or values of a network need more memory than this machine has."),
        "model.add('linear', size=(1000000, 1000000))",
        gettext_noop("Use smaller sizes, smaller images or a smaller batch_size."),
    ),
    "E-LAYER-10": Explanation(
        gettext_noop(
            "The network has no layers, lacks one that the task needs, or a layer needs a size that no data "
            "and no option says yet."
        ),
        "model = nn('cls')\nmodel.train(epochs=5)  # no add() before",
        gettext_noop("Add the layers with add() first; load data before layers that take sizes from it."),
    ),
    "E-DATA-01": Explanation(
        gettext_noop("There is no file or folder of this name."),
        "model.load_tab_data('iri.csv')",
        gettext_noop(
            "Correct the path. A relative path starts at the folder from which the program was started."
        ),
    ),
    "E-DATA-02": Explanation(
        gettext_noop("A file is damaged, empty, of another kind than its name says, or may not be read."),
        "model.load_tab_data('table.xlsx')",
        gettext_noop("Save it again as CSV (UTF-8) or as a PNG or JPEG image, or remove it from the folder."),
    ),
    "E-DATA-03": Explanation(
        gettext_noop("A table has more, fewer or other columns than the network or the first row says."),
        "model.load_tab_data('iris.csv', target='specis')",
        gettext_noop(
            "Use the columns that the message names; columns are matched by name where the table has names."
        ),
    ),
    "E-DATA-04": Explanation(
        gettext_noop("A cell or array holds text, nothing, NaN or infinity where a number is expected."),
        "5.1,3.5,?,0.2,setosa",
        gettext_noop("Correct the value, or remove the row. The message names line and column."),
    ),
    "E-DATA-05": Explanation(
        gettext_noop(
            "A label is not one of the classes, a class has no samples, or labels look like values."
        ),
        "model.load_dataset(x, ['cat', 'dgo'], classes=['cat', 'dog'])",
        gettext_noop("Correct the label, or give classes= with all class names."),
    ),
    "E-DATA-06": Explanation(
        gettext_noop(
            "Arrays that belong together have different lengths, or items of one array have different shapes."
        ),
        "model.load_dataset(x[:100], y[:90])",
        gettext_noop("Give one label for each sample, and samples of one shape."),
    ),
    "E-DATA-07": Explanation(
        gettext_noop(
            "The shape of the samples, or the number of classes, differs from what the network takes."
        ),
        "model.add('linear', size=(4, 3))\nmodel.load_dataset(x)  # 5 columns",
        gettext_noop("Change the size of the first or last layer, or load other data."),
    ),
    "E-DATA-08": Explanation(
        gettext_noop("A folder of images lacks one folder for each class."),
        "pets/1.jpg  pets/2.jpg",
        gettext_noop(
            "Put the images of each class into a folder with the name of the class: pets/cat/1.jpg, "
            "pets/dog/2.jpg."
        ),
    ),
    "E-DATA-09": Explanation(
        gettext_noop("An option of load_... has a value of a wrong type or out of range."),
        "model.load_img_data('pets', batch_size=0)",
        gettext_noop("Use a value of the type and range that the message names."),
    ),
    "E-DATA-10": Explanation(
        gettext_noop("The name or the value of a transform or an augmentation is wrong."),
        "model.load_img_data('pets', transform={'Resise': (64, 64)})",
        gettext_noop("Use the names and values that docs/image-data.md lists."),
    ),
    "E-DATA-11": Explanation(
        gettext_noop("Tokens are not in the vocabulary, or a vocabulary has ids twice or none for a word."),
        "model.load_npz_data('poems.npz')  # without word2idx",
        gettext_noop("Give the vocabulary that the tokens were made with."),
    ),
    "E-DATA-12": Explanation(
        gettext_noop("There are too few samples to train, to validate or for one batch."),
        "model.load_img_data('pets', train_val_ratio=0.99)  # 5 images",
        gettext_noop("Add samples, or change train_val_ratio or batch_size."),
    ),
    "E-DATA-13": Explanation(
        gettext_noop("The data need more memory than is available, or exceed a limit for untrusted files."),
        "model.load_dataset(np.zeros((10**6, 1000, 1000)))",
        gettext_noop("Use smaller images or fewer samples."),
    ),
    "E-TRAIN-01": Explanation(
        gettext_noop("train() was called before data were loaded or layers were added."),
        "model = nn('cls')\nmodel.train(epochs=5)",
        gettext_noop("Call load_...() and add() first."),
    ),
    "E-TRAIN-02": Explanation(
        gettext_noop("A name is not one of onnxnn's."),
        "model.add(optimizer='Adm')",
        gettext_noop("Use one of the names that the message or docs/options.md lists."),
    ),
    "E-TRAIN-03": Explanation(
        gettext_noop("An option of train() has a value of a wrong type or out of range."),
        "model.train(lr=-0.1)",
        gettext_noop("Use a value of the type and range that the message names."),
    ),
    "E-TRAIN-04": Explanation(
        gettext_noop(
            "A loss or metric is made for another task, another number of outputs or another kind of labels."
        ),
        "nn('reg') ... model.train(loss='CrossEntropyLoss')",
        gettext_noop("Leave out loss= and metrics=, or choose those of the task."),
    ),
    "E-TRAIN-05": Explanation(
        gettext_noop("Training diverged: the steps are too large, or the data hold very large values."),
        "model.train(lr=100)",
        gettext_noop("Use a smaller lr, standardize the data, or set clip=1.0."),
    ),
    "E-TRAIN-06": Explanation(
        gettext_noop("A callback is not an instance of onnxnn.Callback."),
        "model.train(callbacks=[print])",
        gettext_noop("Derive a class from onnxnn.Callback and give an instance of it."),
    ),
    "E-TRAIN-07": Explanation(
        gettext_noop(
            "One of several processes of a training ended before the others, or did not do what they did."
        ),
        "if rank == 1:\n    raise SystemExit  # while process 0 calls model.train()",
        gettext_noop(
            "Let every process run the same script; look for the first error above, and at the memory."
        ),
    ),
    "E-CKPT-01": Explanation(
        gettext_noop("There is no checkpoint of this name."),
        "model.train(checkpoint='ckpt/basenn.pht')",
        gettext_noop("Correct the path; train() prints where it saves."),
    ),
    "E-CKPT-02": Explanation(
        gettext_noop("The file was cut off while it was copied, or another program wrote it."),
        "nn().load('model.onnx')",
        gettext_noop(
            "Copy the file again, or train again. An .onnx file is opened with onnxnn_runtime.load."
        ),
    ),
    "E-CKPT-03": Explanation(
        gettext_noop(
            "The layers, classes or columns of a checkpoint differ from the network or data at hand."
        ),
        "model.add('linear', size=(4, 5))\nmodel.train(checkpoint='of_3_classes.pth')",
        gettext_noop(
            "Use the layers and data of that training; without add() the network is taken from the "
            "checkpoint."
        ),
    ),
    "E-CKPT-04": Explanation(
        gettext_noop("A newer version of onnxnn wrote the file."),
        "nn().load('from_a_newer_version.pth')",
        gettext_noop("Update onnxnn."),
    ),
    "E-CKPT-05": Explanation(
        gettext_noop(
            "A checkpoint of BaseNN holds objects that are not known, and opening it could run code."
        ),
        "onnxnn import-basenn basenn.pth",
        gettext_noop("If you trust its source, import it with --trust-pickle, or train again with onnxnn."),
    ),
    "E-EXPORT-01": Explanation(
        gettext_noop("An option of export() has a value of a wrong type or out of range."),
        "model.export('m.onnx', opset=3)",
        gettext_noop("Use a value that the message names, or leave the option out."),
    ),
    "E-EXPORT-02": Explanation(
        gettext_noop("A layer or custom module has no form in ONNX, or nothing was trained."),
        "model.export('m.onnx')  # before train()",
        gettext_noop("Train or load a checkpoint first; replace the layer that the message names."),
    ),
    "E-EXPORT-03": Explanation(
        gettext_noop("The exported file computes other numbers than torch."),
        "model.export('m.onnx')",
        gettext_noop(
            "Look at the layer that the message names; a custom module may depend on its batch or on "
            "chance. Please report it otherwise."
        ),
    ),
    "E-QUANT-01": Explanation(
        gettext_noop("The file is quantised already, or is of a kind that cannot be quantised and measured."),
        "onnxnn quantize pets-int8.onnx --data photos -o smaller.onnx",
        gettext_noop("Quantise the float file that `onnxnn export` wrote, or keep that."),
    ),
    "E-QUANT-02": Explanation(
        gettext_noop("In small integers the model answers more often wrongly than is allowed."),
        "onnxnn quantize pets.onnx --data photos -o pets-int8.onnx --max-drop 0",
        gettext_noop("Try --auto, give more and more varied samples, or allow a larger --max-drop."),
    ),
}
