"""What is kept of a password: other tests make hashes that take no time, the service does not."""

from __future__ import annotations

import importlib.util

from argon2 import PasswordHasher, Type, extract_parameters

from grader.services import people


def test_a_password_s_hash_takes_memory_and_time() -> None:
    spec = importlib.util.find_spec(people.__name__)
    assert spec is not None
    assert spec.loader is not None
    as_in_earnest = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(as_in_earnest)

    kept = as_in_earnest.password_hash("correct horse battery")
    assert PasswordHasher().verify(kept, "correct horse battery")
    made = extract_parameters(kept)
    assert made.type is Type.ID
    assert made.memory_cost >= 64 << 10  # KiB
    assert made.time_cost >= 3
