"""The fastest setting of a model on this machine: measured once, kept in the user's cache folder."""
