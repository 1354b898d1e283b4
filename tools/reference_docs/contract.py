"""The contract with its comments: a descriptor set of proto/cdt, read the way the pages want it."""

import glob
import os
import re
import tempfile

from google.protobuf import descriptor_pb2
from grpc_tools import protoc
import grpc_tools

FIELD = descriptor_pb2.FieldDescriptorProto
SCALARS = {
    FIELD.TYPE_DOUBLE: "double",
    FIELD.TYPE_FLOAT: "float",
    FIELD.TYPE_INT64: "int64",
    FIELD.TYPE_UINT64: "uint64",
    FIELD.TYPE_INT32: "int32",
    FIELD.TYPE_UINT32: "uint32",
    FIELD.TYPE_BOOL: "bool",
    FIELD.TYPE_STRING: "string",
    FIELD.TYPE_BYTES: "bytes",
    FIELD.TYPE_FIXED64: "fixed64",
    FIELD.TYPE_FIXED32: "fixed32",
}


class Field:
    def __init__(self, proto, comment, oneof):
        self.name, self.number, self.comment, self.oneof = proto.name, proto.number, comment, oneof
        self.repeated = proto.label == FIELD.LABEL_REPEATED
        self.type = SCALARS.get(proto.type) or proto.type_name.lstrip(".")


class Message:
    def __init__(self, name, package, comment, fields):
        self.name, self.package, self.comment, self.fields = name, package, comment, fields
        self.is_map_entry = False

    @property
    def short(self):
        return self.name[len(self.package) + 1 :]


class Enum:
    def __init__(self, name, package, comment, values):
        self.name, self.package, self.comment, self.values = name, package, comment, values

    @property
    def short(self):
        return self.name[len(self.package) + 1 :]


class Method:
    def __init__(self, service, proto, comment):
        self.service, self.name, self.comment = service, proto.name, comment
        self.request, self.reply = proto.input_type.lstrip("."), proto.output_type.lstrip(".")
        self.client_streams, self.server_streams = proto.client_streaming, proto.server_streaming

    @property
    def key(self):
        return f"{self.service.name}/{self.name}"

    @property
    def text(self):
        """What it does, without the errors."""
        return self.comment.split("\nErrors", 1)[0].split(" Errors: ", 1)[0].strip()

    @property
    def summary(self):
        # The end of the first sentence, not the dot of "for example 15." or of a file's name.
        return re.split(r"(?<=[a-z\])”\"`)])\.(?=\s)", self.text.replace("\n", " "), maxsplit=1)[0].rstrip(".") + "."

    @property
    def errors(self):
        """The clause on errors, as the contract has it; empty: none are named."""
        found = re.search(r"(?:^|\n| )(Errors\b.*)$", self.comment, re.S)
        return found.group(1).strip() if found else ""


class Service:
    def __init__(self, name, package, comment, file_comment):
        self.name, self.package, self.comment, self.file_comment = name, package, comment, file_comment
        self.methods = []

    @property
    def short(self):
        return self.name[len(self.package) + 1 :]


class Contract:
    """Everything in proto/cdt, by full name."""

    def __init__(self, root="proto"):
        self.messages, self.enums, self.services = {}, {}, {}
        files = sorted(glob.glob(f"{root}/cdt/**/*.proto", recursive=True))
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "set")
            well_known = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
            status = protoc.main(
                [
                    "protoc",
                    f"-I{root}",
                    f"-I{well_known}",
                    "--include_source_info",
                    f"--descriptor_set_out={out}",
                    *files,
                ]
            )
            if status != 0:
                raise SystemExit("tools/reference: protoc refuses the contract")
            with open(out, "rb") as file:
                self.set = descriptor_pb2.FileDescriptorSet.FromString(file.read())
        for file in self.set.file:
            self._read(file)

    def _read(self, file):
        comments = {}
        for location in file.source_code_info.location:
            text = location.leading_comments or location.trailing_comments
            if text:
                comments[tuple(location.path)] = "\n".join(line.strip() for line in text.splitlines()).strip()
        # The comment of a file stands before its package.
        heading = comments.get((2,), "")

        def message(proto, prefix, path):
            name = f"{prefix}.{proto.name}"
            fields = []
            for index, field in enumerate(proto.field):
                oneof = proto.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else ""
                fields.append(Field(field, comments.get(path + (2, index), ""), oneof))
            found = Message(name, file.package, comments.get(path, ""), fields)
            found.is_map_entry = proto.options.map_entry
            self.messages[name] = found
            for index, nested in enumerate(proto.nested_type):
                message(nested, name, path + (3, index))
            for index, nested in enumerate(proto.enum_type):
                enum(nested, name, path + (4, index))

        def enum(proto, prefix, path):
            name = f"{prefix}.{proto.name}"
            values = [(v.name, v.number, comments.get(path + (2, i), "")) for i, v in enumerate(proto.value)]
            self.enums[name] = Enum(name, file.package, comments.get(path, ""), values)

        for index, proto in enumerate(file.message_type):
            message(proto, file.package, (4, index))
        for index, proto in enumerate(file.enum_type):
            enum(proto, file.package, (5, index))
        for index, proto in enumerate(file.service):
            service = Service(f"{file.package}.{proto.name}", file.package, comments.get((6, index), ""), heading)
            for place, method in enumerate(proto.method):
                service.methods.append(Method(service, method, comments.get((6, index, 2, place), "")))
            self.services[service.name] = service

    def methods(self):
        return [method for service in self.services.values() for method in service.methods]

    def asked_and_answered(self):
        """Names of the messages that are the request or reply of a call."""
        return {name for method in self.methods() for name in (method.request, method.reply)}
