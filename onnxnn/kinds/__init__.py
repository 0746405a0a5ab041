"""What differs between networks that classify, write sequences from sequences, or denoise."""
