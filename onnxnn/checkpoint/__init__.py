"""Files of a trained network, and the card that describes it."""
