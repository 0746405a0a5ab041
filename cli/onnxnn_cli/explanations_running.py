"""What `onnxnn explain` says about errors of model files, inputs, outputs, calls and recipes."""

from __future__ import annotations

from typing import Mapping

from .explanation import Explanation
from .text import gettext_noop

EXPLANATIONS: Mapping[str, Explanation] = {
    "E-CARD-01": Explanation(
        gettext_noop("The model file was not written by onnxnn, so preprocessing and labels are not known."),
        "rt.load('other.onnx').predict('cat.jpg')",
        gettext_noop("Give the preprocessing and labels, or use infer(x) with arrays."),
    ),
    "E-CARD-02": Explanation(
        gettext_noop("The card in a model file is damaged or holds values that are not allowed."),
        "onnxnn info edited.onnx",
        gettext_noop("Export the file again."),
    ),
    "E-CARD-03": Explanation(
        gettext_noop("A newer version of onnxnn exported the file."),
        "rt.load('newer.onnx')",
        gettext_noop("Update onnxnn-runtime."),
    ),
    "E-INPUT-01": Explanation(
        gettext_noop("There is no file or folder of this name."),
        "model.predict('cta.jpg')",
        gettext_noop(
            "Correct the path. A relative path starts at the folder from which the program was started."
        ),
    ),
    "E-INPUT-02": Explanation(
        gettext_noop("A file is damaged, empty, of another kind than its name says, or may not be read."),
        "model.predict('table.xlsx')",
        gettext_noop("Save it again in a format that the message names."),
    ),
    "E-INPUT-03": Explanation(
        gettext_noop("An array, row or table has another shape or other columns than the model takes."),
        "model.predict([[5.1, 3.5, 1.4]])  # the model takes 4",
        gettext_noop("Give inputs of the shape or with the columns that the message names."),
    ),
    "E-INPUT-04": Explanation(
        gettext_noop(
            "An input holds text, NaN, infinity or a value out of range where a number is expected."
        ),
        "model.predict([[5.1, 3.5, float('nan'), 0.2]])",
        gettext_noop("Correct or remove the value that the message names."),
    ),
    "E-INPUT-05": Explanation(
        gettext_noop("The model takes another kind of input, such as images where a table was given."),
        "image_model.predict('iris.csv')",
        gettext_noop("Give the kind of input that `onnxnn info` shows."),
    ),
    "E-INPUT-06": Explanation(
        gettext_noop("An option has a value of a wrong type or out of range."),
        "model.predict('cat.jpg', top_k=0)",
        gettext_noop("Use a value of the type and range that the message names."),
    ),
    "E-INPUT-07": Explanation(
        gettext_noop("A text holds words or characters that the vocabulary of the model lacks."),
        "model.generate('Ω')",
        gettext_noop("Use words that occurred in training."),
    ),
    "E-INPUT-08": Explanation(
        gettext_noop("The task of the model has no such operation, such as generate() of a classifier."),
        "classifier.generate('hello')",
        gettext_noop("Use the operation that the message names."),
    ),
    "E-INPUT-09": Explanation(
        gettext_noop("A file is no image, is damaged, or is of a kind that is not read."),
        "model.predict('photo.heic')",
        gettext_noop("Save it as PNG or JPEG."),
    ),
    "E-INPUT-10": Explanation(
        gettext_noop("An input exceeds a limit that protects memory and time."),
        "model.predict(np.zeros((40000, 40000, 3), np.uint8))",
        gettext_noop("Give a smaller input, or several one after the other."),
    ),
    "E-MODEL-01": Explanation(
        gettext_noop("The file was cut off while it was copied, or another program wrote it."),
        "rt.load('basenn.pth')",
        gettext_noop(
            "Copy or export the file again. A checkpoint is opened with nn().load of the package onnxnn."
        ),
    ),
    "E-MODEL-02": Explanation(
        gettext_noop("The graph would read other files, need very much memory or never end."),
        "rt.load('from_the_internet.onnx')",
        gettext_noop(
            "Get the file from a source that you trust, or export it again; SECURITY.md lists the limits."
        ),
    ),
    "E-MODEL-03": Explanation(
        gettext_noop("The installed ONNX Runtime lacks an operator or a version that the model needs."),
        "rt.load('opset21.onnx')  # with ONNX Runtime 1.13",
        gettext_noop("Update onnxruntime, or export with a lower opset."),
    ),
    "E-MODEL-04": Explanation(
        gettext_noop(
            "Inputs or outputs of a graph have other names or shapes than its card or the call says."
        ),
        "model.infer({'img': x})  # the input is named image",
        gettext_noop("Use the names and shapes of model.inputs and model.outputs."),
    ),
    "E-GALLERY-01": Explanation(
        gettext_noop("A folder holds no gallery, or one that was copied in part or changed otherwise."),
        "rt.Gallery.open('photos.galery')",
        gettext_noop("Correct the path, copy the whole folder again, or build the gallery again."),
    ),
    "E-GALLERY-02": Explanation(
        gettext_noop("The vectors of two models cannot be compared, even where they have the same length."),
        "rt.Gallery.open('photos.gallery', rt.load('other.onnx'))",
        gettext_noop("Use the model that the message names, or build a gallery with the new one."),
    ),
    "E-GALLERY-03": Explanation(
        gettext_noop("Two processes would write to one gallery; any number may search it."),
        "gallery.add('new/')  # while `onnxnn gallery build` runs",
        gettext_noop("Wait until the process that the message names has finished."),
    ),
    "E-GALLERY-04": Explanation(
        gettext_noop("Each entry of a gallery has a name of its own."),
        "gallery.add_vectors(vectors, ['cat', 'cat'])",
        gettext_noop("Give names that differ; `onnxnn gallery list` prints those that are there."),
    ),
    "E-GALLERY-05": Explanation(
        gettext_noop("Images are searched for by the model's vectors, and classes are those of labels."),
        "rt.Gallery.open('photos.gallery').search('cat.jpg')",
        gettext_noop("Open the gallery with its model, or give labels when entries are added."),
    ),
    "E-GALLERY-06": Explanation(
        gettext_noop("An index is damaged or of other vectors, or LanceDB or Qdrant refused or failed."),
        "rt.Gallery.open('qdrant://192.168.1.9/photos')  # where no Qdrant runs",
        gettext_noop("Build the index again, or check the address, the key and whether the engine runs."),
    ),
    "E-DEVICE-01": Explanation(
        gettext_noop("There is no such device, or the installed torch or ONNX Runtime cannot use it."),
        "model.train(device='cuda')",
        gettext_noop("Leave out device=, or install the GPU build; `onnxnn doctor` shows what there is."),
    ),
    "E-OUTPUT-01": Explanation(
        gettext_noop(
            "There is no space or permission, the folder does not exist, or another program has locked "
            "the file."
        ),
        "model.export('Z:/model.onnx')",
        gettext_noop("Choose another folder, or close the program that uses the file."),
    ),
    "E-OUTPUT-02": Explanation(
        gettext_noop("A file of this name exists, and the call did not make it."),
        "onnxnn predict pets.onnx cat.jpg --output cat.jpg",
        gettext_noop("Choose another name, or use --force where the message offers it."),
    ),
    "E-MEMORY-01": Explanation(
        gettext_noop("A call needed more memory than was free."),
        "model.load_img_data('pets', batch_size=4096)",
        gettext_noop("Use a smaller batch_size or smaller inputs, or close other programs."),
    ),
    "E-CALL-01": Explanation(
        gettext_noop("A call got an option that it does not have."),
        "model.train(epoch=20)",
        gettext_noop("Use the name that the message suggests; help(model.train) lists all options."),
    ),
    "E-CALL-02": Explanation(
        gettext_noop("A call lacks an argument, has one twice, or has one too many."),
        "model.load_tab_data()",
        gettext_noop("Give the arguments that the message names."),
    ),
    "E-CALL-03": Explanation(
        gettext_noop("An argument is of a type that the call does not take."),
        "model.train(epochs='ten')",
        gettext_noop("Give a value of the type that the message names."),
    ),
    "E-ATTRIBUTE-01": Explanation(
        gettext_noop("An attribute does not exist, or is set by onnxnn alone."),
        "model.save_folder = 'ckpt'",
        gettext_noop("Use the name that the message suggests."),
    ),
    "E-RECIPE-01": Explanation(
        gettext_noop("A recipe is not valid YAML, or is not a list of keys and values."),
        "epochs: [20",
        gettext_noop("Correct the line that the message names."),
    ),
    "E-RECIPE-02": Explanation(
        gettext_noop("A key is misspelt, missing, or stands twice."),
        "epoch: 20",
        gettext_noop("Use the keys of docs/recipes.md."),
    ),
    "E-RECIPE-03": Explanation(
        gettext_noop("A value has a wrong type, or YAML read it as another type than was meant."),
        "classes: [yes, no]",
        gettext_noop("Write texts in quotes: ['yes', 'no']."),
    ),
    "E-SERVER-01": Explanation(
        gettext_noop("A request names a model that is not served, or none where several are."),
        "POST /predict?model=cats",
        gettext_noop("Use one of the names that the message lists: that of a file without its ending."),
    ),
    "E-SERVER-02": Explanation(
        gettext_noop(
            "The server was started with a token, and the request has none or another one; or the request "
            "comes from a page of another origin."
        ),
        "curl http://server:8000/predict -F image=@cat.jpg",
        gettext_noop(
            "Send the header 'Authorization: Bearer TOKEN' with the server's token; let pages of other "
            "origins in with --cors ORIGIN."
        ),
    ),
    "E-SERVER-03": Explanation(
        gettext_noop("The body of a request, or the number of its inputs, is above the server's limit."),
        "curl http://server:8000/predict -F image=@video.mp4",
        gettext_noop("Send fewer or smaller inputs, or start the server with a higher limit."),
    ),
    "E-SERVER-04": Explanation(
        gettext_noop("More requests wait than the server takes, or one took longer than it may."),
        "503 Service Unavailable",
        gettext_noop(
            "Send the request again after the seconds of the header Retry-After, and fewer at once."
        ),
    ),
    "E-SERVER-05": Explanation(
        gettext_noop("A request is not written as the server expects it."),
        "POST /predict with a body that is no JSON",
        gettext_noop("Correct what the message names; /docs of the server shows what it takes."),
    ),
    "E-STUDIO-01": Explanation(
        gettext_noop(
            "onnxnn studio keeps a project in a folder of its own, and one process alone has it open."
        ),
        "onnxnn studio Documents",
        gettext_noop(
            "Give a new or empty folder, or that of a project. Where it is open already, use that page."
        ),
    ),
    "E-STUDIO-02": Explanation(
        gettext_noop(
            "A class is a folder, so its name has to be one on every system; and what a page asks for may "
            "have been removed by another page."
        ),
        "POST /studio/classes with the name a/b",
        gettext_noop("Choose another name, or load the page again to see what there is."),
    ),
    "E-STUDIO-03": Explanation(
        gettext_noop("Training needs two classes with two images each; exports need a training that ended."),
        "POST /studio/train of a project with one class",
        gettext_noop("Collect more images, wait for the training, or read why it ended."),
    ),
    "E-PACKAGE-01": Explanation(
        gettext_noop("A package that the call needs is missing or too old."),
        "import onnxnn  # without torch",
        gettext_noop("Install it as the message says; `onnxnn doctor` shows all versions."),
    ),
}
