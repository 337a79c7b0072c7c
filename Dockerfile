FROM python:3.11-slim AS build
WORKDIR /src
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /dist .

FROM python:3.11-slim
# Arrow reads the system's time zones; the image has them today, and this keeps it so.
RUN apt-get update \
 && apt-get install --no-install-recommends --yes tzdata \
 && rm -rf /var/lib/apt/lists/*

COPY constraints.txt /tmp/
RUN --mount=type=bind,from=build,source=/dist,target=/dist \
    pip install --no-cache-dir --constraint /tmp/constraints.txt /dist/*.whl

ENV DL_ROOT=/lake \
    DO_NOT_TRACK=1 \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    PYTHONUNBUFFERED=1

# The volume takes its owner from the folder it covers.
RUN useradd --create-home --uid 1000 dl && install --directory --owner dl --group dl /lake
USER dl
VOLUME /lake
WORKDIR /lake
ENTRYPOINT ["dl"]
CMD ["--help"]
