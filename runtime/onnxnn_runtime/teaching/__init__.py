"""Learning where a model runs: a frozen encoder, a head in closed form, and one file that holds both."""
