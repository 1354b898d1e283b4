# The four services and cdt in one image; which one runs is the command: `registry`, `activity-reporting` …
#
# The programs carry Swift's own libraries; what they link besides comes from Debian. Needs no BuildKit.
ARG SWIFT_IMAGE=swift:6.3-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${SWIFT_IMAGE} AS build
RUN apt-get -q update \
    && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends \
        libnghttp2-dev libsqlite3-dev libpq-dev zlib1g-dev libcurl4-openssl-dev libprotobuf-c-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# Dependencies first: they change less often than our sources.
COPY Package.swift ./
RUN swift package resolve
COPY Shared Shared
COPY Services Services
COPY Tests Tests
COPY proto proto
RUN mkdir -p /out/bin \
    && for product in registry activity-reporting funding-policy notification cdt; do \
        swift build -c release --static-swift-stdlib --product $product || exit 1; \
        cp .build/release/$product /out/bin/; \
    done \
    && for bundle in .build/release/*.resources; do [ ! -e "$bundle" ] || cp -r "$bundle" /out/bin/; done

FROM ${BASE_IMAGE}
RUN apt-get -q update \
    && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends \
        libnghttp2-14 libsqlite3-0 libpq5 zlib1g libcurl4 ca-certificates tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --create-home cdt \
    && install -d -o cdt -m 700 /run/cdt /run/cdt/issuer /run/cdt/admin \
        /run/cdt/registry /run/cdt/activity /run/cdt/funding /run/cdt/notification
COPY --from=build /out/bin /usr/local/bin
USER cdt
WORKDIR /data
VOLUME /data
ENV CDT_DATA=/data
