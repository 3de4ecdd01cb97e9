"""Digits: 1,797 real 8x8 handwritten digits that ship with the package.

From scikit-learn's copy of the UCI "Optical Recognition of Handwritten Digits" test set (Alpaydin
and Kaynak, 1998; doi 10.24432/C50P49; CC BY 4.0). One grey channel, ``uint8 = round(v * 255 /
16)``. The stratified split into 1,257 training, 180 validation and 360 test images was drawn once
and is stored in the file; all parts contain digits of the same writers.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import torch

from scratchticket.data.imageset import Data, ImageSet


def load_digits() -> Data:
    """Return the packaged digits."""
    path = files("scratchticket.data").joinpath("digits.npz")
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        images = torch.from_numpy(stored["images"]).unsqueeze(1)  # (1797, 1, 8, 8)
        labels = torch.from_numpy(stored["labels"].astype(np.int64))
        split = torch.from_numpy(stored["split"])
    everything = ImageSet(images, labels)
    train = everything[split == 0]
    return Data(
        name="digits",
        classes=tuple(str(digit) for digit in range(10)),
        train=train,
        validation=everything[split == 1],
        test=everything[split == 2],
        mean=(0.0,),
        std=(1.0,),
    )
