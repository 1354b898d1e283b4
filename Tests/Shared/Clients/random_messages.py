"""Random messages of the contract, made and judged by Google's own Python protobuf.

random_messages.py make DESCRIPTOR_SET SEED COUNT OUT
    Writes COUNT valid messages of each type and as many damaged ones, with Python's verdict on each; and of each type
    messages that every language writes as the same bytes: one empty, one with all there is, COUNT at random.
random_messages.py check DESCRIPTOR_SET IN
    Reads messages, each with what another implementation made of it; prints those that are not equal.

A record: type name, verdict (1: valid, 0: not, =: valid, and every language writes these very bytes), bytes; each with
its length before it. For check the second bytes replace the verdict.
"""

import random
import struct
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

command, descriptors = sys.argv[1:3]
pool = descriptor_pool.DescriptorPool()
with open(descriptors, "rb") as file:
    files = descriptor_pb2.FileDescriptorSet.FromString(file.read()).file
missing = {proto.name: proto for proto in files}


def add(proto):
    """A file after those that it imports."""
    for name in proto.dependency:
        if name in missing:
            add(missing[name])
    if missing.pop(proto.name, None) is not None:
        pool.Add(proto)


for proto in files:
    add(proto)


def message_class(name):
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


TEXTS = ["", "a", "Xã Mường Mùn", "HĐND tỉnh Hà Tĩnh", "e\u0301🏳️‍🌈", "nul \0 inside", "line\nbreak", "x" * 200]
INTEGERS = {
    "int32": [0, 1, -1, -2**31, 2**31 - 1], "int64": [0, 1, -1, -2**63, 2**63 - 1, 600_000],
    "uint32": [0, 1, 2**32 - 1], "uint64": [0, 1, 2**64 - 1]}


# Keys of maps that are in the same order by their bytes, as Python sorts them, and by their characters, as Swift does.
KEYS = ["amount", "due_date", "k" * 200, "team"]


class Same:
    """A source of random values of which every language writes the same bytes. C has no NUL in a text, writes no -0.0,
    and leaves out a key or a value of a map that is empty. With `full` no field is left out or has its default."""

    def __init__(self, rng, full=False):
        self.rng, self.full = rng, full

    def random(self):
        # Not under 0.3, for a field to be there, and under 0.5, for a flag to be true.
        return 0.4 if self.full else self.rng.random()

    def randint(self, low, high):
        return high if self.full else self.rng.randint(low, high)

    def randbytes(self, count):
        return self.rng.randbytes(count)

    def choice(self, values):
        return self.rng.choice([value for value in values if not self.is_lax(value) and (value or not self.full)])

    @staticmethod
    def is_lax(value):
        return isinstance(value, str) and "\0" in value or str(value) == "-0.0"


def entry_part(field, rng):
    """A key or a value of a map."""
    if isinstance(rng, Same) and field.cpp_type == field.CPPTYPE_STRING:
        return rng.choice(KEYS if field.name == "key" else [text for text in TEXTS if text])
    return scalar(field, rng)


def scalar(field, rng):
    kind = field.cpp_type
    if kind == field.CPPTYPE_STRING:
        if field.type == field.TYPE_BYTES:
            return rng.randbytes(rng.choice([0, 1, 20]))
        return rng.choice(TEXTS)
    if kind == field.CPPTYPE_BOOL:
        return rng.random() < 0.5
    if kind == field.CPPTYPE_ENUM:
        return rng.choice([value.number for value in field.enum_type.values] + [77])
    if kind in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
        return rng.choice([0.0, -0.0, 0.25, -1.5, float("inf"), float("nan")])
    name = {field.CPPTYPE_INT32: "int32", field.CPPTYPE_INT64: "int64", field.CPPTYPE_UINT32: "uint32",
            field.CPPTYPE_UINT64: "uint64"}[kind]
    return rng.choice(INTEGERS[name])


