"""The parts of localcloud's SageMaker that compute: splitting, filters, validation, metrics, records."""

import csv
import io
import itertools
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud import containers
from localcloud.cloud import Cloud
from localcloud.protocol import ApiError, InvalidRequest
from localcloud.protocol.validation import require_supported
from localcloud.sagemaker.batching import Processing, assemble, batches, split
from localcloud.sagemaker.errors import JobFailed
from localcloud.sagemaker.experiments import Experiments
from localcloud.sagemaker.images import SERVES, registration, runner_of
from localcloud.sagemaker.job_components import training_parts
from localcloud.sagemaker.metrics import Metrics
from localcloud.sagemaker.paths import JSONPath
from localcloud.sagemaker.processing import ProcessingJobs
from localcloud.sagemaker.records import Record, Table, select
from localcloud.sagemaker.search import Search
from localcloud.sagemaker.training import TrainingJobs
from localcloud.sagemaker.training_run import TrainingRun
from localcloud.sagemaker.transfer import inside, relative_name
from localcloud.sagemaker.transform import TransformRun
from localcloud.sagemaker.warm_pools import WarmPools


def test_registered_images_have_the_runner_of_a_known_one(monkeypatch):
    registered = dict([registration("123456789012.dkr.ecr.*/mine:*=pytorch-inference")])
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1"
    assert runner_of(image, SERVES, "CreateModel", registered).script == "inference.py"
    with pytest.raises(ApiError, match="no runner for the image other:1"):
        runner_of("other:1", SERVES, "CreateModel", registered)
    with pytest.raises(
        ApiError, match=r"there is no /nowhere/python: `python3 requirements/install\.py ray`"
    ):
        monkeypatch.setenv("LOCALCLOUD_RAY_PYTHON", "/nowhere/python")
        runner_of("1.dkr.ecr.us-east-1.amazonaws.com/ray:x", SERVES, "CreateModel", {}).python(Path())
    with pytest.raises(ValueError, match="one of the runners pytorch-inference, ray, python"):
        registration("mine:1=docker")


def test_lines_are_records_and_a_whole_file_is_one():
    assert split(b"a\nb\r\n\nc", "Line") == [b"a", b"b", b"c"]
    assert split(b"a\nb", "None") == [b"a\nb"]


@given(st.lists(st.binary(min_size=1, max_size=30)), st.integers(30, 100))
def test_requests_hold_all_records_in_order_within_the_limit(records, limit):
    made = list(batches(records, "MultiRecord", limit))
    assert [record for batch in made for record in batch] == records
    assert all(len(b"\n".join(batch)) <= limit for batch in made)
    # No request could have taken the next one's first record too.
    assert all(len(b"\n".join([*batch, after[0]])) > limit for batch, after in itertools.pairwise(made))


def test_single_records_and_no_limit():
    assert list(batches([b"a", b"b"], "SingleRecord", 100)) == [[b"a"], [b"b"]]
    assert list(batches([b"a", b"b"], "MultiRecord", 0)) == [[b"a", b"b"]]
    with pytest.raises(JobFailed, match="MaxPayloadInMB"):
        list(batches([b"x" * 11], "MultiRecord", 10))


def test_answers_are_ended_by_one_newline_or_none():
    assert assemble([b"a", b"b\n"], "Line") == b"a\nb\n"
    assert assemble([b"a", b"b\n"], "None") == b"ab\n"


@pytest.mark.parametrize(
    ("request_", "record", "sent", "answer", "written"),
    [
        ({}, b"{}", b"{}", b"1", b"1"),
        ({"InputFilter": "$.review"}, b'{"id": 1, "review": "x"}', b'"x"', b"0.5", b"0.5"),
        ({"InputFilter": "$.review"}, b'{"review": "\\ud800"}', b'"\\ud800"', b"0.5", b"0.5"),
        (
            {"JoinSource": "Input"},
            b'{"id": 1}',
            b'{"id": 1}',
            b'{"p": 2}',
            b'{"id": 1, "SageMakerOutput": {"p": 2}}',
        ),
        (
            {"JoinSource": "Input"},
            b"[1, 2]",
            b"[1, 2]",
            b"3",
            b'{"SageMakerInput": [1, 2], "SageMakerOutput": 3}',
        ),
        (
            {"JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']"},
            b'{"id": 1, "review": "x"}',
            b'{"id": 1, "review": "x"}',
            b"3",
            b'{"id": 1, "SageMakerOutput": 3}',
        ),
    ],
)
def test_filters_and_joins_of_json(request_, record, sent, answer, written):
    processing = Processing(request_, "application/jsonlines", "application/jsonlines")
    assert processing.before(record) == sent
    assert processing.after([record], answer) == written


