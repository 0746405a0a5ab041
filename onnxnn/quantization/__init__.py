"""Smaller and faster files: INT8 and FP16, measured before they are kept."""
