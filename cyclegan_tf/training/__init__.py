"""Training a run: schedules, replicas, checkpoints, observers and the loop."""
