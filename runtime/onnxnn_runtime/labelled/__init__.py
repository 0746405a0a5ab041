"""Samples with their labels, as measuring a model takes them."""
