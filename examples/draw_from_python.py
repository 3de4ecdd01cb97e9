"""Draw a small ticket from Python, save it, load it, and use the network it builds.

python examples/draw_from_python.py [EPOCHS]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch

import scratchticket as st


def main(epochs: int) -> None:
    """Draw, save, load, predict."""
    data = st.load_data("digits")
    ticket = st.draw_ticket(
        data,
        st.NetworkRecipe("resnet18", width=8),
        ratio=0.1,
        attack=st.AttackRecipe("pgd", epsilon=0.1, steps=7),
        learning=st.LearningRecipe(epochs=epochs),
        seed=0,
    )
    path = Path(tempfile.mkdtemp()) / "ticket.safetensors"
    ticket.save(path)

    network = st.Ticket.load(path).build()  # a plain module: pixels in [0, 1] to logits
    images = data.test.images[:4].float() / 255
    with torch.no_grad():
        predicted = network(images).argmax(dim=1)
    print("predicted", predicted.tolist(), "labels", data.test.labels[:4].tolist())
    print("natural ", st.natural_accuracy(network, data.test))
    print(
        "robust  ", st.robust_accuracy(network, data.test, st.AttackRecipe(epsilon=0.1, steps=20))
    )
    print(f"{path.stat().st_size:,} bytes for {ticket.mask}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
