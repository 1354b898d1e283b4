"""What the guides ask of a client, judged by the calls it makes."""

import collections
import threading
import time

# Rule → what is asked for, and the guide that says why.
RULES = {
    "token": ("every call bears a token", "tls-and-tokens"),
    "deadline": ("every call with one reply has a deadline", "limits"),
    "connection": ("a connection is kept for many calls", "load-balancing"),
    "id": ("every write bears a request or operation id", "idempotence"),
    "other-id": ("another write bears another id", "idempotence"),
    "same-id": ("a write without a known outcome is made again, as it was, under the same id", "idempotence"),
    "pause": ("what is made again waits, and as long as RetryInfo says", "limits"),
    "refused": ("what was refused as wrong is not sent again unchanged", "errors"),
    "page": ("a page token goes back with the query it came from", "pagination"),
    "cursor": ("a feed is gone on with from a cursor it gave", "feeds"),
    "unknown": ("replies with fields of a later version are read", "versioning"),
}
# Nobody knows whether it was done, or it certainly was not: worth another try.
OPEN = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "UNKNOWN"}
# The same again fails again.
WRONG = {"INVALID_ARGUMENT", "PERMISSION_DENIED", "UNIMPLEMENTED"}
IDS = ("request_id", "operation_id")
# Shorter than any pause with jitter that is one.
SHORTEST_PAUSE = 0.02
# So many calls show whether connections are kept; so many of them for each connection are the least.
ENOUGH_CALLS, CALLS_PER_CONNECTION = 20, 4
EXAMPLES = 3


def holders(message):
    """The messages, of this one and those inside it, that have an id; with the field's name."""
    for field in message.DESCRIPTOR.fields:
        if field.name in IDS:
            yield message, field.name
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for part in value if field.is_repeated else [value]:
            yield from holders(part)


def without(message, *names):
    """A message's bytes without some of its fields."""
    copy = type(message)()
    copy.CopyFrom(message)
    for name in names:
        if name in copy.DESCRIPTOR.fields_by_name:
            copy.ClearField(name)
    return copy.SerializeToString(deterministic=True)


def split(message):
    """A request's bytes without its ids, and the ids."""
    copy = type(message)()
    copy.CopyFrom(message)
    found = []
    for holder, name in list(holders(copy)):
        found.append(getattr(holder, name))
        holder.ClearField(name)
    return copy.SerializeToString(deterministic=True), found


class Open:
    """A call that ended without a known outcome, and was not made again yet."""

    def __init__(self, call, ended, wait):
        self.content, self.ids, self.ended, self.wait = call.content, call.ids, ended, wait


class Call:
    """One call, as far as it has come."""

    def __init__(self, method):
        self.method, self.content, self.ids, self.query, self.topic = method, None, [], None, None


