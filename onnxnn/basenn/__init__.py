"""Converting a checkpoint that BaseNN 2.0 wrote.

Such a checkpoint is a pickle of torch modules. Opening a pickle runs whatever its maker put into it, so it is
opened only where the user says to trust the file, and in a process of its own that hands back nothing but
numbers and plain data:

    parent                         child process (`child.py`)
    ------                         -----
    asks for trust        --->     imports BaseNN, unpickles
                                   writes network.json: the tree of modules, names and plain numbers
                                   writes tensors.npz: the weights
    reads both, strictly  <---
    turns the tree into layers (`translate`), builds them, fills in the weights, writes our checkpoint

The other process keeps the parent's memory clean; it is no sandbox, and what it runs has the user's rights.
"""

from .convert import import_checkpoint

__all__ = ["import_checkpoint"]
