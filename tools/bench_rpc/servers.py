"""The servers that are compared: how each is built and started."""

import base64
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import processes

FLOOR = "nghttpd, same bytes"
BARE, MESSAGES, STACK = "ours, bare handler", "ours, messages", "ours, whole stack"
# Another face of a server that is measured under another name.
TWINS = {"nghttpd, by GET", BARE}
CPP, GO, GRPC_SWIFT = "gRPC C++, callback API", "grpc-go", "grpc-swift-2, NIO transport"

WORK = Path(".local/bench")
CERTIFICATE, KEY = WORK / "certificate.pem", WORK / "key.pem"


class Missing(Exception):
    """A server cannot be compared here; says why."""


def run(command: list, **options) -> None:
    """Runs a build step; its output is shown when it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode:
        told = (done.stderr or done.stdout).strip().splitlines() or ["it says nothing"]
        raise Missing(f"{command[0]} failed: {told[-1]}")


def need(program: str, package: str) -> str:
    found = shutil.which(program)
    if not found:
        raise Missing(f"{program} is not installed (Debian: {package})")
    return found


def certificate() -> None:
    if not CERTIFICATE.exists():
        run([need("openssl", "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "3650", "-subj", "/CN=localhost", "-keyout", KEY, "-out", CERTIFICATE])


def token() -> tuple[Path, str]:
    """A new issuer's public keys, as a file, and a token of it, as callers of a service show one."""
    def encoded(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    openssl, secret, text, keys = need("openssl", "openssl"), WORK / "token-key.pem", WORK / "token.text", WORK / "jwks.json"
    run([openssl, "genpkey", "-algorithm", "ed25519", "-out", secret])
    public = subprocess.run([openssl, "pkey", "-in", secret, "-pubout", "-outform", "DER"], capture_output=True, check=True)
    keys.write_text(json.dumps({"keys": [
        {"kty": "OKP", "crv": "Ed25519", "kid": "bench", "x": encoded(public.stdout[-32:])}]}))
    claims = {"iss": "cdt", "aud": "cdt", "sub": "bench", "exp": int(time.time()) + 86_400, "grants": [{"verbs": ["*"]}]}
    parts = [{"alg": "EdDSA", "typ": "JWT", "kid": "bench"}, claims]
    signed = ".".join(encoded(json.dumps(part).encode()) for part in parts)
    text.write_text(signed)
    signature = subprocess.run(
        [openssl, "pkeyutl", "-sign", "-inkey", secret, "-rawin", "-in", text], capture_output=True, check=True)
    secret.unlink()
    return keys.absolute(), f"{signed}.{encoded(signature.stdout)}"


def is_fresh(product: Path, *sources: Path) -> bool:
    return product.exists() and all(product.stat().st_mtime > source.stat().st_mtime for source in sources)


# As the images are built.
RELEASE = ["swift", "build", "-c", "release", "--static-swift-stdlib"]


def build_ours(skip: bool) -> Path:
    if not skip:
        run([*RELEASE, "--product", "bench-rpc-server"])
    return Path(".build/release/bench-rpc-server").absolute()


def build_grpc_swift(skip: bool) -> Path:
    scratch = Path(".build-grpc-swift")
    if not skip:
        run([*RELEASE, "--package-path", "Tests/Benchmarks/GRPCSwift", "--scratch-path", scratch])
    program = scratch / "release/bench-grpc-swift"
    if not program.exists():
        raise Missing("not built; run without --skip-build")
    return program.absolute()


def build_cpp() -> Path:
    return build_cpp_program(WORK / "cpp-server", Path("Tests/Benchmarks/cpp/server.cc"))


def build_cpp_program(program: Path, source: Path) -> Path:
    """A program of gRPC C++ with the messages of proto/grpc/testing."""
    generated = WORK / "cpp"
    if not is_fresh(program, source):
        plugin = need("grpc_cpp_plugin", "protobuf-compiler-grpc")
        generated.mkdir(parents=True, exist_ok=True)
        run(["protoc", "-I", "proto", f"--cpp_out={generated}", f"--grpc_out={generated}",
             f"--plugin=protoc-gen-grpc={plugin}", *sorted(Path("proto/grpc/testing").glob("*.proto"))])
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "grpc++", "protobuf"], capture_output=True,
                               text=True).stdout.split()
        run([need("g++", "g++"), "-O2", "-std=c++17", "-I", generated, "-o", program, source,
             *sorted(generated.glob("grpc/testing/*.cc")), *flags])
    return program.absolute()


