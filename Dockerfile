# syntax=docker/dockerfile:1
# streamguard, for worker, sink and every other command of it but those that need the embedded parts (dev, demo, broker, store).
# Built in a stage of its own; what runs has no compiler, no pip cache, no tests and no right to write anywhere but in its volume.
FROM python:3.11.15-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY deploy/image/build.lock deploy/image/runtime.lock ./locks/
# The interpreter's path is the same in both stages, so the environment can be carried over whole.
RUN python -m venv /opt/streamguard
RUN /opt/streamguard/bin/pip install --no-deps --only-binary :all: --require-hashes --requirement locks/runtime.lock
RUN python -m venv --without-pip /opt/builder
RUN /opt/streamguard/bin/pip --python /opt/builder/bin/python install --no-deps --only-binary :all: --require-hashes --requirement locks/build.lock
COPY pyproject.toml README.md LICENSE ./
COPY models ./models
COPY prompts ./prompts
COPY policies ./policies
COPY schemas ./schemas
COPY topics ./topics
COPY examples/support ./examples/support
COPY streamguard ./streamguard
RUN /opt/builder/bin/python -m hatchling build --target wheel --directory dist
RUN /opt/streamguard/bin/pip install --no-deps --no-index --find-links dist streamguard
RUN /opt/streamguard/bin/pip check
RUN /opt/streamguard/bin/pip uninstall --yes pip setuptools

FROM python:3.11.15-slim-bookworm
LABEL org.opencontainers.image.title="streamguard" \
      org.opencontainers.image.description="Guarded, cached and accounted requests to language models, carried over Kafka." \
      org.opencontainers.image.licenses="Apache-2.0"
# tini reaps what is left behind, and hands SIGTERM on to a first process that is not a shell.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/streamguard --create-home --shell /usr/sbin/nologin streamguard
COPY --from=build /opt/streamguard /opt/streamguard
COPY deploy/image/alive.py /opt/streamguard/alive.py
ENV PATH=/opt/streamguard/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    STREAMGUARD_WORKER__LOCK_DIR=/var/lib/streamguard/locks \
    STREAMGUARD_WORKER__METRICS_HOST=0.0.0.0 \
    STREAMGUARD_WORKER__METRICS_PORT=9464
USER 10001:10001
WORKDIR /var/lib/streamguard
# Names taken on this host, so that a worker that starts anew knows its dead predecessor at once (docs/delivery.md).
VOLUME /var/lib/streamguard
EXPOSE 9464
# Of the first worker; a sink, or more processes, name other ports: see docker-compose.yml.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 CMD ["python", "/opt/streamguard/alive.py", "9464"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["tini", "--", "streamguard"]
CMD ["worker"]
