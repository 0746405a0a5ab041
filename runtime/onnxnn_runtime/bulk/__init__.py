"""Feature vectors of many files: on one machine or many, in shards that a killed run resumes."""

from .embedder import Embedder
from .run import BulkResult, embed_files

__all__ = ["BulkResult", "Embedder", "embed_files"]
