"""The HTTP API of infra/openapi.yaml: `api` for any host and any model, the rest for Lambda and SageMaker."""
