"""Decoding images, and text in them."""
