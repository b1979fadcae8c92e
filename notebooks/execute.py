"""Run the walkthrough from top to bottom, and store its outputs, made small and free of this machine's paths.

    localcloud run -- python notebooks/execute.py [--output FILE] [--parameters JSON]

Without --output, the notebook itself is updated, but only if all cells succeed.
"""

from __future__ import annotations

import sentiment.interrupts  # noqa: F401

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

from sentiment.training.command_line import Parser, exit_status

PROJECT = Path(__file__).resolve().parent.parent
NOTEBOOK = PROJECT / "notebooks" / "walkthrough.ipynb"
FAILED = PROJECT / "build" / "walkthrough-failed.ipynb"
PALETTE = 64
"""The number of colours in a picture. Plots need only a few, and so take a third of the bytes."""

# Offline, the folders of a job are in localcloud's folder instead of /opt/ml.
_JOB_FOLDER = re.compile(r"/\S*/localcloud-[^/\s]+/(?:training|transform)/[^/\s]+/ml(?=[/\s])")
_OBJECT = re.compile(r"^<.* at 0x[0-9a-f]+>$")
# Lines of progress from sentiment/progress.py, which are not worth keeping.
_PROGRESS = re.compile(r"^[^\n]*: [\d,.]+ of [\d,.]+ [^\n]*/s[^\n]*\n", re.M)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def main() -> int:
    """Run the command line. Returns the exit status; errors are one line on standard error."""
    parser = Parser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, default=NOTEBOOK, help="file to write (default: in place)")
    parser.add_argument(
        "--parameters", type=json.loads, default={}, metavar="JSON", help="for the cell tagged parameters"
    )
    options = parser.parse_args()
    try:
        execute(options.output, options.parameters)
    except PapermillExecutionError as error:
        notebook = nbformat.read(FAILED, as_version=4)
        print(output_of(notebook, error.exec_count), file=sys.stderr)
        print(f"error: input [{error.exec_count}] failed; its output so far is in {FAILED}", file=sys.stderr)
        return 1
    return 0


def execute(output: Path, parameters: dict[str, object]) -> None:
    """Run the notebook, and write `output` if all cells succeed.

    Raises PapermillExecutionError if a cell fails; the notebook with the outputs so far is then in FAILED.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / output.name
        try:
            papermill.execute_notebook(
                NOTEBOOK,
                run,
                parameters,
                cwd=str(NOTEBOOK.parent),
                # Sockets in a private folder: with TCP, any user of this machine could listen.
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
    """Return the output of a cell with its traceback, without colours (the SageMaker SDK uses rich)."""
    (cell,) = (cell for cell in notebook.cells if cell.get("execution_count") == execution_count)
    pieces = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return _COLOURS.sub("", "".join(pieces)).strip()


def tidied(notebook: NotebookNode) -> NotebookNode:
    """Reduce the outputs of a notebook to what readers want to see, in place."""
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
    """Keep only the final state of lines that were overwritten by carriage returns."""
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _general(text: str) -> str:
    """Remove the folders of this machine from a text."""
    return _JOB_FOLDER.sub("/opt/ml", text.replace(f"{PROJECT}/", ""))


def _smaller(png: str) -> str:
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    packed = io.BytesIO()
    picture.quantize(PALETTE, dither=Image.Dither.NONE).save(packed, "png", optimize=True)
    return base64.b64encode(packed.getvalue()).decode()


def _merged(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Merge consecutive pieces of text."""
    merged: list[NotebookNode] = []
    for output in outputs:
        previous = merged[-1] if merged else None
        if output.output_type == "stream" and previous is not None and previous.get("name") == output.name:
            previous.text += output.text
        else:
            merged.append(output)
    return merged


if __name__ == "__main__":
    sys.exit(exit_status(main))
