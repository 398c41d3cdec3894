"""Activations on disk: written, and read again."""
