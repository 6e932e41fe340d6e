"""Addresses of crypto-currencies, by their checksums: Bitcoin and Litecoin (base58check, bech32), Tron, Ethereum (EIP-55)."""

import hashlib
from collections.abc import Iterator

from streamguard.checks.text.matching import Pattern

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_SHAPE = Pattern(
    r"\b(?:[13LMT][1-9A-HJ-NP-Za-km-z]{25,33}|(?:bc1|tb1|ltc1)[02-9ac-hj-np-z]{11,71}|(?:BC1|TB1|LTC1)[02-9AC-HJ-NP-Z]{11,71}"
    r"|0x[0-9a-fA-F]{40})\b"
)
_VERSIONS = frozenset({0x00, 0x05, 0x30, 0x32, 0x41})
"""First bytes: Bitcoin's two, Litecoin's two, Tron's."""
_HASHED = 8
"""So many mixed-case Ethereum addresses of one text are hashed (each takes a third of a millisecond); the others are believed."""

LONGEST = 75


def wallets(text: str) -> Iterator[tuple[int, int]]:
    """Where addresses stand whose checksum is right."""
    hashed = 0
    for start, end in _SHAPE.spans(text):
        word = text[start:end]
        if word.startswith("0x"):
            mixed = word[2:].lower() != word[2:] and word[2:].upper() != word[2:]
            hashed += mixed
            right = not mixed or hashed > _HASHED or _eip55(word[2:])
            # A run of one digit is a null address or an example.
            right = right and len(set(word[2:].lower())) > 4
        elif "1" in word[2:4] and word[:3].lower() in ("bc1", "tb1", "ltc"):
            right = _bech32(word.lower())
        else:
            right = _base58check(word)
        if right:
            yield start, end


def _base58check(word: str) -> bool:
    number = 0
    for character in word:
        number = number * 58 + _BASE58.index(character)
    if number.bit_length() > 200:
        return False
    raw = number.to_bytes(25, "big")
    return raw[0] in _VERSIONS and hashlib.sha256(hashlib.sha256(raw[:21]).digest()).digest()[:4] == raw[21:]


def _bech32(word: str) -> bool:
    """BIP 173 and, for later witness versions, BIP 350."""
    prefix, _, data = word.partition("1")
    values = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + [_BECH32.index(c) for c in data]
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    return check in (1, 0x2BC830A3)


def _eip55(digits: str) -> bool:
    """Whether upper and lower case are those that the hash of the address gives."""
    hashed = _keccak256(digits.lower().encode()).hex()
    return all(c.isdigit() or c.isupper() == (h in "89abcdef") for c, h in zip(digits, hashed, strict=False))


_MASK = (1 << 64) - 1
_ROUNDS = (
    0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000, 0x000000000000808B, 0x0000000080000001,
    0x8000000080008081, 0x8000000000008009, 0x000000000000008A, 0x0000000000000088, 0x0000000080008009, 0x000000008000000A,
    0x000000008000808B, 0x800000000000008B, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
    0x000000000000800A, 0x800000008000000A, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
)  # fmt: skip
_RHO_PI = (
    (10, 1), (7, 3), (11, 6), (17, 10), (18, 15), (3, 21), (5, 28), (16, 36), (8, 45), (21, 55), (24, 2), (4, 14),
    (15, 27), (23, 41), (19, 56), (13, 8), (12, 25), (2, 43), (20, 62), (14, 18), (22, 39), (9, 61), (6, 20), (1, 44),
)  # fmt: skip
"""Where each lane goes (from lane 1 on) and by how many bits it turns."""


def _keccak256(message: bytes) -> bytes:
    """Keccak-256 of at most 135 bytes, with the padding from before it became SHA-3 (hashlib has only the later one)."""
    block = bytearray(message.ljust(136, b"\x00"))
    block[len(message)] ^= 0x01
    block[135] ^= 0x80
    lanes = [int.from_bytes(block[place : place + 8], "little") for place in range(0, 136, 8)] + [0] * 8
    for constant in _ROUNDS:
        columns = [lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] for x in range(5)]
        mixed = [columns[x - 1] ^ _turned(columns[(x + 1) % 5], 1) for x in range(5)]
        lanes = [lane ^ mixed[place % 5] for place, lane in enumerate(lanes)]
        carried = lanes[1]
        for place, turn in _RHO_PI:
            carried, lanes[place] = lanes[place], _turned(carried, turn)
        for row in range(0, 25, 5):
            a, b, c, d, e = lanes[row : row + 5]
            lanes[row : row + 5] = a ^ ~b & c, b ^ ~c & d, c ^ ~d & e, d ^ ~e & a, e ^ ~a & b
        lanes[0] ^= constant
    return b"".join((lane & _MASK).to_bytes(8, "little") for lane in lanes[:4])


def _turned(lane: int, bits: int) -> int:
    return (lane << bits | (lane & _MASK) >> (64 - bits)) & _MASK
