"""Public calls and attributes, and versions that do not work together."""