@pytest.mark.parametrize(
    ("filters", "sent", "written"),
    [
        ({"InputFilter": "$[1:]"}, b'"b,1",c', b"0.5"),
        ({"InputFilter": "$[0,2]", "JoinSource": "Input"}, b"a,c", b'a,"b,1",c,0.5'),
        ({"JoinSource": "Input", "OutputFilter": "$[0,-1]"}, b'a,"b,1",c', b"a,0.5"),
    ],
)
def test_filters_and_joins_of_csv(filters, sent, written):
    processing = Processing(filters, "text/csv", "text/csv")
    record = b'a,"b,1",c'
    assert processing.before(record) == sent
    assert processing.after([record], b"0.5") == written


def test_records_and_answers_must_match():
    processing = Processing({"JoinSource": "Input"}, "application/jsonlines", "application/jsonlines")
    with pytest.raises(JobFailed, match="2 records with 1 lines"):
        processing.after([b"{}", b"{}"], b"1\n")
    with pytest.raises(ApiError, match="OutputFilter"):
        Processing({"OutputFilter": "$[[["}, "application/json", "application/json")
    with pytest.raises(ApiError, match="same format"):
        Processing({"JoinSource": "Input"}, "text/csv", "application/json")


# "Filter the input data that is not needed for inference before passing the input data":
# https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html
@pytest.mark.parametrize("accept", ["", "text/plain", "text/csv", "application/json"])
@pytest.mark.parametrize("answer", [b"1.50\n2.0\n\n", b'[{"a":1.50},2]', b"a,b"])
def test_an_input_filter_alone_leaves_the_answers_as_they_are(accept, answer):
    processing = Processing({"InputFilter": "$[1:]"}, "text/csv", accept)
    assert processing.before(b"a,b") == b"b"
    assert processing.after([b"a,b", b"c,d"], answer) == answer


def test_an_output_filter_alone_needs_no_content_type_of_the_input():
    processing = Processing({"OutputFilter": "$.p"}, "image/png", "application/json")
    assert processing.before(b"\x89PNG") == b"\x89PNG"
    assert processing.after([b"\x89PNG"], b'{"p": 1}') == b"1"


@pytest.mark.parametrize(
    ("path", "record", "found"),
    [
        ("$", 5, 5),
        ("$.a", {"a": 1}, 1),
        ("$.a-b.c", {"a-b": {"c": None}}, None),
        ("$['a.b']", {"a.b": 1}, 1),
        ("$['a','b']", {"b": 2, "a": 1, "c": 3}, {"a": 1, "b": 2}),
        ("$.x.['a','b']", {"x": {"a": 1, "b": 2}}, {"a": 1, "b": 2}),
        ("$.x[*]['a','b']", {"x": [{"a": 1}, 5]}, [{"a": 1}]),
        ("$[1]", [1, 2], 2),
        ("$[-1]", [1, 2], 2),
        ("$[1,0]", [1, 2], [2, 1]),
        ("$[0,2:]", [1, 2, 3, 4], [1, 3, 4]),
        # Several indices leave out what is missing, as several names do: ArrayPathToken of the same JsonPath.
        ("$[0,9,-1,-3]", [1, 2], [1, 2]),
        ("$[:1]", [1, 2], [1]),
        ("$[*]", [1, 2], [1, 2]),
        ("$.a[0].b", {"a": [{"b": 1}]}, 1),
        # What may find several values gives a list, however many it finds:
        # https://github.com/json-path/JsonPath#what-is-returned-when
        ("$.a[*]", {"a": [1]}, [1]),
        ("$.a[*]", {"a": []}, []),
        ("$.a.*", {"a": {"b": 1}}, [1]),
        ("$[*].a", [{"a": 1}, {"b": 2}], [1]),
        ("$[1:]", [1], []),
    ],
)
def test_paths_select_parts_of_records(path, record, found):
    assert JSONPath(path)(record) == found


@pytest.mark.parametrize(
    ("path", "record"),
    [
        ("$.a", {}),
        ("$.a", 5),
        ("$['a','b']", 5),
        ("$.a[*]", {}),
        ("$[5]", [1]),
        ("$[0]", {"0": 1}),
        ("$[*]", 5),
    ],
)
def test_paths_that_find_nothing_fail_the_job(path, record):
    processing = Processing({"InputFilter": path}, "application/jsonlines", "")
    with pytest.raises(JobFailed, match=r"ClientError: .*finds nothing in a record"):
        processing.before(json.dumps(record).encode())


