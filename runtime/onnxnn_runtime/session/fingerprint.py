"""What distinguishes one model from another: the SHA-256 of its graph and weights."""

from __future__ import annotations

from .protobuf import fields_of, message_of

_COMPUTING = {7: b"graph", 8: b"opset", 25: b"function"}
"""The fields of `ModelProto` that decide what a model computes; weights lie in the graph."""


def fingerprint(content: bytes) -> str:
    """Return the SHA-256 of what a model computes with: its graph, weights, operator versions and functions.

    Metadata do not count, so that a new card does not make a new model.

    Args:
        content: A whole ONNX file, which `inspect` has read.

    Returns:
        64 hexadecimal digits.
    """
    import hashlib  # here, because OpenSSL takes megabytes

    digest = hashlib.sha256()
    for number, value in fields_of(memoryview(content)):
        if number in _COMPUTING:
            message = message_of(value)
            digest.update(b"%s %d\n" % (_COMPUTING[number], len(message)))
            digest.update(message)
    return digest.hexdigest()
