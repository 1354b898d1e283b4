"""Follows the Registry's change feed into a SQLite file: the teams as they are now, and every change once.

What a response says and its cursor are stored in one transaction. So killed at any moment and started again, it misses
nothing and does nothing twice. What you do with a change belongs into the same transaction.
Needs the generated messages on PYTHONPATH: examples/README.md says how to make them.
"""

import argparse
import os
import pathlib
import random
import sqlite3
import sys
import time

import grpc
from cdt.feed.v1 import feed_pb2, feed_pb2_grpc
from cdt.registry.v1 import events_pb2
from google.rpc import error_details_pb2 as rpc
from grpc_status import rpc_status

TABLES = """
create table if not exists cursor (topic text primary key, cursor text not null);
create table if not exists team (name text primary key, version integer not null, display_name text not null);
create table if not exists change (sequence integer not null, name text not null, version integer not null);
"""


def details(error, kind):
    """The details of a kind that an error carries."""
    status = rpc_status.from_call(error)
    return [kind.FromString(d.value) for d in (status.details if status else ()) if d.Is(kind.DESCRIPTOR)]


def explain(error):
    """What an error tells: its reason, every field at fault, and the same in Vietnamese."""
    lines = [f"{error.code().name}: {error.details()}"]
    lines += [f"  reason {i.reason} ({i.domain}) {dict(i.metadata) or ''}" for i in details(error, rpc.ErrorInfo)]
    lines += [f"  field {v.field}: {v.description}"
              for b in details(error, rpc.BadRequest) for v in b.field_violations]
    lines += [f"  {v.type} {v.subject}: {v.description}"
              for p in details(error, rpc.PreconditionFailure) for v in p.violations]
    return "\n".join(lines + [f"  {t.locale}: {t.message}" for t in details(error, rpc.LocalizedMessage)])


def connect(address, a):
    """A channel, and the metadata of every call on it."""
    token = [("authorization", "Bearer " + pathlib.Path(a.token_file).read_text().strip())] if a.token_file else []
    # A connection that died without a word is found out by keepalive.
    alive = [("grpc.keepalive_time_ms", 60_000), ("grpc.keepalive_timeout_ms", 20_000)]
    if not a.authorities:
        return grpc.insecure_channel(address, alive), token
    authorities = pathlib.Path(a.authorities).read_bytes()
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(authorities), alive), token


def apply(event, database):
    """One change. An event carries the whole state, so a version that is not newer than ours says nothing new."""
    if not event.aggregate.startswith("teams/") or "/memberships/" in event.aggregate:
        return
    known = database.execute("select version, display_name from team where name = ?", [event.aggregate]).fetchone()
    if event.tombstone:  # it has left what we may see
        database.execute("delete from team where name = ?", [event.aggregate])
    elif known and known[0] >= event.version:
        return
    else:
        fact = events_pb2.TeamFact()
        event.payload.Unpack(fact)
        database.execute("insert or replace into team values (?, ?, ?)",
                         [event.aggregate, event.version, fact.display_name])
        if known == (0, fact.display_name):  # read again after a new beginning, and nothing new
            return
    database.execute("insert into change values (?, ?, ?)", [event.sequence, event.aggregate, event.version])


def begin_anew(database):
    """The history no longer reaches our cursor: all is read again. Version 0: not seen again yet."""
    with database:
        database.execute("update team set version = 0")
        database.execute("delete from cursor")


def follow(a, database):
    """One stream, from the stored cursor on; returns when caught up, if that is what was asked for."""
    cursor = database.execute("select cursor from cursor where topic = ?", [a.topic]).fetchone()
    channel, token = connect(a.registry, a)
    with channel:
        stream = feed_pb2_grpc.FeedServiceStub(channel).Follow(
            feed_pb2.FollowRequest(topic=a.topic, cursor=cursor[0] if cursor else "", max_batch=a.batch), metadata=token)
        for response in stream:
            with database:  # one transaction: all of it, or nothing
                for event in response.events:
                    apply(event, database)
                if response.caught_up:  # after a new beginning: what was not seen again is gone
                    database.execute("insert into change select 0, name, 0 from team where version = 0")
                    database.execute("delete from team where version = 0")
                database.execute("insert or replace into cursor values (?, ?)", [a.topic, response.cursor])
            if response.events:
                print(f"{len(response.events)} events applied", flush=True)
            a.failures = 0
            if response.caught_up and a.once:
                return


options = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="Exit codes: 0 caught up (--once); "
                                  "1 refused; 2 usage; 75 try again later.")
options.add_argument("database", help="SQLite file; made when missing")
options.add_argument("--once", action="store_true", help="end when nothing newer is there, for a timer")
options.add_argument("--batch", type=int, default=0, help="at most so many events in one transaction")
options.add_argument("--registry", default=os.environ.get("CDT_REGISTRY", "127.0.0.1:50051"), help="CDT_REGISTRY")
options.add_argument("--token-file", default=os.environ.get("CDT_TOKEN_FILE"), help="CDT_TOKEN_FILE")
options.add_argument("--authorities", default=os.environ.get("CDT_AUTHORITIES"), help="PEM, for TLS; CDT_AUTHORITIES")
arguments = options.parse_args(namespace=argparse.Namespace(topic="registry.facts", failures=0))
state = sqlite3.connect(arguments.database)
state.executescript(TABLES)
while True:
    try:
        follow(arguments, state)
        if arguments.once:
            sys.exit(0)
    except grpc.RpcError as failure:
        arguments.failures += 1
        print(explain(failure), file=sys.stderr)
        if failure.code() is grpc.StatusCode.OUT_OF_RANGE:  # CURSOR_EXPIRED
            begin_anew(state)
        elif failure.code() is grpc.StatusCode.UNAUTHENTICATED and arguments.failures == 1:
            pass  # the token ended the stream with it; the file may hold a new one
        elif failure.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
            sys.exit(1)
        elif arguments.failures == 8:
            sys.exit(75)
        asked = [i.retry_delay.ToTimedelta().total_seconds() for i in details(failure, rpc.RetryInfo)]
        time.sleep(asked[0] if asked else random.uniform(0.1, min(20, 0.2 * 2 ** arguments.failures)))
