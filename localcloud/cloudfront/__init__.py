"""CloudFront: distributions over S3 buckets, each really served on a port of its own."""

from localcloud.cloudfront.service import CloudFrontService

__all__ = ["CloudFrontService"]
