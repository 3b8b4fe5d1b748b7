"""Evaluating trained models: errors against the target and of the cycle, reports, comparisons."""
