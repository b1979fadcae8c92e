"""Archives that would fill the disk, leave their folder or are broken: both unpacking modules refuse them."""

import gzip
import io
import tarfile
import zipfile

import pytest

import localcloud.containers.archives as cloud
import sentiment.archives as library
from localcloud.functions.errors import LambdaError
from localcloud.functions.pool import _unpack as unpack_package
from localcloud.sagemaker.errors import JobFailed
from localcloud.sagemaker.transfer import unpack as unpack_model
from sentiment.errors import ArchiveError

LIMITS = {"size": 3_000_000, "members": 20, "ratio": 10}
FILES = {
    "a.txt": b"a",
    "deep/er/" + "x" * 120: b"long name",
    "block": b"b" * 1024,
    "empty": b"",
    "é": b"c" * 70_000,
}


def member(name, size=0, **fields):
    info = tarfile.TarInfo(name)
    info.size = size
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def tar(*members, mode="w:gz"):
    """An archive of (TarInfo, content)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content) if content else None)
    return buffer.getvalue()


def good(mode="w:gz"):
    folder = (member("deep", type=tarfile.DIRTYPE, mode=0o755), b"")
    return tar(folder, *((member(name, len(content)), content) for name, content in FILES.items()), mode=mode)


@pytest.fixture(params=["localcloud", "sentiment"])
def unpack(request, tmp_path, monkeypatch):
    """Unpacks bytes by one of the modules; returns the folder. A refusal is the module's ArchiveError."""
    module, error = (cloud, cloud.ArchiveError) if request.param == "localcloud" else (library, ArchiveError)
    monkeypatch.setattr(module, "UNJUDGED_BYTES", 1_000_000)

    def run(content):
        file = tmp_path / "archive.tar.gz"
        file.write_bytes(content)
        run.folder.mkdir()
        if module is cloud:
            cloud.unpack_tar(file, run.folder, cloud.Limits(**LIMITS))
        else:
            library.unpack(file, run.folder, library.Limits(**LIMITS))
        return run.folder

    run.error, run.folder = error, tmp_path / "in" / "folder"
    run.folder.parent.mkdir()
    return run


def test_a_good_archive_comes_out_whole(unpack):
    folder = unpack(good())
    found = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert found == FILES


@pytest.mark.parametrize("kind", ["", "bz2", "xz"])
def test_the_library_reads_what_other_programs_pack(tmp_path, kind):
    file = tmp_path / "archive"
    file.write_bytes(good(f"w:{kind}"))
    library.unpack(file, tmp_path / "folder", library.DATASET)
    assert (tmp_path / "folder" / "block").read_bytes() == FILES["block"]


@pytest.mark.parametrize("kept", [0, 1, 9, 12, 60, -200, -8, -4, -1])
def test_a_truncated_archive_is_reported(unpack, kept):
    content = good()
    with pytest.raises(unpack.error, match="damaged or incomplete"):
        unpack(content[:kept])


@pytest.mark.parametrize("place", [15, 40, -40, -6])
def test_a_damaged_archive_is_reported(unpack, place):
    content = bytearray(good())
    content[place] ^= 0xFF
    with pytest.raises(unpack.error, match=r"damaged or incomplete|headers of more"):
        unpack(bytes(content))


def test_a_file_that_is_not_an_archive_is_reported(unpack):
    with pytest.raises(unpack.error, match="damaged or incomplete"):
        unpack(b"<Error><Code>NoSuchKey</Code></Error>")


def zeros(size):
    return member("zeros", size), b"\0" * size


def sparse(size):
    """A file of so many bytes, all of them a hole: its archive and what it takes on disk are tiny."""
    pax = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.map": f"{size},0"}
    return member(
        "sparse", 0, pax_headers=pax | {"GNU.sparse.size": str(size), "GNU.sparse.name": "sparse"}
    ), b""


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([zeros(2_000_000)], "more than 10 times its size"),
        ([(member(str(n), 0), b"") for n in range(21)], "more than 20 files"),
        ([(member("a", 200, type=tarfile.REGTYPE), b"x" * 200), sparse(10**12)], "more than 3,000,000 bytes"),
    ],
)
def test_an_archive_that_would_fill_the_disk_is_refused(unpack, members, reason):
    with pytest.raises(unpack.error, match=reason):
        unpack(tar(*members))


