"""A collector of traces, by the classes that OpenTelemetry publishes for Python: takes spans by OTLP/gRPC and keeps them.

    trace_collector.py FILE.json

It listens on a free port of 127.0.0.1. The first line on standard output says where: `listening on 127.0.0.1:PORT`.
SIGTERM ends it, and FILE.json then holds the spans.
"""

import concurrent.futures
import json
import signal
import sys
import threading

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2

spans = []
lock = threading.Lock()


def attributes(pairs):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    def Export(self, request, context):
        for group in request.resource_spans:
            resource = attributes(group.resource.attributes)
            for span in (span for scope in group.scope_spans for span in scope.spans):
                with lock:
                    spans.append({
                        "service": resource["service.name"],
                        "resource": resource,
                        "name": span.name,
                        "kind": trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                        "trace": span.trace_id.hex(),
                        "span": span.span_id.hex(),
                        "parent": span.parent_span_id.hex(),
                        "links": [{"trace": link.trace_id.hex(), "span": link.span_id.hex()} for link in span.links],
                        "nanoseconds": span.end_time_unix_nano - span.start_time_unix_nano,
                        "attributes": {key: str(value) for key, value in attributes(span.attributes).items()},
                        "failed": span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
                    })
        return trace_service_pb2.ExportTraceServiceResponse()


server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=4))
trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Collector(), server)
port = server.add_insecure_port("127.0.0.1:0")
ended = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ended.set())
server.start()
print(f"listening on 127.0.0.1:{port}", flush=True)
ended.wait()
server.stop(5).wait()
with lock, open(sys.argv[1], "w") as file:
    json.dump(spans, file)
