"""The parts of scripts/parity_ledger.py: files, runtimes, and the table of their differences."""
