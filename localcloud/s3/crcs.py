"""CRC32C and CRC64NVME, which Python lacks.

https://reveng.sourceforge.io/crc-catalogue/all.htm (CRC-32/ISCSI, CRC-64/NVME)
"""

import functools
from collections.abc import Sequence
from typing import Any

CRC32C_POLYNOMIAL = 0x82F63B78
CRC64NVME_POLYNOMIAL = 0x9A6C9329AC4BC9B5
"""With the highest power in the lowest bit, as these CRCs are computed."""
ROWS = (4096, 64)
"""Words of a row: many at first, which numpy adds at once, and then few, which leave few single bytes."""


class Crc:
    """A CRC of `size` bytes whose register begins with ones and is inverted at the end.

    A CRC is linear: what a register becomes past n zero bytes is the sum of what its bytes become. So content
    is laid out in rows of words that are as large as the register, and each row is added to the next one as
    what it becomes there. Only what is left in the end is read byte by byte, which Python does fifty times as
    slowly.
    """

    def __init__(self, polynomial: int, size: int):
        self._polynomial, self._size = polynomial, size
        self._ones = (1 << 8 * size) - 1
        self._value = self._ones

    def update(self, content: bytes, /) -> None:
        for words in ROWS:
            content = self._in_one_row(content, words)
        value, of_byte = self._value, _of_byte(self._polynomial)
        for byte in content:
            value = of_byte[(value ^ byte) & 0xFF] ^ (value >> 8)
        self._value = value

    def digest(self) -> bytes:
        return (self._value ^ self._ones).to_bytes(self._size, "big")

    def _in_one_row(self, content: bytes, words: int) -> bytes:
        """Shorter content that, from a register of zeros, has the same CRC."""
        import numpy as np

        size = self._size
        rows, rest = divmod(len(content), size * words)
        if rows < 2:
            return content
        laid_out = np.frombuffer(content, f"<u{size}", rows * words).reshape(rows, words)
        past_row = _past_zeros(self._polynomial, size, size * words)
        sums = laid_out[0].copy()
        sums[0] ^= sums.dtype.type(self._value)
        self._value = 0
        for row in laid_out[1:]:
            of_sums = sums.view(np.uint8).reshape(words, size)
            sums = row.copy()
            for place in range(size):
                sums ^= past_row[place][of_sums[:, place]]
        shorter: bytes = sums.tobytes() + content[len(content) - rest :]
        return shorter


@functools.cache
def _of_byte(polynomial: int) -> Sequence[int]:
    """What a register that holds only a byte becomes past one zero byte, by that byte."""
    table = list(range(256))
    for _ in range(8):
        table = [(value >> 1) ^ (polynomial if value & 1 else 0) for value in table]
    return table


@functools.cache
def _past_zeros(polynomial: int, size: int, count: int) -> Any:
    """What a register becomes past a power of two of zero bytes: by the place of a byte, and the byte."""
    import numpy as np

    of_byte = _of_byte(polynomial)
    of_bits = [of_byte[(1 << bit) & 0xFF] ^ ((1 << bit) >> 8) for bit in range(8 * size)]  # past one of them
    while count > 1:
        of_bits = [_sum_of(of_bits, value) for value in of_bits]
        count //= 2
    table = [[_sum_of(of_bits, byte << 8 * place) for byte in range(256)] for place in range(size)]
    return np.array(table, f"<u{size}")


def _sum_of(of_bits: Sequence[int], value: int) -> int:
    """What a register becomes, given what each of its bits does."""
    result = 0
    for becomes in of_bits:
        if value & 1:
            result ^= becomes
        value >>= 1
    return result
