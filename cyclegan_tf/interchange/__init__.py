"""Checkpoints of the authors' PyTorch code: what their files and keys mean, read and written."""
