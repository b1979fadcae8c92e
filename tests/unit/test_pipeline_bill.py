"""What AWS would charge, compared with sums made by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from pipeline import bill
from pipeline.settings import PipelineError, Settings


def test_an_hour_of_training_costs_the_hourly_price_of_each_instance():
    job = {
        "BillableTimeInSeconds": 1800,
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2},
    }
    line = bill.training(job)
    assert (line.quantity, line.unit) == (1, "hours")
    assert line.dollars == pytest.approx(0.23)


def test_a_transform_job_is_billed_from_start_to_end():
    start = datetime(2026, 1, 1)
    job = {
        "TransformStartTime": start,
        "TransformEndTime": start + timedelta(minutes=6),
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    assert bill.transform(job).dollars == pytest.approx(0.0115)


def test_an_instance_without_a_price_is_named():
    job = {"BillableTimeInSeconds": 1, "ResourceConfig": {"InstanceType": "ml.x9.huge", "InstanceCount": 1}}
    with pytest.raises(PipelineError, match=r"ml\.x9\.huge"):
        bill.training(job)


def test_the_default_instances_have_prices():
    defaults = Settings()
    assert {defaults.train_instance_type, defaults.transform_instance_type} <= bill.INSTANCE_HOUR.keys()


def test_a_serverless_endpoint_is_billed_by_memory_and_second_and_by_what_it_carries():
    busy, carried = bill.serverless_inference(10, 3072, 2_000_000_000)
    # 3 GB cost $0.00006 a second.
    assert busy.dollars == pytest.approx(10 * 0.00006)
    assert carried.dollars == pytest.approx(0.032)


def test_a_lambda_is_billed_by_its_report_lines():
    log = [
        "START RequestId: 1 Version: $LATEST",
        "REPORT RequestId: 1\tDuration: 12.34 ms\tBilled Duration: 500 ms\tMemory Size: 256 MB\t"
        "Max Memory Used: 60 MB\tInit Duration: 200.00 ms",
        "REPORT RequestId: 2\tBilled Duration: 1500 ms\tMemory Size: 512 MB\tMax Memory Used: 60 MB\n",
        '{"message": "a text that says REPORT Billed Duration: 9 ms Memory Size: 1 MB"}',
    ]
    time, calls = bill.function(log)
    assert time.quantity == pytest.approx(0.5 * 0.25 + 1.5 * 0.5)
    assert time.dollars == pytest.approx(0.875 * 0.0000133334)
    assert calls.quantity == 2
    assert calls.dollars == pytest.approx(2 * 0.0000002)


@pytest.mark.parametrize(("size", "counted"), [(0, 1), (512 * 1024, 1), (512 * 1024 + 1, 2)])
def test_a_large_request_counts_several_times(size, counted):
    assert bill.http_api([size]).quantity == counted


def test_storage_is_billed_by_the_share_of_a_month():
    kept, put = bill.storage([2**30, 2**30], hours=365)
    assert kept.dollars == pytest.approx(0.023)
    assert put.dollars == pytest.approx(0.00001)


def test_the_total_is_the_sum():
    lines = bill.storage([2**30], hours=730)
    assert bill.total(lines) == pytest.approx(0.023 + 0.000005)
    assert bill.total([]) == 0
