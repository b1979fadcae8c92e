"""schemathesis against the running API: nothing generated gets a 5xx or an answer outside of the contract."""

from __future__ import annotations

import time

import pytest
import schemathesis
from contract import CONTRACT, answer_conforms
from hypothesis import HealthCheck, Phase, settings

EXAMPLES = 20

# 413 is a refusal, too; and of ids in the right form, most are of no vote or of an old one.
checks = {
    "negative_data_rejection": {"expected-statuses": [400, 404, 405, 413, 415]},
    "positive_data_acceptance": {"expected-statuses": ["2xx", 304, 404, 410]},
}
schema = schemathesis.openapi.from_dict(CONTRACT, config=schemathesis.Config.from_dict({"checks": checks}))


@pytest.mark.slow
@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_any_generated_request_gets_an_answer_of_the_contract(case, api_url):
    response = case.call(base_url=api_url)
    while response.status_code == 429:  # the gateway's limit, which is not what is tested here
        time.sleep(0.3)
        response = case.call(base_url=api_url)
    case.validate_response(response)
    assert response.status_code < 500
    headers = {name.lower(): values[0] for name, values in response.headers.items()}
    answer_conforms(case.path, case.method, response.status_code, headers, response.content)
