"""A network as data, as a torch module, and what both say about sizes and memory."""
