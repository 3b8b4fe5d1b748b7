"""Checkpoints of the official PyTorch code: reading, writing, and mapping files and keys."""