@pytest.mark.parametrize(
    "path", ["$[-:]", "$[", "a", "$..a", "$[?(@.a)]", "$.a b", "$['a','b'].c", "$[1.5]", "$[\u0663]"]
)
@pytest.mark.parametrize("content_type", ["text/csv", "application/json"])
def test_paths_that_sagemaker_lacks_are_refused(path, content_type):
    with pytest.raises(ApiError, match="InputFilter"):
        Processing({"InputFilter": path}, content_type, "")


@pytest.mark.parametrize(
    ("path", "sent"),
    [("$[0,2:]", b"a,c,d"), ("$[*]", b"a,b,c,d"), ("", b"a,b,c,d"), ("$[1,3]", b"b,d"), ("$[1]", b"b")],
)
def test_paths_select_columns(path, sent):
    assert Processing({"InputFilter": path}, "text/csv", "").before(b"a,b,c,d") == sent


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"a,b", "finds nothing"),
        (b"a\nb", "this one has 2"),
        (b"\xff", "not CSV"),
        (b"a,\0", "finds nothing"),
    ],
)
def test_csv_that_cannot_be_filtered_fails_the_job(record, reason):
    with pytest.raises(JobFailed, match=f"ClientError: .*{reason}"):
        Processing({"InputFilter": "$[5]", "JoinSource": "Input"}, "text/csv", "text/csv").before(record)


@given(st.lists(st.text(st.sampled_from('a,"\r\n \u00e9')), min_size=1))
def test_columns_with_line_ends_and_quotes_stay_as_they_are(columns):
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerow(columns)
    sent = Processing({"InputFilter": "$[0:]"}, "text/csv", "").before(written.getvalue().encode())
    assert list(csv.reader(io.StringIO(sent.decode(), newline=""))) == [columns]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\r\n"])
def test_blank_lines_after_a_row_are_no_rows(end):
    assert Processing({"InputFilter": "$[1]"}, "text/csv", "").before(b"a,b" + end) == b"b"


def test_a_column_may_hold_a_long_text():
    text = b"x" * 200_000
    assert Processing({"InputFilter": "$[1]"}, "text/csv", "").before(b"a," + text) == text


@pytest.mark.parametrize(
    ("key", "prefix", "name"),
    [
        ("data/train/a/b.txt", "data/train", "a/b.txt"),
        ("data/train/a/b.txt", "data/train/", "a/b.txt"),
        ("data/train.csv", "data/train.csv", "train.csv"),
        ("data/train-1.csv", "data/train", "train-1.csv"),
        ("a.txt", "", "a.txt"),
    ],
)
def test_where_an_object_of_a_prefix_goes(key, prefix, name):
    assert relative_name(key, prefix) == name


def test_a_key_cannot_lead_out_of_its_folder(tmp_path):
    assert inside(tmp_path, "a/b") == tmp_path / "a" / "b"
    assert inside(tmp_path, "//a//b") == tmp_path / "a" / "b"
    for name in ("../b", "a/../../b", "/../b", "..", ".", ""):
        with pytest.raises(JobFailed, match="leads out"):
            inside(tmp_path, name)
    with pytest.raises(JobFailed, match="cannot become a file"):
        inside(tmp_path, "a\0b")


def test_properties_without_effect_here_are_refused_by_their_path():
    supported = {"A": None, "B": {"C": None}}
    require_supported("Make", {"A": 1, "B": [{"C": 1}, {"C": 2, "D": None}], "E": False}, supported)
    with pytest.raises(ApiError, match=r"the property B\[1\]\.D \(given: 3\)"):
        require_supported("Make", {"B": [{"C": 1}, {"D": 3}]}, supported)


def test_metrics_keep_the_last_value():
    metrics = Metrics([{"Name": "loss", "Regex": r"loss=(\S+)"}, {"Name": "epoch", "Regex": r"epoch=(\d+)"}])
    for line in ("epoch=1 loss=0.5", "noise", "epoch=2 loss=nothing", "loss=0.25 loss=0.125"):
        metrics.scan(line)
    assert {each["MetricName"]: each["Value"] for each in metrics.final()} == {"epoch": 2.0, "loss": 0.125}
    with pytest.raises(ApiError, match="group"):
        Metrics([{"Name": "loss", "Regex": "loss"}])


