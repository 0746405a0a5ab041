"""Smaller and faster files of INT8, measured before they are kept."""
