# One image a service:  docker build --build-arg SERVICE=review_queue -t labelmesh/review-queue:0.1.0 .
# SERVICE is a folder of services/. `make image-check` replays the RUN steps below without Docker.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
ARG SERVICE
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

# What comes from outside, each file checked against the hash in its lock: the build backend, then the service's own
# dependencies, as wheels. The environment that runs has neither pip nor setuptools.
COPY locks/build.txt locks/${SERVICE}.txt locks/
RUN python -m venv /build && /build/bin/pip install --quiet --require-hashes -r locks/build.txt
RUN /build/bin/pip wheel --quiet --require-hashes --no-build-isolation -w /wheels -r locks/${SERVICE}.txt

# What is ours: the libraries and this one service.
COPY protos protos
COPY libs libs
COPY services/${SERVICE} services/${SERVICE}
RUN /build/bin/pip wheel --quiet --no-deps --no-build-isolation -w /wheels ./protos ./libs/labels ./libs/chassis ./services/${SERVICE}
RUN python -m venv --without-pip /app
RUN /build/bin/pip --python /app/bin/python install --quiet --no-deps --no-index /wheels/*.whl && /build/bin/pip --python /app/bin/python check
# An exec-form ENTRYPOINT knows no build arguments, so the console script gets a name that is the same everywhere.
RUN ln -s "$(echo ${SERVICE} | tr _ -)" /app/bin/service && test -x /app/bin/service
RUN /app/bin/python -m compileall -q /app/lib

FROM python:${PYTHON}-slim
COPY --from=build /app /app
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
WORKDIR /tmp
# gRPC, and the Prometheus page when LABELMESH_METRICS_LISTEN says so.
EXPOSE 7400 9464
ENTRYPOINT ["/app/bin/service"]
