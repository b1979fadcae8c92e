"""A Dockerfile is read in time that grows with its size, whatever it contains."""

from pathlib import Path

import pytest

from localcloud.codebuild.dockerfile import build
from localcloud.codebuild.errors import BuildFailed

MANY = 1_000_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\n" * MANY + "HEALTHCHECK NONE", "HEALTHCHECK comes before the first FROM"),
        (f"FROM python{' ' * MANY}b", "builds only on Python's own images"),
        (f"FROM {'/python:' * (MANY // 8)} b", "builds only on Python's own images"),
    ],
    ids=["lines", "spaces", "images"],
)
def test_a_megabyte_that_is_no_image_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    (file := tmp_path / "Dockerfile").write_text(text, encoding="utf-8")
    with pytest.raises(BuildFailed, match=reason):
        build(file, tmp_path, tmp_path / "image", lambda locks, folder: "", lambda line: None)
