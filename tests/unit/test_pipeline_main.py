"""`python -m pipeline`: what is wrong is one line that says what to do."""

from __future__ import annotations

import io
import tarfile

import boto3
import pytest

from pipeline import aws
from pipeline.__main__ import main
from project.console import say
from tests.unit.sentiment_fixtures import model_folder

REGION, PROFILE = ("AWS_REGION", "AWS_DEFAULT_REGION"), ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@pytest.fixture
def nobody(monkeypatch, tmp_path):
    """Who has neither region nor credentials, nor a machine that AWS gives any."""
    for name in (*REGION, *PROFILE, *KEYS, "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # remembers the credentials of an earlier test
    aws.client.cache_clear()
    yield
    aws.client.cache_clear()


def failure(capsys, *arguments: str) -> str:
    """The one line on standard error of a step that cannot be done."""
    try:
        status = main([*arguments])
    except SystemExit as ended:
        status = ended.code
    error = capsys.readouterr().err
    assert status in (1, 2)
    assert error.startswith("error: ") and error.count("\n") == 1, error
    return error


@pytest.mark.slow
def test_without_a_region_or_credentials_it_says_what_to_set(nobody, capsys, monkeypatch):
    for step in ("check", "summary"):
        assert main([step]) == 1
        said = capsys.readouterr()
        assert said.err.startswith("error: no AWS region is set: export AWS_DEFAULT_REGION")
        assert not said.out, "nothing is announced that then does not come"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-esat-1")
    assert "SageMaker is not available in the region 'us-esat-1'" in failure(capsys, "check")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    said = failure(capsys, "summary")
    assert "export AWS_PROFILE" in said and "`make demo`" in said


@pytest.mark.parametrize("stack", ["my stack", "my_stack", "1st", "", "s" * 36])
def test_a_name_that_no_stack_can_have_costs_nothing(capsys, stack):
    assert "a letter, then up to 34 letters, digits and hyphens" in failure(
        capsys, "summary", "--stack", stack
    )


@pytest.mark.parametrize("pair", ["epochs", "=3"])
def test_a_setting_is_a_name_and_a_value(capsys, pair):
    assert f"'{pair}' is not NAME=VALUE" in failure(capsys, "train", "--set", pair)


def test_what_the_terminal_cannot_show_is_escaped(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, "ascii"))
    say("read: café \udce9.csv")
    assert written.getvalue() == rb"   read: caf\xe9 \udce9.csv" + b"\n"


@pytest.mark.parametrize("part", [0.5, 0.99])
def test_a_model_archive_that_is_cut_off(capsys, tmp_path, part):
    whole, cut = tmp_path / "whole.tar.gz", tmp_path / "cut.tar.gz"
    with tarfile.open(whole, "w:gz") as archive:
        archive.add(model_folder(), ".")
    content = whole.read_bytes()
    cut.write_bytes(content[: int(len(content) * part)])
    said = failure(capsys, "package", "--model", str(cut), "--build", str(tmp_path / "build"))
    assert f"MODEL={cut} is not a readable model.tar.gz" in said
