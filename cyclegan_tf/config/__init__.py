"""The configuration of a run: its options, their bounds and the combinations that are rejected."""
