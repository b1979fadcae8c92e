"""The packages that a training job installs by its requirements.txt, over real HTTP, with boto3."""

import json

import pytest
from localcloud_sagemaker_fixtures import TRAIN, aws, make_wheel

__all__ = ["aws"]


@pytest.mark.slow
def test_a_second_job_with_the_same_requirements_installs_nothing(aws, tmp_path):
    make_wheel(tmp_path, "tiny_kept", "WORD = 'kept'\n")
    script = "import sys, tiny_kept; print(tiny_kept.WORD, 'tiny_extra' in sys.modules)"

    def log(requirements: str) -> list[str]:
        source = aws.put_source(script, **{"requirements.txt": requirements})
        hyperparameters = {"sagemaker_submit_directory": json.dumps(source), "sagemaker_program": "train.py"}
        name = aws.train(
            HyperParameters=hyperparameters,
            Environment={"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)},
        )
        assert aws.trained(name)["TrainingJobStatus"] == "Completed"
        return aws.job_log(name)

    first, second, third = log("tiny_kept==1\n"), log("tiny_kept==1\n"), log("tiny_kept\n")
    assert [any("Successfully installed" in line for line in each) for each in (first, second, third)] == [
        True,
        False,
        True,
    ]
    assert all("kept False" in each for each in (first, second, third))


def test_requirements_are_installed_for_one_job_alone(aws, tmp_path):
    wheel = make_wheel(tmp_path, "tiny_extra", "WORD = 'installed'\n")
    source = aws.put_source("import tiny_extra; print(tiny_extra.WORD)", **{"requirements.txt": str(wheel)})
    name = aws.train({"sagemaker_submit_directory": source})
    job = aws.trained(name)
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    assert "installed" in aws.job_log(name)
    without = aws.trained(aws.train(script="import tiny_extra"))
    assert "ModuleNotFoundError" in without["FailureReason"]
    broken = aws.put_source(TRAIN, **{"requirements.txt": "no-such-file.whl"})
    job = aws.trained(aws.train({"sagemaker_submit_directory": broken}))
    assert job["FailureReason"].startswith("AlgorithmError: InstallRequirementsError:")


def test_commands_see_what_requirements_install(aws, tmp_path):
    """`python`, and the commands of packages that all jobs share, as gunicorn and torchrun."""
    wheel = make_wheel(tmp_path, "tiny_command", "print('imported')\n")
    script = """
import subprocess
for command in (["python", "-c", "import tiny_command"], ["gunicorn", "--check-config", "tiny_command:x"]):
    print(command[0], "imported" in subprocess.run(command, capture_output=True, text=True).stdout)
"""
    source = aws.put_source(script, **{"requirements.txt": str(wheel)})
    name = aws.train({"sagemaker_submit_directory": source})
    job = aws.trained(name)
    assert job["TrainingJobStatus"] == "Completed", job["FailureReason"]
    assert {"python True", "gunicorn True"} <= set(aws.job_log(name))
