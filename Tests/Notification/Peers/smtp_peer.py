"""A mail server (aiosmtpd) that behaves as the recipient's name says. Ends with SIGTERM or with its parent.

Prints `{"port": N}`, then one line for each mail it took: {"to", "from", "data" (base64), "tls", "user"}.
Options, as JSON in the first argument: tls (none, starttls, implicit), certificate, key, user, password.
"""

import asyncio
import base64
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

REFUSALS = {"unknown": "550 5.1.1 no such user", "full": "452 4.2.2 mailbox full", "relay": "550 5.7.1 not for us"}
VERDICTS = {"spam": "554 5.7.1 refused as spam", "later": "451 4.3.0 try later"}


def say(**line):
    print(json.dumps(line), flush=True)


class Peer:
    def __init__(self, options):
        self.options = options

    async def handle_RCPT(self, server, session, envelope, address, options):
        kind = address.split(".")[0]
        if kind in REFUSALS:
            return f"{REFUSALS[kind]}: <{address}>"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session, envelope):
        address = envelope.rcpt_tos[0]
        kind = address.split(".")[0]
        if kind in VERDICTS:
            return VERDICTS[kind]
        say(**{
            "to": address, "from": envelope.mail_from, "data": base64.b64encode(envelope.content).decode(),
            "tls": session.ssl is not None, "connection": id(session),
            "user": session.auth_data.decode() if session.auth_data else "",
        })
        if kind == "silent":
            await asyncio.sleep(60)
        if kind == "drop":
            server.transport.abort()
            await asyncio.sleep(60)
        return "250 2.0.0 taken"

    def authenticate(self, server, session, envelope, mechanism, data):
        ok = data.login.decode() == self.options["user"] and data.password.decode() == self.options["password"]
        return AuthResult(success=ok, handled=False, auth_data=data.login)


async def main(options):
    context = None
    if options["tls"] != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options["certificate"], options["key"])
    peer = Peer(options)
    login = options.get("user")
    starttls = context if options["tls"] == "starttls" else None

    def session():
        return SMTP(
            peer, loop=loop, tls_context=starttls, require_starttls=starttls is not None,
            auth_required=bool(login), authenticator=peer.authenticate if login else None,
            auth_require_tls=options["tls"] == "starttls")

    loop = asyncio.get_running_loop()
    implicit = context if options["tls"] == "implicit" else None
    server = await loop.create_server(session, "127.0.0.1", 0, ssl=implicit)
    say(port=server.sockets[0].getsockname()[1])
    # Until SIGTERM, or until whoever started us is gone.
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(1)


asyncio.run(main(json.loads(sys.argv[1])))
