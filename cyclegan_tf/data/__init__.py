"""Input pipeline: image sources, preprocessing, augmentation and training batches."""
