"""How a run happens: schedules, replicas, checkpoints, observers and the loop."""
