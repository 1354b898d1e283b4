"""Imports teams.csv and members.csv into the Registry, and prints a verdict for every row.

Broken off and run again, it goes on where it stopped; run again after the end, it changes nothing.
Needs the generated messages on PYTHONPATH: examples/README.md says how to make them.
"""

import argparse
import csv
import os
import pathlib
import queue
import sys
import time

import grpc
from cdt.common.v1 import common_pb2 as common
from cdt.registry.v1 import import_service_pb2 as api, import_service_pb2_grpc
from google.rpc import error_details_pb2 as rpc
from grpc_status import rpc_status

# The words of the files, in the order of the contract's enums; empty: not given.
LEVELS = ["", "xa", "thon"]
ROLES = ["", "tổ trưởng", "tổ phó", "thành viên"]
SEXES = ["", "nữ", "nam"]
OCCUPATIONS = ["", "cán bộ", "giáo viên", "công an viên", "nhân viên y tế", "đoàn thể",
               "doanh nghiệp viễn thông – công nghệ thông tin",
               "người dân có kỹ năng sử dụng công nghệ số"]


def team(f):
    row = api.TeamRow(external_id=f["team_id"], level=LEVELS.index(f["level"]), display_name=f["name"],
                      hamlet=f["hamlet"], commune_code=f["commune_code"], province_code=f["province_code"],
                      established=f["established"])
    if f["decision"]:  # without an establishing decision no allowance is due
        row.decision.number, row.decision.issued_on = f["decision"], f["established"]
    return {"team": row}


def member(f):
    return {"member": api.MemberRow(
        external_id=f["member_id"], team_external_id=f["team_id"], role=ROLES.index(f["role"]),
        full_name=f["full_name"], sex=SEXES.index(f["sex"]), birth=f["birth_year"], phones=f["phone"].split(),
        email=f["email"], occupation=OCCUPATIONS.index(f["occupation"]),
        organisations=["Đoàn Thanh niên"] if f["youth_union"] == "1" else [])}


def read(folder):
    """The rows, numbered over both files, teams first. The same files give the same numbers: so it can go on."""
    rows, places = [], []
    for file, make in (("teams.csv", team), ("members.csv", member)):
        with open(pathlib.Path(folder, file), encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            for fields in reader:
                places.append(f"{file}:{reader.line_num}")
                try:
                    rows.append(api.ImportRow(row_number=len(places), **make(fields)))
                except (KeyError, ValueError) as error:
                    sys.exit(f"{places[-1]}: a missing column or an unknown word: {error}")
    return rows, places


def explain(error):
    """What an error tells: its reason, every field at fault, and the same in Vietnamese."""
    status, lines = rpc_status.from_call(error), [f"{error.code().name}: {error.details()}"]
    for detail in status.details if status else ():
        info, bad, failed, text = rpc.ErrorInfo(), rpc.BadRequest(), rpc.PreconditionFailure(), rpc.LocalizedMessage()
        if detail.Unpack(info):
            lines.append(f"  reason {info.reason} ({info.domain}) {dict(info.metadata) or ''}")
        if detail.Unpack(bad):
            lines += [f"  field {v.field}: {v.description}" for v in bad.field_violations]
        if detail.Unpack(failed):
            lines += [f"  {v.type} {v.subject}: {v.description}" for v in failed.violations]
        if detail.Unpack(text):
            lines.append(f"  {text.locale}: {text.message}")
    return "\n".join(lines)


def connect(address, a):
    """A channel, and the metadata of every call on it."""
    token = [("authorization", "Bearer " + pathlib.Path(a.token_file).read_text().strip())] if a.token_file else []
    if not a.authorities:
        return grpc.insecure_channel(address), token
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(pathlib.Path(a.authorities).read_bytes())), token


def stream(a, rows, places):
    """One stream: the header, `started`, the rows, their verdicts. True when rows were rejected."""
    state, started = pathlib.Path(a.batch_file), queue.Queue()

    def requests():
        batch = state.read_text() if state.exists() else ""
        yield api.ImportRowsRequest(header=api.ImportHeader(
            mode=common.IMPORT_MODE_COMMIT, source_system=a.source, code_date=a.code_date, batch=batch))
        for first in range(started.get(), len(rows), 500):  # a few hundred rows in a message are best
            yield api.ImportRowsRequest(rows=api.ImportRowBatch(rows=rows[first:first + 500]))

    def tell(v):
        print(places[v.row_number - 1], common.RowOutcome.Name(v.outcome)[12:], v.name, sep="\t")
        for p in v.problems:
            print("", p.reason, p.field, p.description, sep="\t")
        return v.outcome == common.ROW_OUTCOME_REJECTED

    channel, token = connect(a.registry, a)
    service, rejected = import_service_pb2_grpc.ImportServiceStub(channel), 0
    try:
        for answer in service.ImportRows(requests(), metadata=token):
            if answer.HasField("started"):
                state.write_text(answer.started.batch)  # before any row is sent, so that it can be gone on with
                after = answer.started.resume_after_row
                print(f"{answer.started.batch}, after row {after}", file=sys.stderr)
                page = None  # problems of the rows before, whose verdicts may have been lost with the stream
                while after and (page is None or page.next_page_token):
                    page = service.ListImportProblems(api.ListImportProblemsRequest(
                        parent=answer.started.batch, page_token=page.next_page_token if page else ""), metadata=token)
                    rejected += sum([tell(v) for v in page.verdicts if v.row_number <= after])
                started.put(after)
            rejected += sum([tell(v) for v in answer.verdicts.verdicts])
            if answer.HasField("summary"):
                print(str(answer.summary).replace("\n", " "), file=sys.stderr)
                state.unlink()
                return rejected > 0
    finally:
        started.put(len(rows))  # a sender that still waits sends nothing
        channel.close()


options = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="Exit codes: 0 all rows are stored; "
                                  "1 rows or the import were refused; 2 usage; 75 try again later.")
options.add_argument("folder", help="where teams.csv and members.csv are")
options.add_argument("--source", required=True, help="name of your system; ids in the files are keys in it")
options.add_argument("--code-date", required=True, help="YYYY-MM-DD, the day whose commune codes the files use")
options.add_argument("--batch-file", default="import.batch", help="keeps the name of an import that is not finished")
options.add_argument("--registry", default=os.environ.get("CDT_REGISTRY", "127.0.0.1:50051"), help="CDT_REGISTRY")
options.add_argument("--token-file", default=os.environ.get("CDT_TOKEN_FILE"), help="CDT_TOKEN_FILE")
options.add_argument("--authorities", default=os.environ.get("CDT_AUTHORITIES"), help="PEM, for TLS; CDT_AUTHORITIES")
arguments = options.parse_args()
content = read(arguments.folder)
for wait in (0.2, 1, 5, 20, None):
    try:
        sys.exit(stream(arguments, *content))
    except grpc.RpcError as failure:
        print(explain(failure), file=sys.stderr)
        if failure.code() is not grpc.StatusCode.UNAVAILABLE:
            sys.exit(1)
        time.sleep(wait) if wait else sys.exit(75)
