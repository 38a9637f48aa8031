"""Which partition a partition key belongs to: Event Hubs' own hash.

Jenkins' lookup3 (`hashlittle2`, both seeds 0) over the key's UTF-8 bytes, folded to 16 bits, as in the "port of
service code" of the .NET SDK (`PartitionResolver.cs`) and its Java and JavaScript twins. The Python SDK differs: its
`%` floors where theirs truncates, and it hashes code points instead of bytes.
"""

from __future__ import annotations

from functools import lru_cache

MASK = 0xFFFFFFFF


def _rotate(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (32 - bits))) & MASK


@lru_cache(maxsize=8192)  # a key takes 3 us without the cache, and most senders have few keys
def key_hash(key: str) -> int:
    """Return the signed 16-bit hash of `key`; 0 for the empty key."""
    data = key.encode()
    a = b = c = (0xDEADBEEF + len(data)) & MASK
    tail = max(0, (len(data) - 1) // 12 * 12)  # the last block, of 1 to 12 bytes, is finished differently

    for start in range(0, tail, 12):
        x, y, z = _words(data, start)
        a, b, c = _mix((a + x) & MASK, (b + y) & MASK, (c + z) & MASK)
    if data:
        x, y, z = _words(data, tail)
        _, b, c = _final((a + x) & MASK, (b + y) & MASK, (c + z) & MASK)

    folded = (b ^ c) & 0xFFFF
    return folded - 0x10000 if folded & 0x8000 else folded


def partition_of(key: str, partitions: int) -> int:
    """Return the partition, 0 to `partitions` - 1, that holds every event with `key`."""
    return abs(key_hash(key)) % partitions  # the remainder truncates towards zero, so its magnitude is this


def _words(data: bytes, start: int) -> tuple[int, int, int]:
    block = data[start : start + 12].ljust(12, b"\0")
    return (
        int.from_bytes(block[0:4], "little"),
        int.from_bytes(block[4:8], "little"),
        int.from_bytes(block[8:12], "little"),
    )


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    a = ((a - c) & MASK) ^ _rotate(c, 4)
    c = (c + b) & MASK
    b = ((b - a) & MASK) ^ _rotate(a, 6)
    a = (a + c) & MASK
    c = ((c - b) & MASK) ^ _rotate(b, 8)
    b = (b + a) & MASK
    a = ((a - c) & MASK) ^ _rotate(c, 16)
    c = (c + b) & MASK
    b = ((b - a) & MASK) ^ _rotate(a, 19)
    a = (a + c) & MASK
    c = ((c - b) & MASK) ^ _rotate(b, 4)
    b = (b + a) & MASK
    return a, b, c


def _final(a: int, b: int, c: int) -> tuple[int, int, int]:
    c = ((c ^ b) - _rotate(b, 14)) & MASK
    a = ((a ^ c) - _rotate(c, 11)) & MASK
    b = ((b ^ a) - _rotate(a, 25)) & MASK
    c = ((c ^ b) - _rotate(b, 16)) & MASK
    a = ((a ^ c) - _rotate(c, 4)) & MASK
    b = ((b ^ a) - _rotate(a, 14)) & MASK
    c = ((c ^ b) - _rotate(b, 24)) & MASK
    return a, b, c
