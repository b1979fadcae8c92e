"""The machines of a job: impossible choices are refused at once."""

from __future__ import annotations

import pytest

from pipeline import bill
from pipeline.__main__ import main


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--instances", "0"], "INSTANCES=0: a job has 1 to 100 instances"),
        (["--instances", "101"], "INSTANCES=101: a job has 1 to 100 instances"),
        (["--instances", "four"], "argument --instances: invalid int value: 'four'"),
        (
            ["--instances", "65", "--set", "batch_size=64"],
            "INSTANCES=65: the instances share each batch, which has 64 reviews; use fewer instances or a "
            "larger batch (SET=batch_size=65)",
        ),
        (
            ["--train-instance-type", "ml.m5.xlrage"],
            "INSTANCE_TYPE=ml.m5.xlrage: SageMaker has no such type for training jobs; "
            "did you mean ml.m5.xlarge?",
        ),
        (["--train-instance-type", "m5.xlarge"], "jobs; did you mean ml.m5.xlarge?"),
        (["--transform-instance-type", "ml.p5.48xlarge"], "no such type for transform jobs"),
        (["--on", "sagemaker", "--train-instance-type", "ml.p5.48xlarge"], "type for processing jobs"),
        (
            ["--on", "sagemaker", "--data", "aclimdb", "--recipe", "semi"],
            "the recipe semi learns from unlabelled",
        ),
        (["--on", "moon"], "argument --on: invalid choice: 'moon'"),
        (["--spot", "yes"], "argument --spot: invalid choice: 'yes'"),
    ],
)
def test_impossible_machines_are_refused_before_anything_is_made(capsys, options, said):
    try:
        status = main(["train", *options])
    except SystemExit as ended:
        status = ended.code
    printed = capsys.readouterr()
    assert status in (1, 2) and said in printed.err and printed.err.count("\n") == 1 and not printed.out


def test_an_hour_of_machines_is_paid_for_each_and_no_price_is_made_up():
    assert bill.hourly("ml.m5.xlarge", 4) == pytest.approx(0.92)
    assert bill.hourly("ml.x9.huge", 4) is None
