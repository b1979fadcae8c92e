"""The main path as a whole: real reviews, a real job and deployment, answers that passed every part."""

from __future__ import annotations

import datetime
import html
import json
import re
import time

import pytest
import requests

from sentiment.data import snippets
from sentiment.evaluation.drift import LENGTHS, MEASURES
from tests.conftest import BAD, BUILD, GOOD, PROJECT, STACK

pytestmark = pytest.mark.slow


def predict(deployment, body: bytes | str, kind: str = "application/json") -> requests.Response:
    return requests.post(f"{deployment.api}/predict", data=body, headers={"content-type": kind}, timeout=60)


def test_the_api_distinguishes_a_good_review_from_a_bad_one(deployment):
    for review, sentiment in ((GOOD, "positive"), (BAD, "negative")):
        answer = predict(deployment, json.dumps({"review": review}))
        assert answer.status_code == 200, answer.text
        verdict = answer.json()
        assert verdict["sentiment"] == sentiment
        assert (verdict["probability"] >= 0.5) == (sentiment == "positive")
        assert any(weight for _, weight in verdict["words"])
        assert predict(deployment, review, "text/plain").json()["probability"] == verdict["probability"]


NO_OPINION, NOT_ENGLISH = "no_evidence", "not_english"
# What people type, with its verdict or the reason why there is none.
SENTENCES = {
    "I did not like it.": "negative",
    "I didn't like it.": "negative",
    "You won't be disappointed.": "positive",
    "I can't recommend this": "negative",
    "I don't think the movie was good.": "negative",
    "It isn't great": "negative",
    "Not bad at all.": "positive",
    "This product is not bad at all.": "positive",
    "Not the worst show I've seen": "positive or mixed",
    "This isn't a bad idea": "positive",
    "It is not the masterpiece everyone says it is.": "negative",
    "There isn't a single dull scene.": "positive",
    "The movie was not great.": "negative",
    "It has good music, but that is all.": "negative",
    "sooo goood": "positive",
    "it suuuucks": "negative",
    "movie \U0001f60d": "positive",
    "ok": NO_OPINION,
    "asdf": NO_OPINION,
    "12345": NO_OPINION,
    "hello": NO_OPINION,
    "I watched it on Tuesday.": NO_OPINION,
    "The weather is nice today.": NO_OPINION,
    "Can you recommend a hotel in Paris?": NO_OPINION,
    "Das war ein wunderbarer Film": NOT_ENGLISH,
}


def test_what_people_type_gets_its_verdict_whatever_the_apostrophe(deployment):
    for apostrophe in ("'", "\u2019"):
        typed = [text.replace("'", apostrophe) for text in SENTENCES]
        answer = requests.post(f"{deployment.api}/predict/batch", json={"reviews": typed}, timeout=60)
        found = [row["reason"] or row["sentiment"] for row in answer.json()["predictions"]]
        wrong = {
            text: verdict
            for text, verdict in zip(typed, found, strict=True)
            if verdict not in SENTENCES[text.replace(apostrophe, "'")].split(" or ")
        }
        assert wrong == {}


def test_the_sarcastic_example_is_not_almost_certainly_praise(deployment):
    page = (PROJECT / "website" / "index.html").read_text(encoding="utf-8")
    sarcastic = html.unescape(re.search(r'value="([^"]+)">A sarcastic one</button>', page)[1])
    assert predict(deployment, json.dumps({"review": sarcastic})).json()["probability"] < 0.9


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b'{"review": "   "}', "application/json", 400),
        (b'{"review": ', "application/json", 400),
        (b'{"text": "wrong name"}', "application/json", 400),
        (b"x" * 7_000_000, "text/plain", 413),
        (b"<review/>", "application/xml", 415),
    ],
    ids=["empty", "blank", "malformed", "no review", "7 MB", "wrong type"],
)
def test_bad_requests_get_their_own_status_and_no_verdict(deployment, body, kind, status):
    answer = predict(deployment, body, kind)
    assert answer.status_code == status
    assert "sentiment" not in answer.text


