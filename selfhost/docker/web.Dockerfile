# The page and the API. No model is inside: it comes from the registry, and is kept in a volume.
FROM python:3.12.12-slim-bookworm@sha256:593bd06efe90efa80dc4eee3948be7c0fde4134606dd40d8dd8dbcade98e669c AS packages
WORKDIR /packages
COPY selfhost/docker/web.lock ./
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --no-cache-dir --no-deps --require-hashes --requirement web.lock

FROM python:3.12.12-slim-bookworm@sha256:593bd06efe90efa80dc4eee3948be7c0fde4134606dd40d8dd8dbcade98e669c
RUN groupadd --gid 10001 sentiment \
    && useradd --uid 10001 --gid sentiment --no-create-home --home-dir /tmp sentiment \
    && install --directory --owner=sentiment --group=sentiment /var/cache/sentiment /var/lib/sentiment
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
# --chmod, since the user below could not read the files of a checkout that was made with a umask of 077.
COPY --chmod=755 lambda lambda
COPY --chmod=755 docs docs
COPY --chmod=755 website website
COPY --chmod=755 sentiment sentiment
COPY --chmod=755 project project
COPY --chmod=755 tracking tracking
COPY --chmod=755 selfhost selfhost
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 5000
CMD ["gunicorn", "--config", "selfhost/gunicorn.conf.py", "--bind", "0.0.0.0:5000"]
