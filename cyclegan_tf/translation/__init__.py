"""From a trained run to translated files."""
