"""The two unpaired domains: where pictures come from and how they become batches."""