class Judge:
    """Hears of every call and keeps what held and what did not. Any thread may tell it."""

    def __init__(self, clock=time.monotonic):
        self.lock, self.clock = threading.Lock(), clock
        self.kept, self.broken = collections.Counter(), collections.defaultdict(list)
        self.calls, self.peers, self.read = 0, set(), 0
        self.open = collections.defaultdict(list)  # by method
        self.contents = {}  # by method and id
        self.wrong = {}  # by method, the content last refused as wrong
        self.tokens = {}  # page token → its query
        self.cursors = collections.defaultdict(set)  # by topic
        self.expired = set()  # topics whose next cursor may be empty

    def _hold(self, rule, held, said):
        if held:
            self.kept[rule] += 1
        else:
            self.broken[rule].append(said)

    def begin(self, method, peer, has_token, has_deadline):
        """A call came; `method` is its descriptor."""
        with self.lock:
            call = Call(method)
            self.calls += 1
            self.peers.add(peer)
            # A client that could not read it would have come no further.
            if self.read:
                self.kept["unknown"] += 1
            self._hold("token", has_token, f"{method.full_name} without authorization")
            if not method.server_streaming:
                self._hold("deadline", has_deadline, f"{method.full_name} without grpc-timeout")
            return call

    def request(self, call, message):
        """The request of a call that sends one."""
        with self.lock:
            name = call.method.full_name
            call.content, call.ids = split(message)
            self._hold_ids(name, message)
            self._again(call, name)
            if name in self.wrong:
                self._hold("refused", self.wrong.pop(name) != call.content, f"{name}: the same request again")
            if "page_token" in message.DESCRIPTOR.fields_by_name:
                call.query = name, without(message, "page_token", "page_size")
                if message.page_token:
                    of = self.tokens.get(message.page_token)
                    self._hold("page", of == call.query, f"{name}: " + (
                        "page_token is of another query" if of else "no reply gave this page_token"))
            if name.endswith("FeedService.Follow"):
                self._follow(call, message)

    def streamed(self, call, message):
        """A message of a stream of requests, of which only the ids are judged."""
        with self.lock:
            self._hold_ids(call.method.full_name, message)

    def _hold_ids(self, name, message):
        for holder, field in holders(message):
            value = getattr(holder, field)
            self._hold("id", bool(value), f"{name}: {field} is empty")
            if value:
                content = without(holder, field)
                same = self.contents.setdefault((name, value), content) == content
                self._hold("other-id", same, f"{name}: {field} {value} came with other content before")

    def _again(self, call, name):
        for earlier in self.open[name]:
            if earlier.content == call.content:
                self.open[name].remove(earlier)
                if call.ids:
                    self._hold("same-id", earlier.ids == call.ids, f"{name}: {earlier.ids} came again as {call.ids}")
                waited = self.clock() - earlier.ended
                said = f"{name}: again after {waited:.2f} s, not {earlier.wait:.2f}"
                self._hold("pause", waited >= earlier.wait, said)
                return

    def _follow(self, call, message):
        call.topic = message.topic
        given = self.cursors[call.topic]
        if given and call.topic not in self.expired:
            self._hold("cursor", message.cursor in given, f"{message.topic}: " + (
                "no reply gave this cursor" if message.cursor else "from the beginning again, without the cursor"))
        self.expired.discard(call.topic)

    def reply(self, call, message):
        """A reply goes to the client."""
        with self.lock:
            self.read += 1
            if call.query and getattr(message, "next_page_token", ""):
                self.tokens[message.next_page_token] = call.query
            if call.topic and message.cursor:
                self.cursors[call.topic].add(message.cursor)

    def end(self, call, code, wait=0.0):
        """The client is told how the call ended; `wait`: what RetryInfo says, in seconds."""
        with self.lock:
            name = call.method.full_name
            if code in OPEN and call.content is not None:
                self.open[name].append(Open(call, self.clock(), max(wait * 0.95, SHORTEST_PAUSE)))
            if code in WRONG and call.content is not None:
                self.wrong[name] = call.content
            if code == "OUT_OF_RANGE" and call.topic:
                self.expired.add(call.topic)

    def report(self):
        """Lines of Markdown, and whether a rule was broken."""
        with self.lock:
            kept, broken = collections.Counter(self.kept), {rule: list(said) for rule, said in self.broken.items()}
            if self.calls >= ENOUGH_CALLS:
                if len(self.peers) * CALLS_PER_CONNECTION > self.calls:
                    broken["connection"] = [f"{len(self.peers)} connections for {self.calls} calls"]
                else:
                    kept["connection"] = self.calls
            for name, calls in self.open.items():
                said = [f"{name} {call.ids}: was not made again" for call in calls if call.ids]
                if said:
                    broken["same-id"] = broken.get("same-id", []) + said
            lines = [f"{self.calls} calls over {len(self.peers)} connections", "", "| rule | kept | broken | guide |",
                     "| --- | --- | --- | --- |"]
            for rule, (title, guide) in RULES.items():
                seen = kept[rule] or broken.get(rule)
                counts = f"{kept[rule]} | {len(broken.get(rule, []))}" if seen else "not seen | "
                lines.append(f"| {title} | {counts} | docs/guides/{guide}.md |")
            for rule, said in broken.items():
                lines += ["", f"**Broken: {RULES[rule][0]}**"] + [f"- {one}" for one in said[:EXAMPLES]]
                if len(said) > EXAMPLES:
                    lines.append(f"- and {len(said) - EXAMPLES} more")
            return lines, bool(broken)
