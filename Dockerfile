# One image for each service, and one for cdt: docker build --target registry -t cdt-registry:local .
#
# The programs carry Swift's own libraries; what they link besides comes from Debian. Needs no BuildKit. Where no image with
# Swift can be had, ./dev images puts programs that are built on the machine itself into the same stages.
ARG SWIFT_IMAGE=swift:6.3-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${SWIFT_IMAGE} AS build
RUN apt-get -q update \
    && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends \
        libnghttp2-dev libsqlite3-dev libpq-dev zlib1g-dev libcurl4-openssl-dev libprotobuf-c-dev pkg-config \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
WORKDIR /src
# Dependencies first: they change less often than our sources.
COPY Package.swift ./
RUN swift package resolve
COPY Shared Shared
COPY Services Services
COPY Tests Tests
# The package names every target, also those that are not built here.
COPY examples/swift examples/swift
COPY proto proto
RUN mkdir -p /out \
    && for product in registry activity-reporting funding-policy notification cdt; do \
        swift build -c release --static-swift-stdlib --product $product || exit 1; \
        strip -o /out/$product .build/release/$product; \
    done \
    && cp -r .build/release/cdt_Registry.resources /out/

FROM ${BASE_IMAGE} AS base
RUN apt-get -q update \
    && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends \
        libnghttp2-14 zlib1g ca-certificates tzdata \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && useradd --system --uid 10001 --home-dir /data --create-home cdt \
    && install -d -o cdt -m 700 /run/cdt /run/cdt/issuer /run/cdt/admin \
        /run/cdt/registry /run/cdt/activity /run/cdt/funding /run/cdt/notification
WORKDIR /data

FROM base AS cdt
COPY --from=build /out/cdt_Registry.resources /usr/local/bin/cdt_Registry.resources
COPY --from=build /out/cdt /usr/local/bin/
USER cdt
CMD ["cdt", "--help"]

# The databases' clients.
FROM base AS service
RUN apt-get -q update \
    && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends libsqlite3-0 libpq5 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
VOLUME /data
ENV CDT_DATA=/data
# glibc keeps 64 freed blocks of each size at hand for a thread instead of 7: the calls that one read of a socket brings
# begin together and end together. 9 % of a small call's CPU.
ENV GLIBC_TUNABLES=glibc.malloc.tcache_count=64

FROM service AS registry
COPY --from=build /out/cdt_Registry.resources /usr/local/bin/cdt_Registry.resources
COPY --from=build /out/registry /usr/local/bin/
USER cdt
CMD ["registry"]

FROM service AS activity-reporting
COPY --from=build /out/activity-reporting /usr/local/bin/
USER cdt
CMD ["activity-reporting"]

FROM service AS funding-policy
COPY --from=build /out/funding-policy /usr/local/bin/
USER cdt
CMD ["funding-policy"]

# It also calls out: mail and HTTPS.
FROM service AS notification
RUN apt-get -q update \
    && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends libcurl4 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY --from=build /out/notification /usr/local/bin/
USER cdt
CMD ["notification"]

# For trying things out: it keeps every mail it is given.
FROM base AS mail-catcher
RUN apt-get -q update \
    && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends python3 python3-aiosmtpd \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && install -d -o cdt /mail
COPY tools/mail_catcher.py /usr/local/lib/
VOLUME /mail
USER cdt
CMD ["python3", "/usr/local/lib/mail_catcher.py", "/mail", "2525"]