def fill(message, rng, depth=0):
    for field in message.DESCRIPTOR.fields:
        if rng.random() < 0.3 or (field.message_type and depth > 3):
            continue
        if field.message_type and field.message_type.GetOptions().map_entry:
            key, value = field.message_type.fields_by_name["key"], field.message_type.fields_by_name["value"]
            target = getattr(message, field.name)
            for _ in range(rng.randint(0, 3)):
                if value.message_type:
                    fill(target[entry_part(key, rng)], rng, depth + 1)
                else:
                    target[entry_part(key, rng)] = entry_part(value, rng)
        elif field.is_repeated:
            for _ in range(rng.randint(0, 3)):
                if field.message_type:
                    fill(getattr(message, field.name).add(), rng, depth + 1)
                else:
                    getattr(message, field.name).append(scalar(field, rng))
        elif field.message_type:
            getattr(message, field.name).SetInParent()
            fill(getattr(message, field.name), rng, depth + 1)
        else:
            setattr(message, field.name, scalar(field, rng))


def damage(data, rng):
    data = bytearray(data or b"\x0a\x01a")
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(data)) if data else 0
        what = rng.randrange(4)
        if what == 0 and data:
            data[place] ^= 1 << rng.randrange(8)
        elif what == 1 and data:
            del data[place]
        elif what == 2:
            data.insert(place, rng.randrange(256))
        else:
            del data[place:]
    return bytes(data)


def part(data):
    return struct.pack(">I", len(data)) + data


def parts(data):
    offset = 0
    while offset < len(data):
        length, = struct.unpack_from(">I", data, offset)
        yield data[offset + 4:offset + 4 + length]
        offset += 4 + length


# Stands in for messages without fields: of those Python takes a field of the number 0, which no other message may have.
stand_in = descriptor_pb2.FileDescriptorProto(name="stand_in.proto", package="stand_in")
stand_in.message_type.add(name="StandIn").field.add(name="last", number=2**29 - 1, type=8, label=1)
pool.Add(stand_in)


def accepts(kind, data):
    if not kind.DESCRIPTOR.fields:
        kind = message_class("stand_in.StandIn")
    try:
        kind.FromString(data)
        return True
    except DecodeError:
        return False


def make(seed, count, out):
    rng = random.Random(seed)
    names = sorted(f"{proto.package}.{message.name}" for proto in files for message in proto.message_type
                   if proto.package.startswith("cdt.") or proto.package == "google.rpc")
    with open(out, "wb") as file:
        for name in names:
            kind = message_class(name)
            for same in [Same(rng, full=True)] + [Same(rng)] * count:
                message = kind()
                fill(message, same)
                file.write(part(name.encode()) + part(b"=") + part(message.SerializeToString(deterministic=True)))
            file.write(part(name.encode()) + part(b"=") + part(b""))
            for _ in range(count):
                message = kind()
                fill(message, rng)
                valid = message.SerializeToString()
                for data in (valid, damage(valid, rng)):
                    file.write(part(name.encode()) + part(b"1" if accepts(kind, data) else b"0") + part(data))


def set_entries_aside(original, other):
    """Does to another's message what Python does to its own: an entry of a map with a field in it that nobody knows is
    itself kept as unknown. Swift takes the entry without that field, and both may."""
    unknown = {field.field_number for field in UnknownFieldSet(original)}
    for field in original.DESCRIPTOR.fields:
        mine, others = getattr(original, field.name), getattr(other, field.name)
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            if field.number in unknown:
                others.clear()
                others.MergeFrom(mine)
        elif field.is_repeated:
            for pair in zip(mine, others):
                set_entries_aside(*pair)
        elif original.HasField(field.name) and other.HasField(field.name):
            set_entries_aside(mine, others)


def check(path):
    with open(path, "rb") as file:
        fields = list(parts(file.read()))
    checked = 0
    for name, original, other in zip(fields[0::3], fields[1::3], fields[2::3]):
        kind = message_class(name.decode())
        a, b = kind.FromString(original), kind.FromString(other)
        set_entries_aside(a, b)
        # Fields nobody knows are kept by both, in an order of their own.
        for message in (a, b):
            message.DiscardUnknownFields()
        if a.SerializeToString(deterministic=True) != b.SerializeToString(deterministic=True):
            print(f"{name.decode()}: {original.hex()} became {other.hex()}")
        checked += 1
    print(f"checked {checked}")


if command == "make":
    make(int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
else:
    check(sys.argv[3])
