"""Why a build fails."""


class BuildFailed(Exception):
    """A build cannot go on; the message becomes that of its phase."""
