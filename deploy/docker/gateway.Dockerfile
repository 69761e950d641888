# The gateway: docker build -f deploy/docker/gateway.Dockerfile -t crossrank-gateway:0.1.0 .
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml deploy/docker/gateway.lock README.md LICENSE ./
COPY gateway gateway
COPY protos/python protos/python
COPY clients/python clients/python
# Whatever comes from an index is compared with the digests of the lock, setuptools for the build included. The command
# line is left out: it needs the parts of the local stack.
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes --requirement gateway.lock \
 && /venv/bin/pip install --no-cache-dir --no-index --no-build-isolation --no-deps ./protos/python ./clients/python . \
 && /venv/bin/pip uninstall --yes setuptools \
 && rm /venv/bin/crossrank

FROM python:3.11-slim-bookworm
COPY --from=build /venv /venv
# Encodings are read from the same repository that Triton loads: build both images from one commit.
COPY model_repository /models
ENV CROSSRANK_MODEL_REPOSITORY=/models \
    CROSSRANK_LISTEN=0.0.0.0:50051 \
    CROSSRANK_METRICS_LISTEN=0.0.0.0:9090 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
EXPOSE 50051 9090
USER 10001:10001
ENTRYPOINT ["/venv/bin/python", "-m", "gateway"]
