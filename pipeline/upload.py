"""Upload the prepared reviews to S3."""

from __future__ import annotations

from pipeline import aws, inputs, stack
from pipeline.settings import Settings
from project.console import say, step


def run(settings: Settings) -> None:
    """Upload the reviews, unless they are there. Raises PipelineError."""
    step("Upload to S3")
    if settings.on == "sagemaker":
        say("nothing to do: the reviews were prepared in S3")
        return
    bucket = stack.output(settings, "DataBucketName")
    prepared = settings.prepared()
    target = inputs.data_uri(bucket, prepared.key)
    manifest = f"{target}/manifest.json"
    if aws.exists(manifest):
        say(f"unchanged: {target}")
        return
    files = sorted(file for file in prepared.folder.rglob("*") if file.is_file())
    names = [file.relative_to(prepared.folder).as_posix() for file in files]
    for file, name in zip(files, names, strict=True):
        aws.upload(file, f"{target}/{name}")
    # Written last: if it exists, all files do.
    aws.write_json({"files": names}, manifest)
    say(f"wrote: {target} ({len(files)} files, {sum(file.stat().st_size for file in files) / 1e6:.1f} MB)")
