"""A mail server for demonstrations: it takes every mail and keeps it in a Maildir that any mail reader opens.

    mail_catcher.py FOLDER [PORT]

It listens on 127.0.0.1 only; port 0 (the default) takes a free one. The first line on standard output says where:
`listening on 127.0.0.1:PORT`. FOLDER/counts.json always says how many mails there are, how many different recipients,
and how many mails came more than once (the same Message-ID again). SIGTERM or Ctrl-C ends it.
"""

import asyncio
import email.parser
import json
import mailbox
import os
import signal
import sys

from aiosmtpd.smtp import SMTP


class Catcher:
    """Keeps mails, and counts them."""

    def __init__(self, folder):
        self.folder = folder
        self.maildir = mailbox.Maildir(folder)
        self.parser = email.parser.BytesHeaderParser()
        self.messages = 0
        self.repeated = 0
        self.ids = set()
        self.recipients = set()
        for message in self.maildir:
            self.count(message["Message-ID"], [message["X-Recipient"]])
        self.write_counts()

    async def handle_DATA(self, server, session, envelope):
        headers = self.parser.parsebytes(envelope.content)
        # Mail servers note the envelope's recipients when they deliver; here in a header of ours.
        noted = "".join(f"X-Recipient: {address}\r\n" for address in envelope.rcpt_tos)
        self.maildir.add(noted.encode() + envelope.content)
        self.count(headers["Message-ID"], envelope.rcpt_tos)
        self.write_counts()
        return "250 kept"

    def count(self, message_id, recipients):
        self.messages += 1
        if message_id in self.ids:
            self.repeated += 1
        self.ids.add(message_id)
        self.recipients.update(recipients)

    def write_counts(self):
        counts = {"messages": self.messages, "recipients": len(self.recipients), "repeated": self.repeated}
        path = os.path.join(self.folder, "counts.json")
        with open(path + ".new", "w") as file:
            json.dump(counts, file)
        os.replace(path + ".new", path)


async def main(folder, port):
    # The mailbox module makes them only where the folder itself is missing.
    for part in ("tmp", "new", "cur"):
        os.makedirs(os.path.join(folder, part), exist_ok=True)
    catcher = Catcher(folder)
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    server = await loop.create_server(lambda: SMTP(catcher, loop=loop), "127.0.0.1", port)
    print(f"listening on 127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else 0))
