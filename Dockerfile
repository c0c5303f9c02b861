# docker build -t rrcanet-serve:cpu .
# docker build -t rrcanet-serve:gpu --build-arg RUNTIME=gpu .
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
# cpu or gpu: the build of ONNX Runtime; gpu brings the CUDA libraries as wheels
ARG RUNTIME=cpu
RUN python3 -m venv /venv
WORKDIR /source
COPY . .
RUN --mount=type=cache,target=/pip-cache \
    /venv/bin/pip install --cache-dir /pip-cache --no-compile --constraint requirements/serve.txt ".[${RUNTIME}]"
# bytecode of unchecked hashes: valid whatever a registry or builder does to the times of files
RUN /venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /venv/lib

FROM ${BASE}
ARG BASE
ARG REVISION=unknown
LABEL org.opencontainers.image.title="rrcanet-serve" \
      org.opencontainers.image.description="RRCA-Net for infrared small-target detection, served over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"
COPY --from=build /venv /venv
# ONNX Runtime's own builds report to Microsoft unless told not to
ENV PATH="/venv/bin:${PATH}" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1 \
    RRCANET_HOST=0.0.0.0 \
    RRCANET_PORT=8000 \
    RRCANET_LOG_FORMAT=json
USER 10001:10001
EXPOSE 8000
# no proxy: Docker hands the client's proxy settings to containers
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python3", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['RRCANET_PORT'] + '/readyz', timeout=4)"]
ENTRYPOINT ["rrcanet"]
CMD ["serve"]
