"""What a program shows while it runs: progress bars, and images in notebooks."""
