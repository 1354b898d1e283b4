# shellcheck shell=bash
# Starting and stopping the four services on this machine. Sourced by ./dev, which sets $bin.

services=(registry activity-reporting funding-policy notification)
declare -A service_pid=() service_port=()
# More options for Notification, for example where mail goes.
notification_options=()
# Programs that run beside the services and are stopped after them, for example the mail catcher.
helper_pids=() helper_line=""

# Starts all four with their data under a folder, waits until each is ready, and stops them when ./dev ends.
start_services() { # start_services FOLDER BASE_PORT
    local data=$1 base=$2 index=0 name
    mkdir -p "$data"
    for name in "${services[@]}"; do
        service_port[$name]=$((base + index))
        index=$((index + 1))
    done
    require_free_ports
    trap stop_services EXIT
    for name in "${services[@]}"; do start_service "$name" "$data"; done
    for name in "${services[@]}"; do wait_until_ready "$name" "$data"; done
}

# Another program on a port would answer in the service's place.
require_free_ports() {
    local name port
    for name in "${services[@]}"; do
        for port in "${service_port[$name]}" $((service_port[$name] + 1000)); do
            if (exec 9<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
                die "port $port, wanted for $name, is in use; stop what uses it or choose others with --base-port"
            fi
        done
    done
}

start_service() { # start_service NAME FOLDER
    local name=$1 data=$2 port=${service_port[$1]}
    local arguments=(--listen "127.0.0.1:$port" --admin-listen "127.0.0.1:$((port + 1000))" --data "$data/$name")
    [ "$name" = registry ] || arguments+=(--peer "registry=127.0.0.1:${service_port[registry]}")
    case $name in
        funding-policy | notification)
            arguments+=(--peer "activity=127.0.0.1:${service_port[activity-reporting]}") ;;
    esac
    if [ "$name" = notification ]; then
        arguments+=(--peer "funding=127.0.0.1:${service_port[funding-policy]}" "${notification_options[@]}")
    fi
    mkdir -p "$data/$name"
    # A session of its own: Ctrl-C in the terminal reaches ./dev alone, which then stops the services in order. The
    # setting is that of the images and units.
    GLIBC_TUNABLES=glibc.malloc.tcache_count=64 setsid "$bin/$name" "${arguments[@]}" </dev/null >>"$data/$name.log" 2>&1 &
    service_pid[$name]=$!
}

# Ready: the admin port says so. A service that ended tells why.
wait_until_ready() { # wait_until_ready NAME FOLDER
    local name=$1 log=$2/$1.log
    for _ in $(seq 300); do
        kill -0 "${service_pid[$name]}" 2>/dev/null || {
            tail -5 "$log" >&2
            die "$name ended at once; its log is $log"
        }
        if admin_says_ready $((service_port[$name] + 1000)); then return 0; fi
        sleep 0.1
    done
    tail -5 "$log" >&2
    die "$name is not ready after 30 s; its log is $log"
}

admin_says_ready() { # admin_says_ready PORT
    local line
    { exec 9<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
    printf 'GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' >&9
    read -r -t 2 line <&9 || line=""
    exec 9>&-
    [[ $line == *" 200 "* ]]
}

# SIGTERM to each, consumers before the Registry; SIGKILL to what has not ended after its grace of 25 s.
stop_services() {
    local index name
    trap - EXIT
    trap '' INT TERM
    for ((index = ${#services[@]} - 1; index >= 0; index--)); do
        name=${services[$index]}
        [ -n "${service_pid[$name]:-}" ] && kill -TERM "${service_pid[$name]}" 2>/dev/null || true
    done
    for name in "${services[@]}"; do
        [ -n "${service_pid[$name]:-}" ] || continue
        for _ in $(seq 250); do kill -0 "${service_pid[$name]}" 2>/dev/null || break; sleep 0.1; done
        kill -KILL "${service_pid[$name]}" 2>/dev/null || true
        wait "${service_pid[$name]}" 2>/dev/null || true
    done
    service_pid=()
    local pid
    for pid in "${helper_pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; done
    helper_pids=()
}

tell_ports() {
    local name
    for name in "${services[@]}"; do
        printf '  %-20s 127.0.0.1:%s   health and metrics: http://127.0.0.1:%s\n' \
            "$name" "${service_port[$name]}" "$((service_port[$name] + 1000))" >&2
    done
}

# Starts a program that runs beside the services, waits until its log has a line, and sets $helper_line to that.
start_helper() { # start_helper LOG PATTERN COMMAND…
    local log=$1 pattern=$2 pid
    shift 2
    # Not the line of an earlier run.
    : >"$log"
    setsid "$@" </dev/null >"$log" 2>&1 &
    pid=$!
    helper_pids+=("$pid")
    trap stop_services EXIT
    for _ in $(seq 100); do
        helper_line=$(grep -m1 "$pattern" "$log" || true)
        [ -z "$helper_line" ] || return 0
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    tail -5 "$log" >&2
    die "$1 does not start; its log is $log"
}

# Until Ctrl-C or SIGTERM, or until a service ends by itself, which is an error.
wait_for_interrupt() {
    local name
    trap 'echo >&2; stop_services; exit 0' INT TERM
    while :; do
        for name in "${services[@]}"; do
            kill -0 "${service_pid[$name]}" 2>/dev/null || die "$name has ended; see its log"
        done
        sleep 1 &
        wait $! || true
    done
}
