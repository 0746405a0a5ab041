"""Running a trained network in torch."""
