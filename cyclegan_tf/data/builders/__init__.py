"""Data sets that need no download: rendered from installed packages, with known ground truth."""
