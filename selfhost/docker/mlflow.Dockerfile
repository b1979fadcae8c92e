# MLflow's tracking server and model registry.
FROM python:3.12.12-slim-bookworm@sha256:593bd06efe90efa80dc4eee3948be7c0fde4134606dd40d8dd8dbcade98e669c AS packages
WORKDIR /packages
COPY selfhost/docker/mlflow.lock ./
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --no-deps --require-hashes --requirement mlflow.lock

FROM python:3.12.12-slim-bookworm@sha256:593bd06efe90efa80dc4eee3948be7c0fde4134606dd40d8dd8dbcade98e669c
RUN groupadd --gid 10002 mlflow \
    && useradd --uid 10002 --gid mlflow --no-create-home --home-dir /tmp mlflow \
    && install --directory --owner=mlflow --group=mlflow /var/lib/mlflow/database /var/lib/mlflow/artifacts
COPY --from=packages /opt/venv /opt/venv
WORKDIR /var/lib/mlflow
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10002:10002
EXPOSE 5000
CMD ["mlflow", "server", "--host", "0.0.0.0", "--port", "5000"]
