"""AWS CodeBuild: projects whose builds make container images from a Dockerfile."""

from localcloud.codebuild.service import CodeBuildService

__all__ = ["CodeBuildService"]
