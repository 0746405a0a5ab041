"""Networks that a single layer stands for, one readable file each."""
