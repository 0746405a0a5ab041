"""Files that a call writes."""
