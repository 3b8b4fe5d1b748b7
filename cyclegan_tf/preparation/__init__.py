"""Preparation of data sets: checking, splitting, cropping faces, downloading and packing."""