def test_times_of_requests_are_in_utc_wherever_the_cloud_runs(monkeypatch):
    record = Record("r", "arn", {}, created=100.0)
    for zone in ("UTC", "America/New_York", "Asia/Tokyo"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        for second, found in ((99, [record]), (101, [])):
            moment = datetime(1970, 1, 1) + timedelta(seconds=second)
            assert select([record], {"CreationTimeAfter": moment})[0] == found
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "key", ["Some-Thing", "some-thing", "arn:aws:sagemaker:us-east-1:123456789012:thing/some-thing"]
)
def test_a_record_is_removed_by_its_name_or_its_arn(tmp_path, key):
    cloud = Cloud("127.0.0.1", 1, tmp_path, Path(sys.executable), None)
    table = Table(cloud, "thing", missing=LookupError, exists=ValueError)
    record = table.add("Some-Thing", {})
    assert table.remove(key) is record
    with pytest.raises(LookupError):
        table.get("Some-Thing")


@pytest.mark.parametrize(
    ("kind", "member"), [(TrainingJobs, "TrainingJob"), (ProcessingJobs, "ProcessingJob")]
)
def test_nothing_is_kept_of_a_deleted_job(tmp_path, kind, member):
    cloud = Cloud("127.0.0.1", 1, tmp_path, Path(sys.executable), None)
    jobs, run = kind(cloud, Experiments(cloud)), Mock()
    record, _ = jobs._runs.add(lambda: (jobs.table.add("ended", {}, **{f"{member}Status": "Completed"}), run))
    deleted = {f"{member}Name": "ended"}
    run.join.side_effect = lambda: jobs.delete(**deleted)  # another request, meanwhile
    jobs.delete(**deleted)
    run.join.assert_called_once_with()
    assert jobs._runs.remove(record) is None and not list(jobs.table)
    with pytest.raises(InvalidRequest, match="The job ended is being deleted"):
        jobs._runs.of(record)


def test_lists_are_filtered_sorted_and_paged(tmp_path):
    cloud = Cloud("127.0.0.1", 1, tmp_path, Path(sys.executable), None)
    table = Table(cloud, "thing", missing=lambda arn: KeyError(arn), exists=lambda arn: ValueError(arn))
    for number in range(5):
        record = table.add(f"Name-{number}", {})
        record.created, record.live["Status"] = number, "Odd" if number % 2 else "Even"
    first, token = select(table, {"MaxResults": 2})
    assert [record.name for record in first] == ["Name-4", "Name-3"]
    second, token = select(table, {"MaxResults": 2, "NextToken": token})
    assert [record.name for record in second] == ["Name-2", "Name-1"]
    last, token = select(table, {"MaxResults": 2, "NextToken": token})
    assert ([record.name for record in last], token) == (["Name-0"], None)
    odd, _ = select(table, {"StatusEquals": "Odd", "SortOrder": "Ascending", "SortBy": "Name"}, "Status")
    assert [record.name for record in odd] == ["Name-1", "Name-3"]
    assert [
        r.name
        for r in select(table, {"CreationTimeAfter": datetime.fromtimestamp(3, UTC), "NameContains": "name"})[
            0
        ]
    ] == [
        "Name-4",
        "Name-3",
    ]
    with pytest.raises(ApiError, match="NextToken"):
        select(table, {"NextToken": "?"})
    with pytest.raises(ValueError, match="thing/name-1"):
        table.add("NAME-1", {})
    assert table.remove("name-1").name == "Name-1"
    with pytest.raises(KeyError):
        table.get("Name-1")


# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Filter.html
@pytest.mark.parametrize(
    ("name", "operator", "value", "found"),
    [
        ("HyperParameters.bs", "GreaterThan", "9", ["ten", "half"]),
        ("HyperParameters.bs", "GreaterThan", "9.0", ["ten", "half"]),
        ("HyperParameters.bs", "GreaterThan", "10", []),
        ("HyperParameters.bs", "GreaterThan", "10.0", ["half"]),
        ("HyperParameters.bs", "Equals", "10", ["ten", "half"]),
        ("HyperParameters.bs", "NotEquals", "10", ["nine", "text"]),
        ("HyperParameters.bs", "LessThanOrEqualTo", "9", ["nine"]),
        ("HyperParameters.bs", "Equals", "adam", ["text"]),
        ("HyperParameters.bs", "In", "9, adam", ["nine", "text"]),
        ("HyperParameters.bs", "Contains", "1", ["ten", "half"]),
        ("Environment.SIZE", "Equals", "1.0", []),
        ("Environment.SIZE", "Equals", "1", ["ten"]),
        ("Metrics.loss", "LessThan", "1", ["ten"]),
        ("ResourceConfig.InstanceCount", "Equals", "1.0", ["ten"]),
    ],
)
def test_search_compares_numbers_as_numbers_where_aws_does(name, operator, value, found):
    jobs = {"ten": "10", "nine": "9", "half": "10.5", "text": "adam"}
    only = {
        "Environment": {"SIZE": "1"},
        "FinalMetricDataList": [{"MetricName": "loss", "Value": 0.5}],
        "ResourceConfig": {"InstanceCount": 1},
    }
    described = [
        (Record(job, job, {}), {"TrainingJobName": job, "HyperParameters": {"bs": bs}})
        for job, bs in jobs.items()
    ]
    described[0][1].update(only)
    expression = {"Filters": [{"Name": name, "Operator": operator, "Value": value}]}
    answer = Search({"TrainingJob": lambda: described})(
        Resource="TrainingJob", SearchExpression=expression, SortBy="Tags", SortOrder="Ascending"
    )
    assert [each["TrainingJob"]["TrainingJobName"] for each in answer["Results"]] == found


@pytest.mark.parametrize("kind", ["Training", "Transform"])
def test_a_job_that_has_just_ended_does_not_go_back_to_stopping(tmp_path, monkeypatch, kind):
    """Nobody would end it again, and who waits for it would wait for good."""
    cloud = SimpleNamespace(state_dir=tmp_path, client=lambda *_: None)
    if kind == "Training":
        request = {"RoleArn": "role", "OutputDataConfig": {"S3OutputPath": "s3://data/out"}}
        record = Record("job", "arn", request, {"TrainingJobStatus": "InProgress"})
        run = TrainingRun(cloud, record, Metrics([]), WarmPools(cloud), lambda members: None)
        for step in ("_prepare", "_train", "_upload"):
            monkeypatch.setattr(run, step, lambda *_: None)
    else:
        request = {"TransformResources": {"InstanceCount": 1}}
        record = Record("job", "arn", request, {"TransformJobStatus": "InProgress"})
        run = TransformRun(cloud, record, {}, "role", Processing({}, "", ""), lambda members: None)
        monkeypatch.setattr(run, "_transform", lambda: None)
    run._run()
    run.stop()
    assert record.live[f"{kind}JobStatus"] == "Completed"


def test_a_job_whose_component_cannot_be_made_does_not_stay_in_progress(tmp_path):
    cloud = Cloud("127.0.0.1", 1, tmp_path, Path(sys.executable), None)
    experiments, jobs = Experiments(cloud), Table(cloud, "job", missing=KeyError, exists=ValueError)
    experiments.experiments.create(ExperimentName="e")
    experiments.trials.create(TrialName="t", ExperimentName="e")
    broken = dict[str, str]()
    experiments.add_job(jobs, jobs.add("plain", {}), "Training", lambda: broken["no such part"])
    job = jobs.add("tried", {"ExperimentConfig": {"ExperimentName": "e", "TrialName": "t"}})
    with pytest.raises(KeyError, match="no such part"):
        experiments.add_job(jobs, job, "Training", lambda: broken["no such part"])
    assert [each.name for each in jobs] == ["plain"]


# float() would take them, and SageMaker does not.
@pytest.mark.parametrize("text", ["1_000", " 7 ", "\u0663", "inf", "nan", "1e999"])
def test_a_hyperparameter_that_only_python_reads_as_a_number_is_a_text(text):
    job = {"HyperParameters": {"x": text}, "AlgorithmSpecification": {"TrainingImage": "i"}}
    assert training_parts(job)["Parameters"] == {"x": {"StringValue": text}}


def test_the_runners_need_only_the_standard_library():
    """They are started by an interpreter that need not have localcloud or its dependencies."""
    import ast

    folder = Path(containers.__file__).parent
    own = {file.stem for file in folder.glob("*.py")}
    lazy = {
        "torch",
        "numpy",
        "sagemaker_inference",
        "packaging",
        "awslambdaric",
    }  # only where a model's functions are missing, for its class, or where it is installed
    for file in folder.glob("*.py"):
        if file.name == "ray_serve.py":
            continue  # it has an interpreter of its own, which has Ray
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                node.body = []  # for type checkers, which know these modules as parts of localcloud
        names = {
            alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
        }
        names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        roots = {name.partition(".")[0] for name in names}
        assert roots <= set(sys.stdlib_module_names) | own | lazy, (file, json.dumps(sorted(roots)))
