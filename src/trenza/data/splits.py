"""The split rules of the sources, in one place: a hash of a stable key decides, never a list."""

import hashlib


def is_test(key: str, one_in: int) -> bool:
    """True for about one key in `one_in`: SHA-256 of the key, as an integer, is 0 modulo `one_in`."""
    return int(hashlib.sha256(key.encode()).hexdigest(), 16) % one_in == 0
