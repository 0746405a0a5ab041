"""Arrays and columns as a network takes them."""
