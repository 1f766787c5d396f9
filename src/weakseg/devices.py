"""The device for networks."""

import torch


def device() -> torch.device:
    """An NVIDIA or AMD GPU (`cuda`), else an Apple GPU (`mps`), else the processor (`cpu`).

    No test of weakseg has run on `mps`; `autocast` computes in fp32 there.
    """
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