def test_an_archive_of_too_many_bytes_is_refused(unpack):
    noise = bytes(n * n % 251 ^ n >> 8 & 0xFF for n in range(2**20)) * 4
    with pytest.raises(unpack.error, match="more than 3,000,000 bytes"):
        unpack(tar((member("noise", len(noise)), noise)))


def test_what_is_unpacked_into_memory_has_a_limit_of_its_own(monkeypatch):
    assert cloud.gunzip(gzip.compress(b"x" * 1_000)) == b"x" * 1_000
    monkeypatch.setattr(cloud, "IN_MEMORY", cloud.Limits(size=999))
    with pytest.raises(cloud.ArchiveError, match="more than 999 bytes"):
        cloud.gunzip(gzip.compress(b"x" * 1_000))


@pytest.mark.parametrize("size", [10**9, 2**20 + 1, -512, -(2**40)])
def test_a_header_that_lies_about_its_size_is_refused(unpack, size):
    for kind in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.REGTYPE):
        info = member("x", size, type=kind)
        header = info.create_gnu_header({**info.get_info(), "type": kind}, "utf-8", "strict")
        unpack.folder = unpack.folder.with_name(f"folder-{kind[0]}")
        with pytest.raises(unpack.error):
            unpack(gzip.compress(header + b"\0" * 10_240))


def header(name="x", **fields):
    info = member(name, **fields)
    return info.create_gnu_header(info.get_info(), "utf-8", "strict")


def changed(content, place, new):
    """A header with other bytes at one place, and the right sum of all."""
    content = content[:place] + new + content[place + len(new) :]
    total = sum(content[:148]) + 8 * ord(" ") + sum(content[156:])
    return content[:148] + b"%06o\0 " % total + content[156:]


def extended(records, kind=tarfile.XHDTYPE):
    """A header that continues in `records`, padded to blocks."""
    return header(type=kind, size=len(records)) + records + b"\0" * (-len(records) % 512)


END = b"\0" * 1024
LIES = {
    "a sparse file without its map": changed(header(type=tarfile.GNUTYPE_SPARSE), 482, b"\1"),
    "a time after all clocks": changed(header(), 136, b"\x80" + (2**80).to_bytes(11, "big")) + END,
    "an infinite time": extended(b"13 mtime=inf\n") + header() + END,
    "a map that is no list of numbers": extended(b"20 GNU.sparse.map=a\n") + header() + END,
    "a name with a zero byte": extended(b"12 path=a\0b\n") + header() + END,
    "a hard link to nothing": header(type=tarfile.LNKTYPE, linkname="nothing") + END,
}


@pytest.mark.parametrize("content", LIES.values(), ids=LIES)
def test_whatever_tarfile_fails_at_is_reported_as_a_broken_archive(unpack, content):
    """It raises IndexError, OverflowError or KeyError for some of these."""
    with pytest.raises(unpack.error):
        unpack(gzip.compress(content))


