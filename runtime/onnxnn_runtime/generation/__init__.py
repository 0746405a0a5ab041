"""Writing text, and sequences from sequences."""
