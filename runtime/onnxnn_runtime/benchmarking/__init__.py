"""`benchmark`: how fast a model runs here, by device, threads and batch, and which setting is best."""
