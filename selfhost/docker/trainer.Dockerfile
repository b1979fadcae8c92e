# Trains a model, logs it to MLflow and registers it; runs once and ends.
FROM python:3.12.12-slim-bookworm@sha256:593bd06efe90efa80dc4eee3948be7c0fde4134606dd40d8dd8dbcade98e669c AS packages
# The index of torch's builds without CUDA.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /packages
COPY requirements/torch-cpu.lock selfhost/docker/trainer.lock ./
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --no-deps --require-hashes --requirement trainer.lock \
    && pip --python /opt/venv/bin/python install --no-cache-dir --no-deps --require-hashes --index-url "$TORCH_INDEX" \
        --requirement torch-cpu.lock

FROM python:3.12.12-slim-bookworm@sha256:593bd06efe90efa80dc4eee3948be7c0fde4134606dd40d8dd8dbcade98e669c
RUN groupadd --gid 10001 sentiment \
    && useradd --uid 10001 --gid sentiment --no-create-home --home-dir /tmp sentiment \
    && install --directory --owner=sentiment --group=sentiment /app/build /app/var
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
# --chmod, since the user below could not read the files of a checkout that was made with a umask of 077.
COPY --chmod=755 lambda lambda
COPY --chmod=755 project project
COPY --chmod=755 tracking tracking
COPY --chmod=755 selfhost selfhost
COPY --chmod=755 sentiment sentiment
COPY --chmod=755 serve serve
COPY --chmod=755 train train
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
CMD ["python", "-m", "selfhost.trainer"]
