"""One call of `train`: the job, what learns, and the loop around it."""
