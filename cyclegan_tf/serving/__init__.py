"""From a trained run to people who use it."""
