"""Feature vectors with names and labels that are searched for what is most similar."""
