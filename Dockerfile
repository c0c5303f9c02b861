# docker build -t rrcanet-serve:cpu .
# docker build -t rrcanet-serve:gpu --build-arg RUNTIME=gpu .
# docker build -t rrcanet-serve:otel --build-arg RUNTIME=cpu,otel .
# the digest fixes the content; docs/how-to/docker.md says how to take a newer one
ARG BASE=python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

# what others wrote: built anew only if a pin changes, whatever else is new in pyproject.toml
FROM ${BASE} AS dependencies
# cpu or gpu: the build of ONNX Runtime; gpu brings the CUDA libraries as wheels. with ,otel OpenTelemetry too, with ,fits astropy
ARG RUNTIME=cpu
RUN case "${RUNTIME}" in cpu|gpu|[cg]pu,otel|[cg]pu,fits|[cg]pu,otel,fits) ;; \
    *) echo "RUNTIME=${RUNTIME}: must be cpu or gpu, then ,otel or ,fits or ,otel,fits" >&2; exit 1 ;; esac
RUN python3 -m venv /venv
WORKDIR /source
COPY requirements/cpu.txt requirements/gpu.txt requirements/otel.txt requirements/fits.txt requirements/
RUN --mount=type=cache,target=/pip-cache \
    /venv/bin/pip install --cache-dir /pip-cache --no-compile --require-hashes \
    $(echo "${RUNTIME}" | tr , '\n' | sed 's|.*|-r requirements/&.txt|')
# bytecode of unchecked hashes: valid whatever a registry or builder does to the times of files
RUN /venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /venv/lib

# the package alone, below /package as it will lie below /
FROM dependencies AS package
COPY requirements/build.txt requirements/
RUN --mount=type=cache,target=/pip-cache \
    /venv/bin/pip install --cache-dir /pip-cache --require-hashes -r requirements/build.txt
COPY . .
RUN /venv/bin/pip install --no-cache-dir --no-compile --no-deps --no-build-isolation --root /package .
RUN /venv/bin/python -m compileall -q --invalidation-mode unchecked-hash -s /package -p / /package/venv/lib

# what the image consists of, read from what is installed, as CycloneDX; the tool that reads it stays outside
FROM dependencies AS sbom
COPY requirements/supply.txt requirements/
RUN --mount=type=cache,target=/pip-cache \
    python3 -m venv /supply && /supply/bin/pip install --cache-dir /pip-cache --require-hashes -r requirements/supply.txt
COPY --from=package /package /
RUN /supply/bin/cyclonedx-py environment --output-reproducible --of JSON -o /sbom.json /venv/bin/python

FROM ${BASE}
# Linux drops SIGTERM for a first process that has no handler yet; tini has one from its first moment, and passes it on
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
COPY --from=dependencies /venv /venv
COPY --from=package /package /
COPY --from=sbom /sbom.json /usr/share/doc/rrcanet-serve/sbom.json
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
# no proxy: Docker hands the client's proxy settings to containers. Addresses: localhost has no ::1 in every /etc/hosts
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python3", "-c", "import os, sys, urllib.request as r\ndef ask(host):\n try: return r.build_opener(r.ProxyHandler({})).open('http://' + host + ':' + os.environ['RRCANET_PORT'] + '/readyz', timeout=2)\n except OSError: return None\nsys.exit(not any(map(ask, ('127.0.0.1', '[::1]'))))"]
# 143 is left as it is: a command that SIGTERM ended did not do its work; -s: no complaint where tini is not the first process
ENTRYPOINT ["tini", "-s", "--", "rrcanet"]
CMD ["serve"]
# last: they change with every build
ARG BASE
ARG REVISION=unknown
LABEL org.opencontainers.image.title="rrcanet-serve" \
      org.opencontainers.image.description="RRCA-Net for infrared small-target detection, served over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"
