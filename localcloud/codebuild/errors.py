"""The error of a failed build."""


class BuildFailed(Exception):
    """A build cannot continue; the message becomes that of its phase."""
