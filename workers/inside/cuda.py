"""CUDA in a sandbox: what it is set to before student code runs."""

from __future__ import annotations

import os

import torch


def begin(devices: int) -> None:
    """Let this process find so many devices; nothing is initialised.

    CUDA counts those whose nodes are there, from zero. Convolutions calculate in float32 and not
    in TF32, as on a CPU, and by ways that give the same each time.
    """
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, range(devices)))
    cudnn = torch.backends.cudnn
    cudnn.allow_tf32, cudnn.deterministic, cudnn.benchmark = False, True, False
