"""What differs between feed-forward networks, language models, seq2seq networks and diffusion models."""

from . import denoiser, language_model, seq2seq
from .kind import NetworkKind, in_mode_of, kind_of, register, registered

__all__ = [
    "NetworkKind",
    "denoiser",
    "in_mode_of",
    "kind_of",
    "language_model",
    "register",
    "registered",
    "seq2seq",
]
