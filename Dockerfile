# The program in a small image: no toolchain, no database, no root. DATABASE_URL says where PostgreSQL is.
ARG SWIFT_IMAGE=docker.io/library/swift:6.3-bookworm
ARG RUNTIME_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${SWIFT_IMAGE} AS build
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends libpq-dev libinotifytools0-dev pkg-config
WORKDIR /src
# Packages first: they change seldom, and what has not changed is not fetched again.
COPY Package.swift ./
RUN swift package resolve
COPY . .
# There is no repository in here: the commit comes from outside.
ARG IMPORTER_COMMIT=""
RUN IMPORTER_COMMIT="$IMPORTER_COMMIT" scripts/stamp-commit \
    && swift build -c release $(scripts/static-stdlib) --product product-importer \
    && strip -o /product-importer "$(swift build -c release $(scripts/static-stdlib) --product product-importer --show-bin-path)/product-importer"

FROM ${RUNTIME_IMAGE}
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates libinotifytools0 libpq5 libstdc++6 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin importer \
    && install -d -o importer -g importer /data /data/inbox /data/outbox \
    && install -d -m 1777 /data/var
COPY --from=build /product-importer /usr/local/bin/product-importer
ENV IMPORTER_INBOX=/data/inbox IMPORTER_OUTBOX=/data/outbox IMPORTER_DATA=/data/var IMPORTER_HOST=0.0.0.0
WORKDIR /data
# root only where a fresh disk has to be handed over first, as on Render (render.yaml), which then steps down itself.
ARG RUN_AS=importer
USER ${RUN_AS}
EXPOSE 8000
STOPSIGNAL SIGTERM
# The server's own word, asked without any tool: bash speaks TCP.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/${IMPORTER_PORT:-${PORT:-8000}} && printf 'GET /health HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && read -r line <&3 && [[ $line == *' 200 '* ]]"]
CMD ["product-importer", "up"]
