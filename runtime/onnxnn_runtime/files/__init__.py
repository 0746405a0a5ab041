"""Opening regular files alone, and writing them whole or not at all."""