def build_calls() -> Path:
    """What drives the servers as gRPC's own clients do."""
    program, source = WORK / "calls", Path("Tests/Benchmarks/load/calls.c")
    headers = source.with_name("headers.h")
    if not is_fresh(program, source, headers):
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libnghttp2"], capture_output=True,
                               text=True).stdout.split()
        run([need("cc", "gcc"), "-O2", "-o", program, source, *flags])
    return program.absolute()


def build_go() -> Path:
    program, source = WORK / "go-server", Path("Tests/Benchmarks/go/server.go")
    if not is_fresh(program, source):
        # Debian's packages are a GOPATH of sources; modules would ask a registry.
        environment = os.environ | {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": "",
                                    "GOCACHE": str((WORK / "go-cache").absolute())}
        run([need("go", "golang-go"), "build", "-o", program.absolute(), source], env=environment)
    return program.absolute()


class Server:
    """A server to compare: `command(port)` starts it."""

    def __init__(self, name: str, command, tls=False, grpc=True, get=False, paths=None, shapes=None, headers=None):
        self.name, self.command, self.tls, self.grpc, self.get = name, command, tls, grpc, get
        self.headers = headers or {}  # sent with each call
        self.paths = paths or {}  # by shape, instead of the shape's own
        self.shapes = shapes  # those measured; None: all
        self.process = self.port = None

    def takes(self, shape) -> bool:
        return self.shapes is None or shape.key in self.shapes

    def path(self, shape) -> str:
        return self.paths.get(shape.key, shape.path)

    def start(self, core: int) -> None:
        self.port = processes.free_port()
        try:
            self.process = processes.listening(
                self.command(self.port), self.port, core, stderr=subprocess.DEVNULL)
        except processes.NotStarted:
            raise Missing("it does not start") from None

    def stop(self) -> None:
        if self.process:
            processes.kill(self.process)
            self.process = None

    @property
    def address(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"


def comparisons(shapes, generated: Path, skip_build: bool):
    """(name, make) of each: `make()` builds and returns the server, or raises `Missing`."""
    files = WORK / "htdocs"
    files.mkdir(parents=True, exist_ok=True)
    for shape in shapes:
        (files / shape.key).write_bytes(bytes(shape.reply_bytes))

    def server(name, build, arguments=lambda program, port: [program, port], **options):
        def make():
            program = build()
            return Server(name, lambda port: arguments(program, port), **options)

        return name, make

    def nghttpd(name, tls=False, **options):
        options |= {"tls": tls, "grpc": False, "paths": {shape.key: f"/{shape.key}" for shape in shapes}}
        common = ["-d", files, "-n", 1, "-a", "127.0.0.1"]
        return server(
            name, lambda: need("nghttpd", "nghttp2-server"),
            lambda program, port: [program, *common, *([port, KEY, CERTIFICATE] if tls else ["--no-tls", port])],
            **options)

    def ours(name, *arguments, **options):
        return server(name, lambda: build_ours(skip_build), lambda program, port: [program, port, *arguments], **options)

    def with_tls(program, port):
        return [program, port, CERTIFICATE, KEY]

    def whole_stack():
        """With what a provincial system sends: its token, and a deadline."""
        def make():
            keys, shown = token()
            headers = {"authorization": f"Bearer {shown}", "grpc-timeout": "10S"}
            return ours(STACK, "--jwks", keys, headers=headers)[1]()

        return STACK, make

    tls = {"h2load", "large"}
    python = Path("Tests/Benchmarks/python/server.py").absolute()
    return [
        nghttpd(FLOOR),
        nghttpd("nghttpd, by GET", get=True, shapes={"h2load"}),
        nghttpd("nghttpd, TLS", tls=True, shapes=tls),
        ours(BARE, paths={shape: "/bench.Bench/Unary" for shape in ["unary", "h2load"]}, shapes={"unary", "h2load"}),
        ours(MESSAGES),
        whole_stack(),
        ours("ours, messages, TLS", "--tls-certificate", CERTIFICATE, "--tls-key", KEY, tls=True, shapes=tls),
        server(CPP, build_cpp),
        server("gRPC C++, TLS", build_cpp, with_tls, tls=True, shapes=tls),
        server(GO, build_go),
        server("grpc-go, TLS", build_go, with_tls, tls=True, shapes=tls),
        server(GRPC_SWIFT, lambda: build_grpc_swift(skip_build)),
        server("Python grpcio", lambda: sys.executable, lambda program, port: [program, python, generated, port]),
    ]
