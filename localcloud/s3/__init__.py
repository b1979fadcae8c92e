"""S3: the checks that moto's S3 lacks, and website endpoints."""

from localcloud.s3.service import S3Service
from localcloud.s3.websites import WebsiteService

__all__ = ["S3Service", "WebsiteService"]
