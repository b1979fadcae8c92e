"""examples/: each of them run as it is written, against the running API."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
import requests
from contract import CONTRACT, PROJECT, answer_conforms, template_of

from project.ports import free_port

EXAMPLES = PROJECT / "examples"


def run(*command: object, given: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(part) for part in command], input=given, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl(api_url):
    printed = run(EXAMPLES / "predict.sh", api_url, "A wonderful, moving film").stdout.splitlines()
    answers = [json.loads(line) for line in printed if line.startswith("{")]
    ready, model, explained, short, batch, vote, votes, withdrawn = answers
    assert ready == {"status": "ready"}
    assert explained["sentiment"] == "positive"
    assert model["model"] == explained["model"] == short["model"] == batch["model"]
    assert [("error" in each) for each in batch["predictions"]] == [False, True, False]
    assert vote == withdrawn and vote["id"]
    assert votes["models"][0]["model"] == model["model"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_sends_a_review_and_never_a_file_of_that_name(api_url, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("unspeakable")
    printed = run(EXAMPLES / "predict.sh", api_url, f"@{secret}").stdout
    assert "unspeakable" not in printed and '"secret"' in printed


def test_the_clients_end_with_one_line_where_there_is_no_api():
    nowhere = f"http://127.0.0.1:{free_port()}"
    commands = [[sys.executable, EXAMPLES / "client.py", nowhere]]
    if shutil.which("node"):
        commands.append(["node", EXAMPLES / "client.mjs", nowhere, "A film"])
    for command in commands:
        said = run(*command, given="A film\n", code=1).stderr
        assert said.startswith("error: ") and said.count("\n") == 1, said


def test_the_python_client(api_url, monkeypatch):
    given = "A wonderful, moving film\n\nA dull, awful waste of two hours\n"
    rows = [
        line.split("\t")
        for line in run(sys.executable, EXAMPLES / "client.py", api_url, given=given).stdout.splitlines()
    ]
    assert [row[0] for row in rows] == ["positive", "error", "negative"]

    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    from client import Sentiment, SentimentError

    api = Sentiment(api_url + "/")
    verdict = api.predict("A wonderful film")
    assert verdict["words"][1][0] == "wonderful"
    api.take_back(api.vote("A wonderful film", verdict, right=True))
    with pytest.raises(SentimentError, match="There is no vote with this id"):
        api.take_back("1")
    assert verdict["model"] == api.model()["model"]
    assert len(list(api.predict_all(["Fine."] * 101))) == 101
    long = ["good \N{CLAPPER BOARD}" * 3_000] * 101
    assert len(list(api.predict_all(long))) == 101, "more than the API takes at once, in bytes too"
    with pytest.raises(SentimentError, match=r"The review is empty\. \(400 bad_request, request .+\)"):
        api.predict(" ")


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_javascript_client(api_url):
    printed = run("node", EXAMPLES / "client.mjs", api_url, "A wonderful, moving film").stdout
    assert re.match(r"positive \(\d+\.\d % positive\)\n.*  A\n", printed)
    program = (
        f"import {{ Sentiment }} from {json.dumps((EXAMPLES / 'client.mjs').as_uri())};"
        f"const api = new Sentiment({json.dumps(api_url)});"
        "const verdict = await api.predict('Dull.', { explain: false });"
        "const { id } = await api.vote('Dull.', verdict, false);"
        "await api.takeBack(id);"
        "const rows = await api.predictBatch(['Dull.', '']);"
        "const error = await api.predict('').catch((error) => error);"
        "console.log(JSON.stringify({ id, rows, code: error.code }));"
    )
    done = json.loads(run("node", "--input-type=module", "--eval", program).stdout)
    assert done["id"]
    assert done["code"] == "bad_request"
    assert done["rows"][1]["error"]["code"] == "bad_request"


def test_the_http_file(api_url):
    text = (EXAMPLES / "api.http").read_text(encoding="utf-8")
    text = re.sub(r"^@apiUrl = .*$", f"@apiUrl = {api_url}", text, flags=re.MULTILINE)
    today = f"{datetime.now(UTC).date()}-{0:032x}"
    text = re.sub(r"^@voteId = .*$", "", text, flags=re.MULTILINE).replace("{{voteId}}", today)
    seen = set()
    for block in text.split("\n###")[1:]:
        _, _, rest = block.partition("\n")
        head, _, body = rest.strip().partition("\n\n")
        request, *headers = head.splitlines()
        method, url = request.replace("{{apiUrl}}", api_url).split()
        named = dict(line.split(": ") for line in headers)
        answer = requests.request(method, url, headers=named, data=body.encode(), timeout=60)
        while answer.status_code == 429:
            time.sleep(0.5)
            answer = requests.request(method, url, headers=named, data=body.encode(), timeout=60)
        assert answer.ok, answer.text
        path = url.removeprefix(api_url).partition("?")[0]
        lower = {name.lower(): value for name, value in answer.headers.items()}
        answer_conforms(path, method, answer.status_code, lower, answer.content)
        seen.add(template_of(path))
    assert seen == set(CONTRACT["paths"])
