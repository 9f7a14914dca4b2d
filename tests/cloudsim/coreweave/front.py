# SPDX-License-Identifier: MIT
"""TLS in front of the simulated cluster: front.py HOST:PORT DIR. Makes an authority, a certificate for
localhost and one for a client in DIR, writes DIR/front.json with its port, and passes each request on, with
who the client's certificate names. Ends with its standard input."""

import json
import os
import socket
import ssl
import subprocess
import sys
import threading

UPSTREAM, DIR = sys.argv[1].split(":"), sys.argv[2]


def path(name):
    return os.path.join(DIR, name)


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def key(name):
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path(name))


def certificate(name, subject, extension):
    """One that the authority signs."""
    key(name + ".key")
    openssl("req", "-new", "-key", path(name + ".key"), "-subj", subject, "-out", path(name + ".csr"))
    with open(path(name + ".ext"), "w", encoding="ascii") as f:
        f.write(extension + "\n")
    files = ["-in", path(name + ".csr"), "-out", path(name + ".pem"), "-extfile", path(name + ".ext")]
    signer = ["-CA", path("ca.pem"), "-CAkey", path("ca.key"), "-CAcreateserial"]
    openssl("x509", "-req", "-days", "30", *files, *signer)


def certificates():
    key("ca.key")
    words = ["-subj", "/CN=cluster-ca", "-days", "30", "-addext", "keyUsage=critical,keyCertSign"]
    openssl("req", "-x509", "-new", "-key", path("ca.key"), *words, "-out", path("ca.pem"))
    certificate("server", "/CN=localhost", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    certificate("client", "/O=system:masters/CN=ada", "extendedKeyUsage=clientAuth")


def name_of(connection):
    """The client's common name and organisation, or nothing."""
    certificate = connection.getpeercert() or {}
    fields = {key: value for row in certificate.get("subject", ()) for key, value in row}
    return fields.get("commonName"), fields.get("organizationName")


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    finally:
        try:
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def head_of(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None, b""
        data += more
    head, rest = data.split(b"\r\n\r\n", 1)
    return head.split(b"\r\n"), rest


def serve(plain, context):
    """One request for each connection."""
    try:
        with context.wrap_socket(plain, server_side=True) as outer:
            lines, rest = head_of(outer)
            if lines is None:
                return
            kept = [line for line in lines if not line.lower().startswith((b"x-remote-", b"connection:"))]
            who, group = name_of(outer)
            if who:
                kept += [f"X-Remote-User: {who}".encode(), f"X-Remote-Group: {group}".encode()]
            kept.append(b"Connection: close")
            with socket.create_connection((UPSTREAM[0], int(UPSTREAM[1]))) as inner:
                inner.sendall(b"\r\n".join(kept) + b"\r\n\r\n" + rest)
                threading.Thread(target=feed, args=(outer, inner), daemon=True).start()
                pump(inner, outer)
    except OSError:
        pass


def feed(outer, inner):
    """The rest of the request; when the client has gone, so has the request."""
    try:
        while data := outer.recv(65536):
            inner.sendall(data)
    except OSError:
        pass
    try:
        inner.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def accept(listener, context):
    while True:
        plain, _ = listener.accept()
        threading.Thread(target=serve, args=(plain, context), daemon=True).start()


def main():
    certificates()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path("server.pem"), path("server.key"))
    context.load_verify_locations(path("ca.pem"))
    context.verify_mode = ssl.CERT_OPTIONAL
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, args=(listener, context), daemon=True).start()
    with open(path("front.tmp"), "w", encoding="ascii") as f:
        json.dump({"port": listener.getsockname()[1]}, f)
    os.rename(path("front.tmp"), path("front.json"))
    sys.stdin.read()


main()
