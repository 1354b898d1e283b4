"""Debian's Postfix, in a folder of its own: takes mail for nguoi…@example.vn over STARTTLS. Ends with SIGTERM or with its
parent.

Arguments: the folder that Debian's package is unpacked in; a new folder for the server; certificate and key (PEM).
Prints `{"port": N}`, then one line for each mail it delivered: {"to", "data" (base64)}. Postfix drops rights to users that
the machine does not have, so it runs under another root, which needs the rights of root.
"""

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.append(f"{os.path.dirname(os.path.abspath(__file__))}/../../../tools")
from processes import free_port  # noqa: E402

USERS = {"root": 0, "postfix": 101, "postdrop": 102, "nobody": 65534}
MAIN = """
compatibility_level = 3.6
queue_directory = /var/spool/postfix
data_directory = /var/lib/postfix
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
shlib_directory = /usr/lib/postfix
meta_directory = /etc/postfix
maillog_file = /var/log/postfix.log
maillog_file_prefixes = /var
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.example
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
local_recipient_maps =
alias_maps =
alias_database =
smtputf8_enable = no
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = /etc/postfix/certificate.pem
smtpd_tls_key_file = /etc/postfix/key.pem
virtual_mailbox_domains = example.vn
virtual_mailbox_base = /mail
virtual_mailbox_maps = regexp:/etc/postfix/mailboxes
virtual_uid_maps = static:101
virtual_gid_maps = static:101
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
error unix - - n - - error
anvil unix - - n - 1 anvil
virtual unix - n n - - virtual
postlog unix-dgram n - n - 1 postlogd
"""


def say(**line):
    print(json.dumps(line), flush=True)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def libraries(root, programs):
    """Copies what the programs are linked with."""
    paths = set()
    environment = {**os.environ, "LD_LIBRARY_PATH": f"{root}/usr/lib/postfix"}
    for program in programs:
        answer = subprocess.run(["ldd", program], capture_output=True, text=True, env=environment)
        paths.update(re.findall(r"(/\S+\.so\S*)", answer.stdout))
    for path in paths:
        if not path.startswith(root):
            os.makedirs(os.path.dirname(root + path), exist_ok=True)
            shutil.copy(path, root + path)


def build(package, root, certificate, key, port):
    for name in ("usr/lib/postfix", "usr/sbin"):
        shutil.copytree(f"{package}/{name}", f"{root}/{name}", symlinks=True)
    programs = [f"{root}/usr/lib/postfix/sbin/{name}" for name in os.listdir(f"{root}/usr/lib/postfix/sbin")]
    libraries(root, programs)
    write(f"{root}/etc/passwd", "".join(f"{name}:x:{id}:{id}::/:/bin/false\n" for name, id in USERS.items()))
    write(f"{root}/etc/group", "".join(f"{name}:x:{id}:\n" for name, id in USERS.items()))
    write(f"{root}/etc/services", "smtp 25/tcp\n")
    write(f"{root}/etc/hosts", "127.0.0.1 localhost\n")
    write(f"{root}/etc/postfix/main.cf", MAIN)
    write(f"{root}/etc/postfix/master.cf", MASTER.format(port=port))
    write(f"{root}/etc/postfix/mailboxes", "/^nguoi/ all/\n")
    shutil.copy(certificate, f"{root}/etc/postfix/certificate.pem")
    shutil.copy(key, f"{root}/etc/postfix/key.pem")
    os.makedirs(f"{root}/dev")
    for name, minor in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
        os.mknod(f"{root}/dev/{name}", 0o666 | 0o020000, os.makedev(1, minor))
        os.chmod(f"{root}/dev/{name}", 0o666)
    os.makedirs(f"{root}/var/log")
    queue = f"{root}/var/spool/postfix"
    for name in ("pid", "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private",
                 "saved", "trace", "maildrop", "public"):
        os.makedirs(f"{queue}/{name}")
        if name != "pid":
            os.chown(f"{queue}/{name}", USERS["postfix"], USERS["postdrop"] if name in ("maildrop", "public") else 0)
    os.chmod(f"{queue}/maildrop", 0o1730)
    for path in (f"{root}/var/lib/postfix", f"{root}/mail"):
        os.makedirs(path)
        os.chown(path, USERS["postfix"], USERS["postfix"])


def main(package, root, certificate, key):
    if not os.path.exists(f"{package}/usr/lib/postfix/sbin/master"):
        sys.exit(f"there is no {package}; run ./dev deps test")
    port = free_port()
    build(package, root, certificate, key, port)
    os.chmod(root, 0o755)
    server = subprocess.Popen(
        ["/usr/lib/postfix/sbin/master", "-d", "-c", "/etc/postfix"], stdout=subprocess.DEVNULL, stderr=sys.stderr,
        stdin=subprocess.DEVNULL, preexec_fn=lambda: (os.chroot(root), os.chdir("/")), start_new_session=True)
    parent, seen, told = os.getppid(), set(), False

    def stop(*_):
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait()
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    while os.getppid() == parent and server.poll() is None:
        if not told:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                say(port=port)
                told = True
            except OSError:
                pass
        new = f"{root}/mail/all/new"
        for name in sorted(os.listdir(new)) if os.path.isdir(new) else []:
            if name in seen:
                continue
            seen.add(name)
            with open(f"{new}/{name}", "rb") as file:
                data = file.read()
            to = re.search(rb"^X-Original-To: (\S+)", data, re.M) or re.search(rb"^Delivered-To: (\S+)", data, re.M)
            say(to=to[1].decode() if to else "", data=base64.b64encode(data).decode())
        time.sleep(0.1)
    stop()


main(*sys.argv[1:5])