def test_held_out_accuracy_beats_the_predecessor_and_is_saved(deployment):
    folder = BUILD / "evaluation" / deployment.model_key
    result = json.loads((folder / "evaluation.json").read_text())
    assert result["reviews"] >= 2000
    assert result["accuracy"] > 0.854
    low, high = result["accuracy_interval_95"]
    assert low < result["accuracy"] < high
    assert f"test accuracy {result['accuracy']:.2%}" in deployment.printed
    assert (folder / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_the_api_says_how_good_its_model_is(deployment):
    result = json.loads((BUILD / "evaluation" / deployment.model_key / "evaluation.json").read_text())
    model = requests.get(f"{deployment.api}/model", timeout=10).json()
    assert model["model"] == result["model"]
    assert model["metrics"]["test"] == {
        "accuracy": result["accuracy"],
        "interval": result["accuracy_interval_95"],
        "reviews": result["reviews"],
        "slices": result["slices"],
    }


def test_the_page_is_published_with_the_address_of_its_api(deployment):
    page = requests.get(deployment.page, timeout=10)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    # A browser never puts modules of two deployments together.
    assert "max-age=0" in page.headers["cache-control"]
    again = requests.get(deployment.page, headers={"If-None-Match": page.headers["etag"]}, timeout=10)
    assert again.status_code == 304
    config = requests.get(f"{deployment.page.rstrip('/')}/config.json", timeout=10).json()
    assert config == {"apiUrl": deployment.api}


def test_only_the_page_may_call_the_api_from_a_browser(deployment):
    def preflight(origin):
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        }
        return requests.options(f"{deployment.api}/predict", headers=headers, timeout=10).headers

    origin = deployment.page.rstrip("/")
    assert preflight(origin)["Access-Control-Allow-Origin"] == origin
    assert "Access-Control-Allow-Origin" not in preflight("http://example.com")


def test_the_same_reviews_get_the_same_answers_from_endpoint_and_batch_transform(deployment, tmp_path):
    """Both against the model folder loaded right here."""
    import tarfile

    from sentiment.serving.predictor import Predictor

    with tarfile.open(BUILD / "models" / deployment.model_key / "model.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    here = Predictor.from_folder(tmp_path)
    reviews = [GOOD, BAD, "Fine."]
    expected = [prediction.probability for prediction in here.predict(reviews)]

    runtime = deployment.cloud.client("sagemaker-runtime")
    lines = "".join(json.dumps({"review": review}) + "\n" for review in reviews).encode()
    answer = runtime.invoke_endpoint(
        EndpointName=deployment.outputs["EndpointName"],
        ContentType="application/jsonlines",
        Accept="application/jsonlines",
        Body=lines,
    )
    endpoint = [json.loads(line)["probability"] for line in answer["Body"].read().splitlines()]
    assert endpoint == pytest.approx(expected, abs=1e-6)

    s3, sagemaker = deployment.cloud.client("s3"), deployment.cloud.boto3_client("sagemaker")
    bucket, job = deployment.outputs["DataBucketName"], f"parity-{time.time_ns()}"
    s3.put_object(Bucket=bucket, Key=f"evaluation/{job}/in/reviews.jsonl", Body=lines)
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/evaluation/{job}/in/"}
    container = sagemaker.describe_model(ModelName=deployment.outputs["ModelName"])["PrimaryContainer"]
    # The endpoint's own role may read models and nothing else.
    role = deployment.outputs["TrainingRoleArn"]
    sagemaker.create_model(ModelName=job, PrimaryContainer=container, ExecutionRoleArn=role)
    sagemaker.create_transform_job(
        TransformJobName=job,
        ModelName=job,
        BatchStrategy="SingleRecord",
        TransformInput={
            "DataSource": {"S3DataSource": source},
            "ContentType": "application/jsonlines",
            "SplitType": "Line",
        },
        TransformOutput={
            "S3OutputPath": f"s3://{bucket}/evaluation/{job}/out",
            "Accept": "application/jsonlines",
            "AssembleWith": "Line",
        },
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )
    while (status := sagemaker.describe_transform_job(TransformJobName=job))[
        "TransformJobStatus"
    ] == "InProgress":
        time.sleep(0.2)
    assert status["TransformJobStatus"] == "Completed", status.get("FailureReason")
    out = s3.get_object(Bucket=bucket, Key=f"evaluation/{job}/out/reviews.jsonl.out")["Body"].read()
    transformed = [json.loads(line)["probability"] for line in out.splitlines()]
    assert transformed == pytest.approx(expected, abs=1e-6)


@pytest.fixture(scope="module")
def quick(tmp_path_factory) -> tuple[str, str, str]:
    """Arguments of `make` for a training of a second, on reviews that need no more."""
    file = tmp_path_factory.mktemp("reviews") / "reviews.csv"
    rows = [f'"{word} film number {n}",{word}\n' for n in range(200) for word in ("positive", "negative")]
    file.write_text("review,sentiment\n" + "".join(rows))
    size = "vocab_size=500 embedding_dim=4 hidden_dim=4 ngrams=0 head=16 tail=0 epochs=1"
    size += " snippets=0 counterfactuals=0"
    return "DATA=kaggle", f"DATA_PATH={file}", f"SET={size}"


def test_a_training_script_that_fails_says_why_and_make_train_fails_with_it(deployment, quick):
    *data, size = quick
    done = deployment.cloud.make("train", *data, f"{size} learning-rate=1e30 clip=0", check=False)
    assert done.returncode != 0
    assert "the loss became nan" in done.stderr
    jobs = deployment.cloud.client("sagemaker").list_training_jobs(StatusEquals="Failed")[
        "TrainingJobSummaries"
    ]
    job = deployment.cloud.client("sagemaker").describe_training_job(
        TrainingJobName=jobs[0]["TrainingJobName"]
    )
    assert "the loss became nan in epoch 1; lower --learning-rate" in job["FailureReason"]


def test_what_people_sent_is_compared_from_counts_alone(deployment):
    """Of all that the tests have sent: whether it lies inside is theirs to decide."""
    texts = list(snippets.load().select("test").texts[:99])
    batch = requests.post(f"{deployment.api}/predict/batch", json={"reviews": texts}, timeout=60)
    assert batch.status_code == 200, batch.text
    done = deployment.cloud.make("drift", "WINDOW=2h", check=False)
    folder = BUILD / "drift" / batch.json()["model"]
    report = json.loads((folder / "drift.json").read_text())
    assert sum(report["counts"][name] for name in LENGTHS) >= len(texts)
    assert report["baseline"]["reviews"] > 1000 and len(report["findings"]) >= len(MEASURES)
    outside = [each["words"] for each in report["findings"] if not each["inside"]]
    assert (done.returncode != 0) == bool(outside), done.stderr
    assert all(f"OUTSIDE {words}" in done.stdout for words in outside)
    assert "<svg" in (folder / "drift.html").read_text(encoding="utf-8")
    alarms = deployment.cloud.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{STACK}-DriftAlarm")
    assert len(alarms["MetricAlarms"]) == 1


def test_the_training_log_is_shown_live_and_kept(deployment, quick):
    """One short epoch of the smallest kind: its lines are shown, and CloudWatch has them afterwards."""
    *data, size = quick
    done = deployment.cloud.make("train", *data, f"{size} seed={time.time_ns() % 10**6}")
    assert "epoch=1" in done.stdout
    logs = deployment.cloud.client("logs")
    streams = logs.describe_log_streams(
        logGroupName="/aws/sagemaker/TrainingJobs", orderBy="LastEventTime", descending=True
    )["logStreams"]
    newest = next(stream for stream in streams if stream["logStreamName"].startswith(STACK))
    events = logs.get_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamName=newest["logStreamName"], startFromHead=True
    )["events"]
    assert any("epoch=1" in event["message"] for event in events)


