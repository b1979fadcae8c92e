"""CloudFront: distributions of S3 buckets, each served on a port of its own."""

from localcloud.cloudfront.service import CloudFrontService

__all__ = ["CloudFrontService"]
