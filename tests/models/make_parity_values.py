"""Writes what PyTorch gives in the cases of `test_parity.py`, for where there is no PyTorch.

PYTHONPATH=tests python tests/models/make_parity_values.py
"""

import json

import numpy as np
from test_parity import NETWORKS, STORED, TRAININGS, compute, sample


def main():
    entries = {}
    for case in NETWORKS + TRAININGS:
        theirs = compute(case)
        facts = {"shapes": theirs.shapes, "names": list(theirs.arrays), "losses": theirs.losses}
        entries[f"{case}/facts"] = np.array(json.dumps(facts))
        entries[f"{case}/samples"] = np.stack([sample(array) for array in theirs.arrays.values()])
    np.savez_compressed(STORED, **entries)


if __name__ == "__main__":
    main()
