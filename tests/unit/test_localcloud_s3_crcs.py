"""The CRCs that Python lacks, against their published check values, and against zlib's, which it has."""

import random
import zlib

import pytest

from localcloud.s3.crcs import CRC32C_POLYNOMIAL, CRC64NVME_POLYNOMIAL, Crc

ROW = 4096 * 8
CONTENT = random.Random(1).randbytes(5 * ROW + 77)


def crc(polynomial: int, size: int, *pieces: bytes) -> str:
    computed = Crc(polynomial, size)
    for piece in pieces:
        computed.update(piece)
    return computed.digest().hex()


# https://reveng.sourceforge.io/crc-catalogue/all.htm: the values of "check"
@pytest.mark.parametrize(
    ("polynomial", "size", "check"),
    [(CRC32C_POLYNOMIAL, 4, "e3069283"), (CRC64NVME_POLYNOMIAL, 8, "ae8b14860a799888")],
)
def test_a_crc_has_its_check_value_in_any_pieces(polynomial: int, size: int, check: str) -> None:
    assert crc(polynomial, size, b"123456789") == check
    assert crc(polynomial, size, b"", b"1234", b"", b"56789") == check
    whole = crc(polynomial, size, CONTENT)
    for length in (1000, 2 * ROW, 2 * ROW + 1):
        pieces = [CONTENT[begin : begin + length] for begin in range(0, len(CONTENT), length)]
        assert crc(polynomial, size, *pieces) == whole


@pytest.mark.parametrize("length", [0, 1, 255, 512, 513, 2 * ROW - 1, 2 * ROW, 2 * ROW + 1, len(CONTENT)])
def test_long_content_has_the_crc_that_zlib_computes(length: int) -> None:
    crc32 = 0xEDB88320
    assert crc(crc32, 4, CONTENT[:length]) == f"{zlib.crc32(CONTENT[:length]):08x}"
