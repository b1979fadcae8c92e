"""Run the walkthrough from top to bottom and keep its outputs, small and without traces of this machine.

    localcloud run -- python notebooks/execute.py [--output FILE] [--parameters JSON]

Without --output the notebook gets its own outputs, but only if every cell has succeeded.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
import papermill
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from PIL import Image
from traitlets.config import Config

PROJECT = Path(__file__).resolve().parent.parent
NOTEBOOK = PROJECT / "notebooks" / "walkthrough.ipynb"
FAILED = PROJECT / "build" / "walkthrough-failed.ipynb"
PALETTE = 64
"""Colours of a picture: plots have few, and so take a third of the bytes."""

# Where a job's folders are in SageMaker's containers; offline they lie in the cloud's own folder.
_JOB_FOLDER = re.compile(r"/\S*/localcloud-[^/\s]+/(?:training|transform)/[^/\s]+/ml(?=[/\s])")
_OBJECT = re.compile(r"^<.* at 0x[0-9a-f]+>$")
# What sentiment/progress.py says while something lasts; afterwards it tells nothing.
_PROGRESS = re.compile(r"^[^\n]*: [\d,.]+ of [\d,.]+ [^\n]*/s[^\n]*\n", re.M)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, default=NOTEBOOK, help="where it goes (default: in place)")
    parser.add_argument(
        "--parameters", type=json.loads, default={}, metavar="JSON", help="of the cell tagged parameters"
    )
    options = parser.parse_args()
    try:
        execute(options.output, options.parameters)
    except PapermillExecutionError as error:
        notebook = nbformat.read(FAILED, as_version=4)
        print(output_of(notebook, error.exec_count), file=sys.stderr)
        print(f"error: input [{error.exec_count}] failed; all up to it is in {FAILED}", file=sys.stderr)
        return 1
    return 0


def execute(output: Path, parameters: dict[str, object]) -> None:
    """Run the notebook; `output` appears once all of it has succeeded.

    Raises PapermillExecutionError where a cell fails; the notebook up to there is then in FAILED.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / output.name
        try:
            papermill.execute_notebook(
                NOTEBOOK,
                run,
                parameters,
                cwd=str(NOTEBOOK.parent),
                # Sockets in a private folder: over TCP anyone on this machine could listen.
                config=Config(KernelManager={"transport": "ipc", "ip": f"{folder}/kernel"}),
            )
        except PapermillExecutionError:
            FAILED.parent.mkdir(exist_ok=True)
            shutil.copyfile(run, FAILED)
            raise
        notebook = nbformat.read(run, as_version=4)
    part = output.with_suffix(".part")
    part.write_text(nbformat.writes(tidied(notebook)) + "\n", encoding="utf-8")
    part.replace(output)


def output_of(notebook: NotebookNode, execution_count: int) -> str:
    """Return what a cell printed, with its traceback, which the SageMaker SDK formats with rich."""
    (cell,) = (cell for cell in notebook.cells if cell.get("execution_count") == execution_count)
    pieces = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return _COLOURS.sub("", "".join(pieces)).strip()


def tidied(notebook: NotebookNode) -> NotebookNode:
    """The notebook with what a reader wants to see of its outputs; changed in place."""
    notebook.metadata = {
        "kernelspec": notebook.metadata["kernelspec"],
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = {"tags": tags} if tags else {}
        if cell.cell_type == "code":
            outputs = _merged([_tidied(output) for output in cell.outputs])
            cell.outputs = [output for output in outputs if output.get("text") != ""]
    return notebook


def _tidied(output: NotebookNode) -> NotebookNode:
    if output.output_type == "stream":
        output.text = _general(_as_on_a_terminal(output.text))
        if output.name == "stderr":
            output.text = _PROGRESS.sub("", output.text)
        return output
    data = output.get("data", {})
    if len(data) > 1 and _OBJECT.match(data.get("text/plain", "")):
        del data["text/plain"]
    for kind, content in data.items():
        data[kind] = _smaller(content) if kind == "image/png" else _general(content)
    return output


def _as_on_a_terminal(text: str) -> str:
    """Return only the last state of lines that were overwritten by carriage returns."""
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _general(text: str) -> str:
    """The text without the folders of this machine."""
    return _JOB_FOLDER.sub("/opt/ml", text.replace(f"{PROJECT}/", ""))


def _smaller(png: str) -> str:
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    packed = io.BytesIO()
    picture.quantize(PALETTE, dither=Image.Dither.NONE).save(packed, "png", optimize=True)
    return base64.b64encode(packed.getvalue()).decode()


def _merged(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Text that was written piece by piece, in one piece."""
    merged: list[NotebookNode] = []
    for output in outputs:
        previous = merged[-1] if merged else None
        if output.output_type == "stream" and previous is not None and previous.get("name") == output.name:
            previous.text += output.text
        else:
            merged.append(output)
    return merged


if __name__ == "__main__":
    sys.exit(main())
