"""How many samples a batch has."""

from __future__ import annotations

__all__ = ["batch_sizes", "default_batch_size"]


def default_batch_size(count: int) -> int:
    """Return the default batch size for so many images: 8, 16 or 32.

    An epoch then has at least eight steps, down to 64 images. Fewer steps teach a network with batch
    normalisation too little in the epochs that people train for: 20 epochs of 48 images are 40 steps of 32,
    and 120 of 8.
    """
    return next((size for size in (32, 16) if 8 * size <= count), 8)


def batch_sizes(count: int, batch_size: int) -> list[int]:
    """Return the sizes of the batches of so many samples; a last batch of one joins the batch before it."""
    full, rest = divmod(count, batch_size)
    if rest == 1 and full and batch_size > 1:
        return [batch_size] * (full - 1) + [batch_size + 1]
    return [batch_size] * full + [rest] * (rest > 0)
