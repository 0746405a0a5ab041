"""Stands in for BaseNN 2.0 in tests: classes of the same names, arguments and attributes."""

from .BaseNN import *  # noqa: F403
