"""Load on several servers, round-robin, until standard input ends: what the scripts beside this one share."""

import sys
import threading

import grpc


def channel_to(targets):
    # Without retries: only what no server has seen is made again.
    return grpc.insecure_channel("ipv4:" + ",".join(targets), [
        ("grpc.lb_policy_name", "round_robin"), ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000)])


def load(one, names, workers):
    """Makes calls by `one(turn)`, which returns the id of the server that answered, or None; `names` are those of the
    calls, by turn. Prints `using ID...` a few times a second, and at the end `failed WHY` for the first failures and
    `calls N failed N`. Ends the process with 1 when a call failed."""
    lock, stopped = threading.Lock(), threading.Event()
    succeeded, failures, servers = [0], [], set()

    def work(turn):
        while not stopped.is_set():
            try:
                server = one(turn)
                with lock:
                    succeeded[0] += 1
                    if server is not None:
                        servers.add(server)
            except Exception as error:
                with lock:
                    failures.append(f"{names[turn % len(names)]}: " + repr(error).replace("\n", " "))
            turn += 1

    def tell():
        while not stopped.wait(0.2):
            with lock:
                print("using", *sorted(servers), flush=True)
                servers.clear()

    threads = [threading.Thread(target=work, args=(turn,)) for turn in range(workers)]
    threads.append(threading.Thread(target=tell))
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stopped.set()
    for thread in threads:
        thread.join()
    for failure in failures[:20]:
        print("failed", failure)
    print("calls", succeeded[0], "failed", len(failures), flush=True)
    sys.exit(1 if failures else 0)
