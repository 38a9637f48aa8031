"""Which partition a key belongs to: a hash of its bytes, and the remainder."""

ROUND = [("a", "c", "b", 4), ("b", "a", "c", 6), ("c", "b", "a", 8)]
MIX = [*ROUND, ("a", "c", "b", 16), ("b", "a", "c", 19), ("c", "b", "a", 4)]
LAST = [("c", "b", 14), ("a", "c", 11), ("b", "a", 25), ("c", "b", 16)]
FINISH = [*LAST, ("a", "c", 4), ("b", "a", 14), ("c", "b", 24)]


def rotated(word, bits):
    return word << bits | word >> 32 - bits


def key_hash(key):
    """Jenkins' lookup3, of which 16 bits are kept, as a signed number."""
    data = key.encode()
    words = dict.fromkeys("abc", 0xDEADBEEF + len(data) & 0xFFFFFFFF)
    blocks = [data[at : at + 12].ljust(12, b"\0") for at in range(0, len(data), 12)]
    for block in blocks:
        for name, at in (("a", 0), ("b", 4), ("c", 8)):
            words[name] += int.from_bytes(block[at : at + 4], "little")
            words[name] &= 0xFFFFFFFF
        if block is blocks[-1]:
            for x, y, bits in FINISH:
                words[x] = (words[x] ^ words[y]) - rotated(words[y], bits) & 0xFFFFFFFF
        else:
            for x, y, z, bits in MIX:
                words[x] = (words[x] - words[y] ^ rotated(words[y], bits)) & 0xFFFFFFFF
                words[y] = words[y] + words[z] & 0xFFFFFFFF
    folded = (words["b"] ^ words["c"]) & 0xFFFF if data else 0
    return folded - 0x10000 if folded & 0x8000 else folded


def partition_of(key, partitions):
    return abs(key_hash(key)) % partitions


if __name__ == "__main__":
    for key in ("e1", "e2", "e3", "7", "7149583486996073602"):
        print(f"{key}: hash {key_hash(key)}, partition {partition_of(key, 4)} of 4")
