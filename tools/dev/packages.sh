# shellcheck shell=bash
# What the suite needs from Debian, and how it is installed. Sourced by ./dev.

build_packages=(
    libnghttp2-dev        # HTTP/2 framing (Shared/HTTP2)
    libsqlite3-dev        # the embedded database (Shared/Storage)
    libpq-dev             # PostgreSQL's client (Shared/Storage)
    zlib1g-dev            # gzip of messages (Shared/RPC)
    libcurl4-openssl-dev  # SMTP and HTTPS out (Services/Notification)
    libprotobuf-c-dev     # messages for C (Shared/CMessages)
    pkg-config            # finds the six above
    python3-venv          # .local/venv: the mail catcher of ./dev run, the Python client and buf of the tests
)
generate_packages=(
    protobuf-compiler     # protoc
    protobuf-c-compiler   # protoc-c
)
# The C client (Shared/ClientC): CMake builds it, valgrind watches its tests.
client_packages=(
    gcc libc6-dev cmake make valgrind libnghttp2-dev libprotobuf-c-dev libssl-dev zlib1g-dev pkg-config
    protobuf-c-compiler   # messages of the tests
    openssl               # certificates for the tests of TLS
    python3-venv          # the hostile servers of the tests
)
bench_packages=(
    nghttp2-client        # h2load makes the calls
    nghttp2-server        # nghttpd is what is compared with
)
# The other implementations ./dev bench rpc compares with; what cannot be had is named in its tables.
rpc_bench_packages=(
    g++ libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc        # gRPC C++
    golang-go golang-google-grpc-dev golang-google-protobuf-dev                       # grpc-go
    openssl                                                                           # a certificate
)
# What ./dev bench registry measures on, and holds the import against.
registry_bench_packages=(
    postgresql            # a server of its own
    sqlite3               # .import
)
test_packages=(
    "${client_packages[@]}"    # the C client's own tests run with all others
    "${generate_packages[@]}"  # a test remakes the generated code and compares
    ruby-grpc             # the official Ruby client calls the services
    protobuf-compiler-grpc    # its stubs, for examples/ruby
    ruby-sqlite3          # where examples/ruby keep what they follow
    sqlite3 jq            # what examples/shell are made of, beside buf
    postgresql            # the tests of storage start a server of their own
    openssl               # certificates for the tests of TLS
    systemd               # systemd-analyze reads the units of operations/
    libdb5.3 libicu72 libnsl2 libsasl2-2    # what Postfix is linked with
)

# Installs the named Debian packages that are missing, without a question.
install_packages() {
    command -v dpkg-query >/dev/null || {
        echo "dev: not a Debian system; make sure these are installed under their names here: $*" >&2
        return 0
    }
    local package missing=()
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        as_root=(sudo -n)
        sudo -n true 2>/dev/null || {
            echo "dev: these packages are missing, and there is no right to install them; run:" >&2
            echo "  apt-get install ${missing[*]}" >&2
            return 2
        }
    fi
    mkdir -p .local
    local log=$PWD/.local/apt-get.log apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
    echo "Installing ${missing[*]} (log: .local/apt-get.log)" >&2
    if ! { "${as_root[@]}" "${apt[@]}" update &&
        "${as_root[@]}" "${apt[@]}" install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
        tail -20 "$log" >&2
        echo "dev: apt-get failed; the whole log is .local/apt-get.log" >&2
        return 2
    fi
}

# Servers that only tests use, unpacked under .local: installed, they would be started, and Postfix would take the place of
# the machine's own mail server.
unpacked_programs() {
    unpack_package prometheus usr/bin/promtool
    unpack_package postfix usr/lib/postfix/sbin/master
}

unpack_package() { # unpack_package NAME PROGRAM-IN-IT
    local name=$1
    [ ! -x ".local/$name/$2" ] || return 0
    mkdir -p .local
    echo "Unpacking $name under .local (log: .local/$name.log)" >&2
    (
        cd .local
        rm -rf "$name" "${name}"_*.deb
        apt-get -q download "$name" || { apt-get -q update && apt-get -q download "$name"; }
        dpkg -x "${name}"_*.deb "$name"
        rm "${name}"_*.deb
    ) >".local/$name.log" 2>&1 || { tail -5 ".local/$name.log" >&2; return 2; }
}

# Makes .local/venv when it is absent or not as tools/python-requirements.txt wants it.
python_environment() {
    [ -x .local/venv/bin/python ] || echo "Making .local/venv with the Python packages of tools/python-requirements.txt" >&2
    tools/python-env >/dev/null
}
