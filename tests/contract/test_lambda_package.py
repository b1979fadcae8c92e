"""What the Lambda imports, which a cold start pays for."""

from __future__ import annotations

import ast
import subprocess
import sys

from lambda_fixtures import ENVIRONMENT, LAMBDA


def test_it_needs_nothing_but_the_standard_library_and_boto3():
    host_independent = {"api", "body", "errors", "feedback", "measures", "rollout"}
    standard = {*sys.stdlib_module_names, "sentiment_api"}
    for file in LAMBDA.rglob("*.py"):
        allowed = standard if file.stem in host_independent else standard | {"boto3", "botocore"}
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= allowed, file


def test_importing_it_loads_nothing_beyond_boto3_but_itself():
    """A cold start pays for each module."""
    program = (
        "import sys, boto3, botocore.config; boto3.client('sagemaker-runtime');"
        f"sys.path.insert(0, {str(LAMBDA)!r});"
        "before = set(sys.modules); import sentiment_api.app; print(*sorted(set(sys.modules) - before))"
    )
    environment = ENVIRONMENT | {"PATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
    brought = done.stdout.decode().split()
    assert "sentiment_api.app" in brought
    assert [name for name in brought if name.partition(".")[0] != "sentiment_api"] == []