def test_a_request_leaves_one_line_of_log_without_the_review_and_is_counted(deployment):
    logs, cloudwatch = deployment.cloud.client("logs"), deployment.cloud.client("cloudwatch")
    stack = {"Name": "Stack", "Value": STACK}
    now = datetime.datetime.now(datetime.UTC)
    hour = datetime.timedelta(hours=1)

    def requests_counted() -> float:
        points = cloudwatch.get_metric_statistics(
            Namespace="MovieSentiment",
            MetricName="Requests",
            Dimensions=[stack],
            StartTime=now - hour,
            EndTime=now + hour,
            Period=7200,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(point["Sum"] for point in points)

    before = requests_counted()
    answer = predict(deployment, json.dumps({"review": f"SECRET. {GOOD}"}))
    events = logs.filter_log_events(logGroupName=f"/aws/lambda/{deployment.outputs['FunctionName']}")[
        "events"
    ]
    messages = [event["message"] for event in events]
    request_id = answer.headers["apigw-requestid"]
    [line] = [
        json.loads(message) for message in messages if request_id in message and message.startswith("{")
    ]
    assert (line["requestId"], line["path"], line["status"]) == (request_id, "/predict", 200)
    assert line["Latency"] > 0
    assert not [message for message in messages if "SECRET" in message]
    assert requests_counted() == before + 1


def test_a_stopped_endpoint_is_an_error_and_not_a_verdict(deployment):
    sagemaker = deployment.cloud.client("sagemaker")
    name = deployment.outputs["EndpointName"]
    config = sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
    sagemaker.delete_endpoint(EndpointName=name)
    try:
        answer = predict(deployment, json.dumps({"review": GOOD}))
        assert answer.status_code == 503
        assert answer.json()["error"]["requestId"]
        assert "sentiment" not in answer.text
    finally:
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        sagemaker.get_waiter("endpoint_in_service").wait(
            EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
    assert predict(deployment, json.dumps({"review": GOOD})).status_code == 200
