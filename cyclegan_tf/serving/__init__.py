"""From a trained run to a server and those who ask it."""
