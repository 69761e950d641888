# Triton with the models: docker build -f deploy/docker/triton.Dockerfile -t crossrank-triton:0.1.0 .
# For GPUs:  --build-arg ONNXRUNTIME="onnxruntime-gpu[cuda,cudnn]==1.31.1" --build-arg MODELS=<repository exported for gpu>
FROM nvcr.io/nvidia/tritonserver:26.01-py3
ARG ONNXRUNTIME="onnxruntime==1.32.0"
ARG MODELS=model_repository
# numpy 2 empties every output of Triton's Python worker. tritonclient is for the probe. ONNXRUNTIME pins its version.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir --break-system-packages "numpy==1.26.4" "${ONNXRUNTIME}" "tritonclient[grpc]==2.73.0"
COPY deploy/docker/triton_entrypoint.sh deploy/docker/probe_inference.py /opt/crossrank/
COPY deploy/__init__.py /opt/crossrank/deploy/
COPY deploy/local/__init__.py deploy/local/errors.py deploy/local/call_errors.py deploy/local/triton_probe.py \
     /opt/crossrank/deploy/local/
COPY ${MODELS} /models
ENV PYTHONDONTWRITEBYTECODE=1
EXPOSE 8001 8002
USER 1000:1000
ENTRYPOINT ["/opt/crossrank/triton_entrypoint.sh"]
# Without HTTP: its side of Triton lets anybody unload models. Without model control: a model comes with its image.
CMD ["--model-repository=/models", "--model-control-mode=none", "--allow-http=false", "--grpc-port=8001", \
     "--metrics-port=8002", "--exit-timeout-secs=20"]
