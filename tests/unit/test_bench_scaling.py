"""What docs/scaling.md derives from the measurements, and that it says how busy the machine was."""

from __future__ import annotations

import json

import pytest

from benchmarks import scaling, scaling_report

TRAINING = [
    {
        **{"hosts": hosts, "processes": processes, "shared": shared, "steps": 4, "batch": 64},
        **{
            "step_seconds": 0.4,
            "processor_seconds": 0.1,
            "communication_seconds": 0.02,
            "reviews_per_second": 640.0,
            "gradient_mb": 10.0,
        },
    }
    for hosts, processes in ((1, 1), (1, 2), (2, 1))
    for shared in (True, False)
]
RESULT = {
    "quick": True,
    "machine": {
        **{"cores": 2, "processor": "P", "memory_gib": 24, "system": "Linux"},
        "versions": {"python": "3.11"},
    },
    "training": {"measured": "2026-11-29 02:30", "load": [1.0, 30.0], "rows": TRAINING},
    "preparing": {
        **{"measured": "2026-11-29 02:40", "load": [2.0, 2.0]},
        "rows": [{"processes": 1, "reviews": 10, "reviews_per_second": 300.0, "processor_seconds": 0.01}],
    },
    "memory": {
        **{"measured": "2026-11-29 02:40", "load": [2.0, 2.0]},
        "rows": [
            {"reviews": 10, "peak_mb": 100.0, "seconds": 1},
            {"reviews": 400, "peak_mb": 103.0, "seconds": 9},
        ],
    },
    "fitting": {
        **{"measured": "2026-11-29 02:40", "load": [2.0, 2.0]},
        "rows": [{"reviews": 1000, "peak_mb": 300.0}, {"reviews": 2000, "peak_mb": 400.0}],
    },
}


def test_time_and_price_of_the_fleet_follow_from_a_step_and_what_it_sends():
    hours = scaling_report.on_paper(TRAINING[0], 1000)
    steps = 100e6 / (64 * 16)
    sending = 2 * 15 / 16 * 10 * 8 / 1250  # megabits over Mbit/s
    assert hours["training, an epoch"] == pytest.approx(steps * (0.05 + sending) / 3600)
    assert hours["of it in communication"] == pytest.approx(steps * sending / 3600)
    assert hours["preparing"] == pytest.approx(100e6 / 1000 / 16 / 3600)


def test_the_document_has_its_figures_its_assumptions_and_how_busy_the_machine_was(tmp_path):
    assert scaling_report.write(RESULT, tmp_path) == ["scaling.md", "bench-scaling.svg"]
    text = (tmp_path / "scaling.md").read_text()
    assert "| 2 hosts | 64 | 640 | 400 | 20 | 100 |" in text
    assert "load average was 1.0 to 30.0 meanwhile: other work took most of it" in text
    assert "103 MB (+3%)" in text and "10 GB for 100,000" in text
    assert "What this assumes" in text and "A quick run: not to be quoted" in text
    assert (tmp_path / "bench-scaling.svg").read_bytes().startswith(b"<?xml")


def test_the_synthetic_reviews_are_what_preparing_reads(tmp_path):
    scaling.write_reviews(tmp_path / "lines", 20, seed=1)
    [file] = (tmp_path / "lines").iterdir()
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(rows) == 20 and {row["sentiment"] for row in rows} == {0, 1}
    assert {len(row["review"].split()) for row in rows} == {scaling_report.SYNTHETIC_WORDS}
