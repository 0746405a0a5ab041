"""Loading training data: class folders, CSV files, .npz files, arrays."""

from .arrays import from_arrays
from .batches import Batches
from .dataset import Data
from .images import load_images
from .label_mapping import LabelMapping
from .npz import load_npz
from .preparation import BY_INDEX, Preparation
from .tables import load_table

__all__ = [
    "BY_INDEX",
    "Batches",
    "Data",
    "LabelMapping",
    "Preparation",
    "from_arrays",
    "load_images",
    "load_npz",
    "load_table",
]
