"""Random streams: set from a seed, and made to depend on one where the student fixed their own."""

from __future__ import annotations

import operator
import random
import zlib
from typing import Any

import numpy as np
import torch

# torch.manual_seed looks for every kind of device, which in a fresh fork costs milliseconds.
_torch_seed = torch.manual_seed if torch.version.cuda else torch.default_generator.manual_seed
_numpy_seed, _random_seed = np.random.seed, random.seed
_default_rng = np.random.default_rng


def reseed(seed: int) -> None:
    """Set the global streams of torch, numpy and random."""
    _torch_seed(seed % (1 << 63))
    _numpy_seed(seed % (1 << 32))
    _random_seed(seed)


def mix_in(seed: int, namespace: dict[str, Any]) -> None:
    """From here on, have every seed that student code sets depend on `seed` as well.

    A fixed seed then stays fixed, but is another one. Changes modules of this process for good:
    for a fork that ends soon. Names of `namespace` that hold one of the functions change too.
    """

    def mixed(value: object) -> int:
        return zlib.crc32(f"{seed}:{_number(value)}".encode())

    def seed_torch(value: object) -> torch.Generator:
        return _torch_seed(mixed(value))

    def seed_numpy(value: object = None) -> None:
        _numpy_seed(mixed(value))

    def seed_random(value: object = None, version: int = 2) -> None:
        _random_seed(mixed(value), version)

    def new_rng(value: object = None) -> np.random.Generator:
        made = isinstance(value, np.random.Generator | np.random.BitGenerator)
        return _default_rng(value if made else mixed(value))  # type: ignore[arg-type]

    class TorchGenerator(torch.Generator, metaclass=_stand_in(torch.Generator)):  # type: ignore[metaclass]
        def manual_seed(self, value: int) -> torch.Generator:
            return super().manual_seed(mixed(value))

    class RandomState(np.random.RandomState, metaclass=_stand_in(np.random.RandomState)):  # type: ignore[metaclass]
        def __init__(self, value: object = None) -> None:
            super().__init__(mixed(value))

    class Random(random.Random, metaclass=_stand_in(random.Random)):  # type: ignore[metaclass]
        def seed(self, value: object = None, version: int = 2) -> None:
            super().seed(mixed(value), version)

    changes: list[tuple[Any, str, Any]] = [
        (torch, "manual_seed", seed_torch),
        (torch.random, "manual_seed", seed_torch),
        (torch, "Generator", TorchGenerator),
        (np.random, "seed", seed_numpy),
        (np.random, "default_rng", new_rng),
        (np.random, "RandomState", RandomState),
        (random, "seed", seed_random),
        (random, "Random", Random),
    ]
    changed = {id(getattr(module, name)): new for module, name, new in changes}
    for module, name, new in changes:
        setattr(module, name, new)
    for name, value in list(namespace.items()):
        if id(value) in changed:
            namespace[name] = changed[id(value)]


def _stand_in(base: type) -> Any:
    """A metaclass for a subclass in its base's place: objects of the base are its instances too."""
    return type(
        "StandIn",
        (type(base),),
        {"__instancecheck__": lambda cls, instance: isinstance(instance, base)},
    )


def _number(value: object) -> int:
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return zlib.crc32(repr(value).encode("utf-8", "replace"))
