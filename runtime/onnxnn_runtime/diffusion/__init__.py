"""Sampling images from a diffusion model."""
