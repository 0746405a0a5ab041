"""What stands in the place of a stream."""

from __future__ import annotations


class OnlyWrites:
    """What many windowed programs put in the place of a stream."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass
