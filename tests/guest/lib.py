# SPDX-License-Identifier: MIT
"""What the guest's tests share: cases, a small cloud that notes requests, certificates, processes that are
always ended."""

import atexit
import base64
import http.server
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = float(os.environ.get("PATIENCE", "60"))  # seconds; guards against hanging only
CASES = os.environ.get("CASES")  # only cases whose name matches
KEY = "sk-test-0123456789abcdef"
failures = 0
groups, folders = [], []


def local_name():
    """What a small cloud on loopback is called. A bare root without /etc/hosts knows no localhost."""
    try:
        with open("/etc/hosts", encoding="utf-8") as f:
            return (
                "localhost" if re.search(r"^127\.0\.0\.1\s.*\blocalhost\b", f.read(), re.M) else "127.0.0.1"
            )
    except OSError:
        return "127.0.0.1"


LOCAL = local_name()


def report(name, problem=None):
    global failures
    if problem is None:
        print(f"ok - {name}", flush=True)
    else:
        failures += 1
        print(f"not ok - {name}: {problem}", flush=True)


def case(name, fn):
    if CASES and not re.search(CASES, name):
        return
    try:
        fn()
        report(name)
    except Exception as problem:  # a test program reports every kind of failure
        report(name, f"{type(problem).__name__}: {problem}")


def until(what, fn):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = fn()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited in vain for {what}")


def folder():
    path = tempfile.mkdtemp(prefix="cplz-guest-")
    folders.append(path)
    return path


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def closed(connection):
    """Whether the other side has ended it; waits for that as long as the socket does."""
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def read(*path):
    try:
        with open(os.path.join(*path), encoding="utf-8", errors="replace") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def start(argv, env, cwd, log, user=None):
    out = open(log, "ab")
    process = subprocess.Popen(
        argv,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=out,
        start_new_session=True,
        user=user,
    )
    out.close()
    groups.append(process)
    return process


def end(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def end_all():
    for process in groups:
        end(process)
    for path in folders:
        shutil.rmtree(path, True)


atexit.register(end_all)


class Cloud:
    """Notes every request; answers with `status` and `body`, or with what `answer(request)` says; a body None
    comes in drops without end.
    `context`: an ssl context for https. `broken` counts failed handshakes."""

    def __init__(self, context=None, status=200, body=b'{"success": true}', port=0):
        self.requests, self.broken, self.status, self.body = [], 0, status, body
        self.answer = None
        cloud = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def note(self):
                length = int(self.headers.get("Content-Length") or 0)
                data = self.rfile.read(length).decode()
                cloud.requests.append(
                    {"method": self.command, "path": self.path, "headers": dict(self.headers), "body": data}
                )
                status, body = (
                    cloud.answer(cloud.requests[-1]) if cloud.answer else (cloud.status, cloud.body)
                )
                if body is None:
                    self.drip()
                    return
                body = body if isinstance(body, bytes) else body.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def drip(self):
                self.send_response(200)
                try:
                    while True:
                        self.wfile.write(b"X")
                        time.sleep(0.5)
                except OSError:
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_DELETE = note

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def finish_request(self, request, address):
                if context:
                    try:
                        request.settimeout(20)
                        request = context.wrap_socket(request, server_side=True)
                    except OSError:
                        cloud.broken += 1
                        return
                Handler(request, address, self)

            def handle_error(self, request, address):
                cloud.broken += 1

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def openssl(*args, cwd):
    done = subprocess.run(["openssl", *args], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"openssl {args[0]}: {done.stderr}")


CA_CONF = """[ca]
default_ca = d
[d]
database = index
serial = serial
new_certs_dir = .
default_md = sha256
policy = p
copy_extensions = copy
unique_subject = no
[p]
commonName = supplied
"""


def alternative(host):
    """The extension that names a host: as a name, which is all that the guest compares, and as an address
    where it is one."""
    return f"subjectAltName=DNS:{host}" + (f",IP:{host}" if re.fullmatch(r"[0-9.]+", host) else "")


def self_signed(file, name, extension, days, cwd):
    """A certificate that a key of its own signed: FILE.pem and FILE.key in `cwd`."""
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{file}.key"]
    words += ["-out", f"{file}.pem", "-days", str(days), "-subj", f"/CN={name}", "-addext", extension]
    openssl(*words, cwd=cwd)


class Authority:
    """A certificate authority of its own, made by the openssl program."""

    def __init__(self, name):
        self.dir = folder()
        with open(f"{self.dir}/ca.conf", "w", encoding="ascii") as f:
            f.write(CA_CONF)
        open(f"{self.dir}/index", "w", encoding="ascii").close()
        with open(f"{self.dir}/serial", "w", encoding="ascii") as f:
            f.write("1000")
        self_signed("ca", name, "basicConstraints=critical,CA:TRUE", 30, cwd=self.dir)
        self.pem = f"{self.dir}/ca.pem"

    def issue(self, name, host=LOCAL, ca=False, kind=("rsa:2048",), dates=("-days", "10"), by=None):
        extra = ["-addext", "basicConstraints=critical,CA:TRUE"] if ca else ["-addext", alternative(host)]
        openssl(
            "req",
            "-new",
            "-newkey",
            *kind,
            "-nodes",
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
            "-subj",
            f"/CN={host}",
            *extra,
            cwd=self.dir,
        )
        signer = by or "ca"
        openssl(
            "ca",
            "-batch",
            "-config",
            "ca.conf",
            "-cert",
            f"{signer}.pem",
            "-keyfile",
            f"{signer}.key",
            "-in",
            f"{name}.csr",
            "-out",
            f"{name}.pem",
            "-notext",
            *dates,
            cwd=self.dir,
        )
        return f"{self.dir}/{name}"

    def context(self, name, *chain):
        path = f"{self.dir}/{name}.full"
        with open(path, "w", encoding="ascii") as f:
            f.write("".join(read(self.dir, f"{part}.pem") for part in (name, *chain)))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path, f"{self.dir}/{name}.key")
        return context


def wireguard_key():
    return base64.b64encode(os.urandom(32)).decode()


def finish():
    end_all()
    sys.stdout.flush()
    os._exit(1 if failures else 0)
