"""Finds what to run for the account's own images, which builds have put into its ECR registry.

For AWS's images, see images.py.
"""

import re
from dataclasses import dataclass

from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.codebuild.build import MANIFEST, image_description, own_registry
from localcloud.protocol import InvalidRequest

REFERENCE = re.compile(r"(?P<repository>[^:@]+)(?::(?P<tag>[^@]+)|@(?P<digest>sha256:[0-9a-f]{64}))?")


@dataclass(frozen=True)
class OwnImage:
    """The command of an image and the variables that it sets."""

    command: list[str]
    environment: dict[str, str]


def own_image(cloud: Cloud, image: str, role_arn: str) -> OwnImage | None:
    """What to run for an image in the account's registry; None for an image of another registry.

    Raises InvalidRequest for an image that does not exist, that the role may not pull, or that no build of
    this cloud has made.
    """
    registry, _, rest = image.partition("/")
    if registry != own_registry(cloud):
        return None
    found = REFERENCE.fullmatch(rest)
    if found is None:
        raise InvalidRequest(f"Requested image {image} not found.")
    name = {"imageDigest": found["digest"]} if found["digest"] else {"imageTag": found["tag"] or "latest"}
    try:
        answer = cloud.client("ecr", role_arn).batch_get_image(
            repositoryName=found["repository"], imageIds=[name]
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "RepositoryNotFoundException":
            raise InvalidRequest(f"Requested image {image} not found.") from None
        raise InvalidRequest(
            f"The role '{role_arn}' does not have BatchGetImage permission for the image: '{image}'. "
            f"({error})"
        ) from None
    if not answer["images"]:
        raise InvalidRequest(f"Requested image {image} not found.")
    media_type = answer["images"][0]["imageManifestMediaType"]
    if media_type != MANIFEST:
        # https://github.com/aws/amazon-sagemaker-feedback/issues/180
        raise InvalidRequest(
            f"Unsupported manifest media type {media_type} for image {image}. Ensure that valid manifest "
            "media type is used for specified image."
        )
    description = image_description(cloud, answer["images"][0]["imageManifest"])
    if description is None:
        raise InvalidRequest(
            f"localcloud runs images that a build of its CodeBuild has made from their Dockerfile; {image} "
            "is in its ECR, but nothing here knows what is in it."
        )
    return OwnImage(description["command"], description["environment"])
