"""The configuration of a run: its options, their bounds and what they must not contradict."""
