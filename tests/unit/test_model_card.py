"""docs/model.md as a web page: one file, its pictures inside, nothing that runs."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re

import pytest

from pipeline import aws, deploy, stack
from pipeline.settings import Settings
from project import model_card
from project.choices import ProjectError

PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>'


@pytest.fixture
def rendered(tmp_path):
    def render(markdown: str, answering: dict | None = None) -> str:
        (tmp_path / "a.svg").write_text(PICTURE)
        (tmp_path / "model.md").write_text(markdown, encoding="utf-8")
        return model_card.render(answering, tmp_path / "model.md").decode()

    return render


def test_pictures_come_inside(rendered):
    page = rendered("# Card\n\n![A square](a.svg)\n")
    embedded = base64.b64encode(PICTURE.encode()).decode()
    assert f'<img src="data:image/svg+xml;base64,{embedded}" alt="A square" />' in page


def test_the_policy_allows_this_style_and_nothing_else(rendered):
    page = rendered("# Card\n")
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1])
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy and "default-src 'none'" in policy
    assert "script-src" not in policy and "unsafe" not in policy and "<script" not in page


def test_markup_and_scripts_in_the_card_are_shown_not_run(rendered):
    page = rendered("# Card\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1))\n")
    assert "<script" not in page and "&lt;script&gt;" in page
    assert 'href="javascript' not in page


def test_markers_are_left_out_and_unpublished_files_keep_their_names_only(rendered):
    page = rendered("# Card\n\n<!-- figures: x -->\n[recipes](../a.py) and [paper](https://example.org/p)\n")
    assert "figures" not in page and "a.py" not in page
    assert 'recipes and <a href="https://example.org/p">paper</a>' in page


def test_tables_scroll_by_themselves_and_have_no_style_attributes(rendered):
    page = rendered("# Card\n\n## Results\n\n| a | b |\n| --- | ---: |\n| x | 1 |\n")
    assert '<div class="table" role="region" tabindex="0" aria-label="Table 1, Results"><table>' in page
    assert '<th class="end" scope="col">b</th>' in page and '<td class="end">1</td>' in page
    assert "style=" not in page and page.count("<div") == page.count("</div>")


def test_commands_scroll_by_themselves_and_are_shown_as_they_are(rendered):
    page = rendered("# Card\n\n```console\n$ a < b && c\n```\n")
    assert '<pre tabindex="0"' in page and "$ a &lt; b &amp;&amp; c\n</code>" in page


def test_the_cards_colours_are_those_of_the_page(rendered, tmp_path):
    root = re.search(r":root\s*\{[^}]*\}", (model_card.PROJECT / "website" / "style.css").read_text())[0]
    assert root in rendered("# Card\n") and "--paper" in root
    (tmp_path / "empty.css").write_text("body {}")
    with pytest.raises(ProjectError, match=r"empty\.css has no :root"):
        model_card.render(None, tmp_path / "model.md", tmp_path / "empty.css")


def test_a_missing_picture_says_what_makes_it(rendered):
    with pytest.raises(ProjectError, match=r"gone\.svg.*make bench"):
        rendered("# Card\n\n![x](gone.svg)\n")


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("aaa111", "its figures are those of <code>best</code>"),
        ("ccc333", "are of others (<code>fast</code> bbb222, <code>best</code> aaa111)"),
    ],
)
def test_the_page_says_whether_the_card_is_about_the_model_that_answers(rendered, tmp_path, version, said):
    models = [{}, {"recipe": "fast", "model": "bbb222"}, {"recipe": "best", "model": "aaa111"}]
    rows = [{"accuracy": {"model": model}} for model in models]
    (tmp_path / "benchmarks.json").write_text(json.dumps({"rows": rows}))
    note = re.search(r'role="note">(.*?)</p>', rendered("# Card\n", {"model": version, "recipe": "best"}))[1]
    assert f"The model that answers here is version <code>{version}</code>" in note and said in note
    assert "&lt;x&gt;" in rendered("# Card\n", {"model": "<x>", "recipe": "best"})
    assert 'role="note"' not in rendered("# Card\n")


def test_a_card_that_does_not_say_what_was_measured_names_the_command(rendered):
    with pytest.raises(ProjectError, match=r"benchmarks\.json.*make bench"):
        rendered("# Card\n", {"model": "abc123", "recipe": "best"})


def test_the_projects_own_card_distinguishes_its_models_from_any_other():
    measured = json.loads((model_card.CARD.parent / "benchmarks.json").read_text(encoding="utf-8"))
    subject = next(row for row in measured["rows"] if row["name"] == measured["subject"])
    own = {"model": subject["accuracy"]["model"]["model"], "recipe": measured["subject"]}
    assert "It is among those" in model_card.render(own).decode()
    assert "It is among those" not in model_card.render(own | {"model": "another"}).decode()


def test_the_page_publishes_the_card_of_the_deployed_model_beside_it(monkeypatch):
    put = {}
    description = {"model": "abc123", "recipe": "fast"}

    class Client:
        def put_object(self, Key, Body, ContentType, **_):
            put[Key] = (Body, ContentType)

        def create_invalidation(self, **_):
            put["invalidated"] = True

        def describe_model(self, ModelName):
            assert ModelName == "the-ModelName"
            return {"PrimaryContainer": {"ModelDataUrl": "s3://data/models/key/model.tar.gz"}}

    monkeypatch.setattr(aws, "client", lambda service: Client())
    monkeypatch.setattr(aws, "read_json", {"s3://data/models/key/model.json": description}.__getitem__)
    monkeypatch.setattr(stack, "output", lambda settings, name: f"the-{name}")
    deploy.publish(Settings())
    body, kind = put["model-card.html"]
    assert kind == "text/html; charset=utf-8" and body == model_card.render(description)
    assert b"version <code>abc123</code>" in body
    assert "index.html" in put and put["invalidated"]