@pytest.mark.parametrize(
    "headers",
    [
        extended(b"long\0", tarfile.GNUTYPE_LONGNAME) * 2_000,  # tarfile calls itself for each
        extended(b"a" * 10_240, tarfile.GNUTYPE_LONGNAME),
        # Before Python 3.11.10, tarfile looks behind each of the digits for the end of their number.
        extended(b"1" * 10_240),
        extended(b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n") + header() + b"99999\n" + b"9\n" * 5_120,
        changed(header(type=tarfile.GNUTYPE_SPARSE), 482, b"\1") + (b"\0" * 504 + b"\1" + b"\0" * 7) * 20,
    ],
    ids=["many", "a long name", "a long record", "a map of a sparse file", "an old map of a sparse file"],
)
def test_the_headers_of_a_member_are_limited_together(unpack, headers):
    with pytest.raises(unpack.error, match="headers of more than 10,240 bytes"):
        unpack(gzip.compress(headers + header() + END))


def test_members_that_are_not_unpacked_have_headers_of_their_own(tmp_path):
    """Twenty of them have as many bytes of headers as one may have."""
    file = tmp_path / "archive"
    folders = [(member(f"folder {number}", type=tarfile.DIRTYPE), b"") for number in range(30)]
    others = [(member(f"other {number}", 700), b"o" * 700) for number in range(30)]
    file.write_bytes(tar(*folders, *others, (member("wanted", 1), b"w")))
    library.unpack(file, tmp_path / "folder", library.DATASET, lambda name: not name.startswith("other"))
    assert [each.name for each in (tmp_path / "folder").iterdir()] == ["wanted"]


def test_the_longest_paths_of_linux_are_read(unpack):
    """A name of 4,095 bytes is one that no folder takes, and the reason says so."""
    with pytest.raises(unpack.error, match="File name too long"):
        unpack(gzip.compress(extended(b"a" * 4_095, tarfile.GNUTYPE_LONGNAME) + header() + END))


LINK = {"type": tarfile.SYMTYPE}
HARD = {"type": tarfile.LNKTYPE}


@pytest.mark.parametrize(
    "members",
    [
        [(member("../outside", 1), b"x")],
        [(member("a/../../outside", 1), b"x")],
        [(member("link", linkname="/etc", **LINK), b"")],
        [(member("link", linkname="../..", **LINK), b"")],
        [(member("hard", linkname="../../outside", **HARD), b"")],
        [(member("device", type=tarfile.CHRTYPE, devmajor=1, devminor=3), b"")],
        [(member("pipe", type=tarfile.FIFOTYPE), b"")],
        [(member("in", linkname=".", **LINK), b""), (member("in/x", 1), b"x")],
        [(member("in", linkname="x", **LINK), b""), (member("in", 1), b"x")],
        [(member("in", linkname="x", **LINK), b""), (member("hard", linkname="in", **HARD), b"")],
    ],
)
def test_links_out_and_through_links_and_devices_are_refused(unpack, members):
    with pytest.raises(unpack.error):
        unpack(tar(*members))
    assert list(unpack.folder.parent.iterdir()) == [unpack.folder]
    assert not [file for file in unpack.folder.rglob("*") if file.is_file()]


def test_localcloud_unpacks_links_within_the_folder(tmp_path):
    """As SageMaker does: a script may have put one into its model folder."""
    file = tmp_path / "model.tar.gz"
    file.write_bytes(tar((member("a", 1), b"x"), (member("b", linkname="a", **LINK), b"")))
    unpack_model(file, tmp_path / "model")
    assert (tmp_path / "model" / "b").read_bytes() == b"x"


def test_each_service_reports_a_broken_archive_in_its_own_words(tmp_path):
    file = tmp_path / "model.tar.gz"
    file.write_bytes(good()[:-20])
    with pytest.raises(
        JobFailed, match=r"Failed to extract model data archive from model\.tar\.gz: it is damaged"
    ):
        unpack_model(file, tmp_path / "model")
    with pytest.raises(LambdaError, match="deployment package cannot be unpacked: it is damaged"):
        unpack_package(b"not a zip", tmp_path / "task")


@pytest.mark.slow
def test_a_deployment_package_is_as_large_as_lambda_takes_it(tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package, package.open("zeros", "w") as file:
        for _ in range(251):
            file.write(b"\0" * 2**20)
    with pytest.raises(LambdaError, match="more than 262,144,000 bytes"):
        unpack_package(packed.getvalue(), tmp_path / "task")
    assert not (tmp_path / "task").exists()


@pytest.mark.parametrize("flag", [1, 0x40])
def test_an_encrypted_package_is_refused(tmp_path, flag):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("index.py", "x = 1")
    content = bytearray(packed.getvalue())
    for signature, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(signature) + place] |= flag
    with pytest.raises(LambdaError, match="cannot be unpacked"):
        unpack_package(bytes(content), tmp_path / "task")


@pytest.mark.slow
def test_compressed_input_of_a_transform_has_limits():
    assert cloud.gunzip(gzip.compress(b"good\n")) == b"good\n"
    for content in (gzip.compress(b"good\n")[:-3], b"good"):
        with pytest.raises(cloud.ArchiveError, match="damaged or incomplete"):
            cloud.gunzip(content)
    with pytest.raises(cloud.ArchiveError, match="more than 200 times its size"):
        cloud.gunzip(gzip.compress(b"\0" * 70_000_000))
