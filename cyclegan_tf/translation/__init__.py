"""Translating files with a trained run."""
