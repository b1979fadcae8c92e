"""How large the body of a request may be, before a service looks at it.

Services check their own, smaller quotas, in AWS's words for them.
"""

import re

import werkzeug

from localcloud.addresses import EXECUTE_API_PATH
from localcloud.protocol.calls import FORM, signature_of

MIB = 1024 * 1024
MAX_OBJECT_BYTES = 5 * 1024 * MIB
"""Of an object put into S3 by one request ("Uploading objects")."""
MAX_PAYLOAD_BYTES = 70_167_211
"""Of a request to Lambda that holds a function's code, as its own error message gives it: the most that any
API but S3 takes. APIs, functions and endpoints get payloads of at most 10, 6 and 25 MB."""
MAX_REQUEST_BYTES = 16 * MIB
"""Of other requests: those of DynamoDB's BatchWriteItem, the largest that describe something."""
MAX_FORM_BYTES = MIB
"""Of requests of the query protocol: those of CloudWatch's PutMetricData, the largest of them."""
PAYLOADS = re.compile(
    rf"{re.escape(EXECUTE_API_PATH)}/.*|/endpoints/.*|/\d{{4}}-\d\d-\d\d/(functions|layers)(/.*)?", re.DOTALL
)


def body_limit(request: werkzeug.Request) -> int:
    """The most bytes that the body of this request may have."""
    signature = signature_of(request)
    if signature and signature.service == "s3":
        return MAX_OBJECT_BYTES
    if PAYLOADS.fullmatch(request.path) or ".execute-api." in request.host:
        return MAX_PAYLOAD_BYTES
    if not signature and (request.method == "PUT" or request.mimetype == "multipart/form-data"):
        return MAX_OBJECT_BYTES  # S3 takes unsigned uploads, too
    return MAX_FORM_BYTES if request.mimetype == FORM else MAX_REQUEST_BYTES
