# SPDX-License-Identifier: MIT
"""TLS in front of the simulated cluster: front.py HOST:PORT DIR. Makes an authority, a certificate for
localhost and one for a client in DIR, writes DIR/front.json with its port, and passes each request on, with
who the client's certificate names. Ends with its standard input."""

import asyncio
import contextlib
import json
import os
import ssl
import subprocess
import sys

UPSTREAM, DIR = sys.argv[1].split(":"), sys.argv[2]
END = b"\r\n\r\n"


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


def name_of(certificate):
    """The client's common name and organisation, or nothing."""
    fields = {key: value for row in (certificate or {}).get("subject", ()) for key, value in row}
    return fields.get("commonName"), fields.get("organizationName")


def head_for(head, certificate):
    """The request's head as the cluster gets it: who asks is said by the certificate alone."""
    lines = head.removesuffix(END).split(b"\r\n")
    kept = [line for line in lines if not line.lower().startswith((b"x-remote-", b"connection:"))]
    who, group = name_of(certificate)
    if who:
        kept += [f"X-Remote-User: {who}".encode(), f"X-Remote-Group: {group}".encode()]
    return b"\r\n".join(kept + [b"Connection: close"]) + END


async def pump(source, target):
    while data := await source.read(65536):
        target.write(data)
        await target.drain()


async def pass_on(client, cluster):
    """Until the answer has ended, or the client has gone and his request with him."""
    both = (client[0], cluster[1]), (cluster[0], client[1])
    ways = [asyncio.create_task(pump(*way)) for way in both]
    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    for way in ways:
        way.cancel()
    await asyncio.gather(*ways, return_exceptions=True)


async def close(writer):
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def serve(reader, writer):
    """One request for each connection."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        head = await reader.readuntil(END)
        cluster = await asyncio.open_connection(UPSTREAM[0], int(UPSTREAM[1]))
        cluster[1].write(head_for(head, writer.get_extra_info("peercert")))
        await pass_on((reader, writer), cluster)
        await close(cluster[1])
    await close(writer)


def trust():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path("server.pem"), path("server.key"))
    context.load_verify_locations(path("ca.pem"))
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


async def main():
    certificates()
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=trust(), limit=1 << 20)
    with open(path("front.tmp"), "w", encoding="ascii") as f:
        json.dump({"port": server.sockets[0].getsockname()[1]}, f)
    os.rename(path("front.tmp"), path("front.json"))
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
