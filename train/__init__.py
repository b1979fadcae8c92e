"""The programs that SageMaker training jobs, `mlflow run` and the self-hosted system start."""
