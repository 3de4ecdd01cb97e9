"""Write the packaged digits: ``python tools/make_digits.py`` (needs scikit-learn).

The images are the 1,797 test images of the UCI "Optical Recognition of Handwritten Digits" data set
(Alpaydin and Kaynak, 1998; https://doi.org/10.24432/C50P49; licence CC BY 4.0), in scikit-learn's
copy. Pixels are rescaled from 0..16 to 0..255. The split is drawn once, here, class by class, and
stored: it belongs to the data set and depends on no seed of any run.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

VALIDATION, TEST = 180, 360
TARGET = Path(__file__).parents[1] / "src/scratchticket/data/digits.npz"


def shares(counts: np.ndarray, total: int) -> np.ndarray:
    """Split ``total`` over the classes in proportion to ``counts`` (largest remainders)."""
    whole: np.ndarray
    exact = counts * total / counts.sum()
    whole = np.floor(exact).astype(int)
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[: total - whole.sum()]] += 1
    return whole


def main() -> None:
    """Write the file."""
    digits = load_digits()
    pixels = np.round(digits.images * 255 / 16).astype(np.uint8)
    labels = digits.target.astype(np.uint8)
    counts = np.bincount(labels)
    random = np.random.Generator(np.random.Philox(key=1797))
    split = np.zeros(len(labels), dtype=np.uint8)  # 0 train, 1 validation, 2 test
    for label, (validation, test) in enumerate(
        zip(shares(counts, VALIDATION), shares(counts, TEST), strict=True)
    ):
        members = random.permutation(np.flatnonzero(labels == label))
        split[members[:test]] = 2
        split[members[test : test + validation]] = 1
    np.savez_compressed(TARGET, images=pixels, labels=labels, split=split)
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes, split {np.bincount(split)}")


if __name__ == "__main__":
    main()
