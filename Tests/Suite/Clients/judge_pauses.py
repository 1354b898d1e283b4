"""The sandbox's judge of pauses, with a clock that is set. PYTHONPATH: tools."""

import types

from google.protobuf import wrappers_pb2
from integrator.rules import Judge

now = 0.0
method = types.SimpleNamespace(full_name="a.Service.Read", server_streaming=False)


def made_again(after, asked):
    """Whether a call that ended without an outcome, and was then made again, kept the rule."""
    global now
    judge = Judge(clock=lambda: now)
    for _ in range(2):
        call = judge.begin(method, "peer", True, True)
        judge.request(call, wrappers_pb2.StringValue(value="the same"))
        judge.end(call, "RESOURCE_EXHAUSTED", asked)
        now += after
    return judge.kept["pause"], len(judge.broken["pause"])


assert made_again(after=0.3, asked=0.3) == (1, 0)
assert made_again(after=0.2, asked=0.3) == (0, 1)
assert made_again(after=0.1, asked=0.0) == (1, 0)
assert made_again(after=0.0, asked=0.0) == (0, 1)
