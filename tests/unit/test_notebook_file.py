"""The committed walkthrough is that of one whole run, and fit to be read on a code host."""

from __future__ import annotations

import base64
import re

import nbformat
import pytest

from tests.conftest import PROJECT

NOTEBOOK = PROJECT / "notebooks" / "walkthrough.ipynb"
MAX_BYTES = 1_000_000
STEPS = 7
# Folders that only a machine has; the job's are those of SageMaker's containers.
LOCAL_PATH = re.compile(r"(?<![\w.:/-])/(?:home|Users|root|tmp|var/folders|usr|mnt)/")


@pytest.fixture(scope="module")
def notebook():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    return notebook


@pytest.fixture(scope="module")
def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(outputs) -> str:
    pieces = []
    for output in outputs:
        pieces.append(output.get("text", ""))
        pieces += [content for kind, content in output.get("data", {}).items() if kind.startswith("text/")]
    return "\n".join(pieces)


def test_every_cell_was_run_in_order_without_an_error(code):
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert {output.output_type for cell in code for output in cell.outputs} <= {
        "stream",
        "display_data",
        "execute_result",
    }


def test_no_warning_and_nothing_on_standard_error_is_kept(code):
    for cell in code:
        assert "Warning" not in texts(cell.outputs), cell.id
        assert [output.text for output in cell.outputs if output.get("name") == "stderr"] == [], cell.id


def test_it_is_small():
    assert NOTEBOOK.stat().st_size < MAX_BYTES


def test_it_names_no_folder_of_the_machine_that_ran_it(notebook):
    for cell in notebook.cells:
        text = cell.source + texts(cell.get("outputs", []))
        assert not LOCAL_PATH.search(text) and str(PROJECT) not in text, cell.id
        assert not cell.metadata.get("papermill")


def test_it_has_the_seven_steps_each_explained_before_it_is_run(notebook):
    headings = [cell.source.split("\n")[0] for cell in notebook.cells if cell.source.startswith("## Step")]
    assert [heading.split(":")[0] for heading in headings] == [f"## Step {n}" for n in range(1, STEPS + 1)]
    for before, cell in zip(notebook.cells, notebook.cells[1:], strict=False):
        if cell.source.startswith("## Step"):
            assert before.cell_type == "code"
            assert len(cell.source.split()) > 30, "a step deserves some sentences"


def test_its_links_lead_somewhere(notebook):
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = {line.lstrip("# ").replace(" ", "-") for line in prose.split("\n") if line.startswith("#")}
    for target in re.findall(r"\]\(([^)]+)\)", prose):
        if target.startswith("#"):
            assert target[1:] in headings
        elif not target.startswith("https://"):
            assert (NOTEBOOK.parent / target).is_file(), target


def test_its_run_was_a_full_one(code):
    parameters = next(cell.source for cell in code if "parameters" in cell.metadata.get("tags", []))
    assert 'data = "sample"' in parameters
    (accuracy,) = re.findall(r"(\d\d\.\d\d)%", texts(by_id(code, "accuracy-line").outputs))[:1]
    assert 88 < float(accuracy) < 96
    assert "All gone" in texts(by_id(code, "destroy").outputs)


def test_its_pictures_are_there(code):
    pictures = {
        cell.id: [
            output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})
        ]
        for cell in code
    }
    for name in PICTURES:
        (picture,) = pictures[name]
        assert base64.b64decode(picture).startswith(b"\x89PNG"), name
        assert len(picture) > 3_000, name


PICTURES = (
    "lengths",
    "coverage-curve",
    "curves-plot",
    "confusion",
    "calibration-plot",
    "comparison-plot",
    "influential-words",
    "latency-plot",
)


def by_id(cells, name):
    return next(cell for cell in cells if cell.id == name)
