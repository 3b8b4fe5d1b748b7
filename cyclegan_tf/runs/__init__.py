"""Runs: training, opening, evaluating, converting and reporting. The only package with `Config`."""
