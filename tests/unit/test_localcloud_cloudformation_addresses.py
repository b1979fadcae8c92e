"""Public host names and where this cloud serves them."""

from types import SimpleNamespace

import pytest

from localcloud import addresses

CLOUD = SimpleNamespace(url="http://127.0.0.1:4566", port=4566, account_id="123456789012")


@pytest.fixture
def distribution():
    addresses.publish("d123.cloudfront.net", "http://127.0.0.1:4567")
    yield "https://d123.cloudfront.net"
    addresses.withdraw("d123.cloudfront.net")


def test_only_the_origin_of_an_api_changes():
    public = "https://a1b2c3.execute-api.us-east-1.amazonaws.com"
    local = "http://127.0.0.1:4566/_aws/execute-api/a1b2c3"
    for path in ("", "/predict", "/test/predict"):
        assert addresses.localise(CLOUD, public + path) == local + path


def test_a_distribution_is_at_its_own_port_while_it_is_served(distribution):
    assert (
        addresses.localise(CLOUD, f"see {distribution}/index.html") == "see http://127.0.0.1:4567/index.html"
    )
    assert addresses.local_origin(CLOUD, distribution) == "http://127.0.0.1:4567"
    addresses.withdraw("d123.cloudfront.net")
    assert addresses.localise(CLOUD, distribution) == distribution


def test_a_website_bucket_is_at_a_name_under_localhost():
    public = "http://my.site.s3-website-us-east-1.amazonaws.com"
    assert addresses.local_origin(CLOUD, public) == "http://my.site.s3-website.localhost:4566"


def test_other_origins_stay_as_they_are():
    assert addresses.local_origin(CLOUD, "https://example.org") == "https://example.org"
    assert addresses.local_origin(CLOUD, "*") == "*"
