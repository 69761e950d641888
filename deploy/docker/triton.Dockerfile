# Triton with the models: docker build -f deploy/docker/triton.Dockerfile -t crossrank-triton:0.1.0 .
# For GPUs:  --build-arg WORKER=gpu.txt --build-arg MODELS=<repository exported for gpu>, as crossrank-triton:0.1.0-gpu
FROM nvcr.io/nvidia/tritonserver:26.01-py3
ARG WORKER=cpu.lock
ARG MODELS=model_repository
COPY deploy/docker/triton_${WORKER} /opt/crossrank/worker.txt
RUN pip install --no-cache-dir --break-system-packages --requirement /opt/crossrank/worker.txt
COPY deploy/docker/triton_entrypoint.sh deploy/docker/probe_inference.py /opt/crossrank/
COPY deploy/__init__.py /opt/crossrank/deploy/
COPY deploy/local/__init__.py deploy/local/errors.py /opt/crossrank/deploy/local/
COPY deploy/local/parts/__init__.py deploy/local/parts/call_errors.py deploy/local/parts/triton_control.py \
     deploy/local/parts/triton_probe.py deploy/local/parts/triton_workers.py /opt/crossrank/deploy/local/parts/
COPY ${MODELS} /models
ENV PYTHONDONTWRITEBYTECODE=1
EXPOSE 8001 8002
USER 1000:1000
ENTRYPOINT ["/opt/crossrank/triton_entrypoint.sh"]
# Without HTTP: its side of Triton lets anybody unload models. Without model control: a model comes with its image.
CMD ["--model-repository=/models", "--model-control-mode=none", "--allow-http=false", "--grpc-port=8001", \
     "--metrics-port=8002", "--exit-timeout-secs=20", "--exit-on-error=false"]
