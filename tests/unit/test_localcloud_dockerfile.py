"""A Dockerfile is carried out in time that grows with its size; its files get the modes that it states."""

import shutil
from pathlib import Path

import pytest

from localcloud.codebuild.dockerfile import build
from localcloud.codebuild.errors import BuildFailed
from tests.conftest import PROJECT

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


def test_our_images_user_can_read_the_files_of_a_private_checkout(tmp_path: Path) -> None:
    """One that was made with a umask of 077."""
    for name in ("serve/Dockerfile", "serve/server.py", "requirements/serve.lock"):
        file = tmp_path / "checkout" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / name, file)
        file.chmod(0o600)
    context, image = tmp_path / "checkout", tmp_path / "image"
    build(context / "serve/Dockerfile", context, image, lambda locks, folder: "python", lambda line: None)
    [server] = image.glob("*/opt/serve/server.py")
    assert server.stat().st_mode & 0o777 == 0o755


def test_a_mode_is_given_to_all_that_is_copied(tmp_path: Path) -> None:
    (tmp_path / "code" / "inner").mkdir(parents=True)
    (tmp_path / "code" / "inner" / "main.py").touch(mode=0o600)
    text = 'FROM python:3.12\nCOPY --chmod=0751 code /code\nENTRYPOINT ["python", "/code/inner/main.py"]\n'
    (file := tmp_path / "Dockerfile").write_text(text, encoding="utf-8")
    build(file, tmp_path, tmp_path / "image", lambda locks, folder: "python", lambda line: None)
    [folder] = (tmp_path / "image").glob("*/code")
    assert {each.stat().st_mode & 0o777 for each in (folder, *folder.rglob("*"))} == {0o751}


@pytest.mark.parametrize("mode", [0o644, 0o444, 0])
def test_an_image_can_be_built_and_removed_whatever_modes_it_states(mode: int, tmp_path: Path) -> None:
    """In Docker, root builds and removes images, whom modes do not hold up."""
    (tmp_path / "code" / "inner").mkdir(parents=True)
    (tmp_path / "code" / "inner" / "main.py").touch()
    text = f"FROM python:3.12\nCOPY --chmod={mode:03o} code /code\nCOPY Dockerfile /code/inner/\n"
    text += 'ENTRYPOINT ["python", "/code/inner/main.py"]\n'
    (file := tmp_path / "Dockerfile").write_text(text, encoding="utf-8")
    build(file, tmp_path, tmp_path / "image", lambda locks, folder: "python", lambda line: None)
    [folder] = (tmp_path / "image").glob("*/code")
    assert folder.stat().st_mode & 0o777 == mode | 0o700
    assert (folder / "inner" / "main.py").stat().st_mode & 0o777 == mode | 0o600
    shutil.rmtree(tmp_path / "image")


@pytest.mark.parametrize("options", ["--chmod=u+x", "--chown=1", "--chmod=755 --from=packages", "--link"])
def test_other_options_of_copy_are_refused_by_name(options: str, tmp_path: Path) -> None:
    (file := tmp_path / "Dockerfile").write_text(f"FROM python:3.12\nCOPY {options} a /a\n", encoding="utf-8")
    with pytest.raises(BuildFailed, match="it takes --from=STAGE or --chmod=755, alone"):
        build(file, tmp_path, tmp_path / "image", lambda locks, folder: "", lambda line: None)
