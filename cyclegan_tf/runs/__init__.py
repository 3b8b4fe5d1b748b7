"""Runs: training, opening, evaluating, converting and reporting them. Sees a whole `Config`."""
