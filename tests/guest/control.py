# SPDX-License-Identifier: MIT
"""The guest's control through a real tunnel: status, leases, key, logs, the engine, the end."""

import base64
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys

import lib

GUEST, CONTINUEPLZ = sys.argv[1:3]
TOKEN = "cplz-home-1a2b"
EDGE = (
    "rehearse was turned away by the protection in front of the cloud (HTTP 403, error code: 1010), "
    "the key was not looked at"
)
SERVER = """import http.server, os, sys
print("engine speaks", flush=True)
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "5"); self.end_headers()
        self.wfile.write(b"model")
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
"""


def key_pair():
    def der(*args, data=None):
        return subprocess.run(
            ["openssl", *args, "-outform", "DER"], input=data, capture_output=True, check=True
        ).stdout

    private = der("genpkey", "-algorithm", "X25519")
    public = der("pkey", "-inform", "DER", "-pubout", data=private)
    return base64.b64encode(private[-32:]).decode(), base64.b64encode(public[-32:]).decode()


class Rig:
    def __init__(self):
        self.cloud, self.dir = lib.Cloud(), lib.folder()
        (client, client_public), (self.private, public) = key_pair(), key_pair()
        self.udp, self.tcp, self.inner = lib.free_port(socket.SOCK_DGRAM), lib.free_port(), lib.free_port()
        engine = lib.free_port()
        self.control, self.model, self.probe = lib.free_port(), lib.free_port(), lib.free_port()
        with open(f"{self.dir}/server.py", "w", encoding="ascii") as f:
            f.write(SERVER)
        with open(f"{self.dir}/config", "w", encoding="ascii") as f:
            f.write(
                f"listen-port {self.udp}\nlisten-tcp {self.tcp}\npeer-public {client_public}\ntoken {TOKEN}\n"
                f"private-key-env CPLZ_KEY\ncontrol-port {self.inner}\n"
                f"expose 11434 {engine} counted\nexpose 11435 {engine} uncounted\nsilence 36000\n"
                f"idle 3600\nlife 43200\nlife-max 86400\n"
                f"retry 1\nkey-env TEST_KEY\n"
                f"terminate-url http://127.0.0.1:{self.cloud.port}/i/${{TEST_ID}}\n"
                f"terminate-header Authorization: Bearer ${{KEY}}\n"
                f"rehearse-url http://127.0.0.1:{self.cloud.port}/own/${{TEST_ID}}\n"
                f"rehearse-header Authorization: Bearer ${{KEY}}\nengine-arg {sys.executable}\n"
                f"engine-arg {self.dir}/server.py\n"
                f"engine-arg {engine}\nengine-env PATH=${{PATH}}\nstate-dir state\n"
            )
        self.guest = None
        self.boot()
        pairs = [f"{self.control}:{self.inner}", f"{self.model}:11434", f"{self.probe}:11435"]
        self.client, self.public = client, public
        self.call(str(self.udp), *pairs)
        lib.until("the tunnel", lambda: self.quiet("GET", "/status"))

    def call(self, port, *pairs):
        """The client's end, at this port of the guest."""
        env = {
            "PATH": os.environ["PATH"],
            "HOME": self.dir,
            "CONTINUEPLZ_HOME": self.dir,
            "CONTINUEPLZ_SCRIPTS": lib.HERE,
        }
        argv = [CONTINUEPLZ, f"{lib.HERE}/forward.lua", self.client, self.public, port, *pairs]
        return lib.start(argv, env, self.dir, f"{self.dir}/client.out")

    def boot(self):
        env = {"PATH": os.environ["PATH"], "TEST_ID": "4711", "CPLZ_KEY": self.private}
        self.guest = lib.start([GUEST, "config"], env, self.dir, f"{self.dir}/out")

    def ask(self, method, path, body=None, port=None):
        conn = http.client.HTTPConnection("127.0.0.1", port or self.control, timeout=20)
        conn.request(method, path, body=body)
        answer = conn.getresponse()
        data = answer.read()
        conn.close()
        return answer.status, data

    def tell(self, path, method="POST", **body):
        """A change, for the session of this machine unless told otherwise."""
        return self.ask(method, path, json.dumps({"token": TOKEN, **body}))

    def quiet(self, *args, **more):
        try:
            return self.ask(*args, **more)
        except (OSError, http.client.HTTPException):
            return None

    def status(self):
        code, data = self.ask("GET", "/status")
        assert code == 200, data
        return json.loads(data)

    def raw(self, data):
        with socket.create_connection(("127.0.0.1", self.control), 20) as s:
            s.sendall(data)
            return s.makefile("rb").read()

    def sent(self, method):
        return [request for request in self.cloud.requests if request["method"] == method]

    def log(self):
        return lib.read(self.dir, "state", "guard.log")


RIG = Rig()


def test_status():
    s = RIG.status()
    assert s["version"] and s["token"] == TOKEN and s["state"] == "armed" and s["reason"] is None, s
    assert 35900 < s["silence_left"] <= 36000 and 43000 < s["life_left"] <= 43200, s
    assert 7100 < s["idle_left"] <= 7200, s
    assert s["silence"] == 36000 and s["idle"] == 3600 and s["life"] == 43200 and s["life_max"] == 86400, s
    assert (
        s["ending_age"] is None
        and s["traffic_age"] is None
        and s["contact_age"] is not None
        and s["uptime"] >= 0
    ), s
    assert s["guard"]["rehearsed"] is False and s["guard"]["rehearsal"] is None, s  # not yet: there is no key
    assert s["guard"]["persisted"] and s["guard"]["attempts"] == 0 and s["guard"]["last_answer"] is None, s


def test_key():
    s = RIG.status()
    assert s["key"] is False and s["guard"]["ready"] is False and "${KEY}" in s["guard"]["missing"], s
    for bad in ("", "two words", "x" * 513, "a\r\nB: c", 5, None, [lib.KEY]):
        assert RIG.tell("/key", "PUT", key=bad)[0] == 400, bad
    assert RIG.tell("/key", "PUT")[0] == 400 and RIG.status()["key"] is False
    code, data = RIG.tell("/key", "PUT", key=lib.KEY)
    assert (
        code == 200 and json.loads(data)["key"] is True and json.loads(data)["guard"]["ready"] is True
    ), data
    assert lib.KEY.encode() not in data
    s = lib.until("a rehearsal", lambda: (lambda s: s["guard"]["rehearsed"] and s)(RIG.status()))
    assert s["guard"]["rehearsal"] is None, s
    assert [(r["path"], r["headers"]["Authorization"]) for r in RIG.sent("GET")] == [
        ("/own/4711", "Bearer " + lib.KEY)
    ], RIG.cloud.requests
    assert (
        os.stat(f"{RIG.dir}/state/key").st_mode & 0o777 == 0o600
        and lib.read(RIG.dir, "state", "key") == lib.KEY
    )


def test_rehearsal():
    for status, body, sentence in (
        (403, b"error code: 1010", EDGE),
        (200, b"<html>", "rehearse answered HTTP 200, but no JSON"),
        (404, b'{"error":"auth_error"}', "rehearse answered HTTP 404"),
        (201, b"{}", "rehearse answered HTTP 201"),
    ):
        RIG.cloud.status, RIG.cloud.body = status, body
        data = RIG.tell("/key", "PUT", key=lib.KEY)[1]
        assert (
            json.loads(data)["guard"]["rehearsed"] is False
        ), "what an earlier key could do says nothing about this one"
        s = lib.until("the refusal", lambda: (lambda s: s["guard"]["rehearsal"] and s)(RIG.status()))
        assert s["guard"]["rehearsed"] is False and s["guard"]["rehearsal"] == sentence, s
    seen = len(RIG.sent("GET"))
    lib.until("more rehearsals", lambda: len(RIG.sent("GET")) >= seen + 2)
    RIG.cloud.status, RIG.cloud.body = 200, b'{"instances": {"id": 4711}}'
    s = lib.until("success", lambda: (lambda s: s["guard"]["rehearsed"] and s)(RIG.status()))
    assert s["guard"]["rehearsal"] is None and s["state"] == "armed" and not RIG.sent("DELETE"), s


def test_lease():
    code, data = RIG.tell("/lease", silence=100, idle=50)
    s = json.loads(data)
    assert code == 200 and s["silence_left"] <= 100 and s["idle_left"] <= 50 and s["life"] == 43200, data
    code, data = RIG.tell("/lease", life=86401)
    assert code == 400 and "life-max" in json.loads(data)["error"], data
    for bad in (-1, "1", [1], None):
        assert RIG.tell("/lease", idle=bad)[0] == 400, bad
    assert RIG.status()["silence"] == 100
    code, data = RIG.tell("/lease", silence=36000, idle=3600, life=86400)
    assert code == 200 and json.loads(data)["life_left"] > 86000, data
    assert RIG.tell("/lease", life=90000, life_max=80000)[0] == 400
    code, data = RIG.tell("/lease", life=90000, life_max=90000)
    s = json.loads(data)
    assert code == 200 and s["life_max"] == 90000 and s["life_left"] > 89000 and s["guard"]["persisted"], data


def test_engine():
    answer = lib.until("the model server", lambda: RIG.quiet("GET", "/", port=RIG.probe))
    assert answer == (200, b"model"), answer
    assert RIG.status()["traffic_age"] is None, "a probe counted as traffic"
    answer = RIG.ask("GET", "/", port=RIG.model)
    assert answer == (200, b"model"), answer
    s = RIG.status()
    assert s["traffic_age"] is not None and s["engine"]["running"] and s["engine"]["restarts"] == 0, s
    os.kill(s["engine"]["pid"], signal.SIGKILL)
    lib.until(
        "another engine",
        lambda: RIG.status()["engine"]["restarts"] == 1 and RIG.quiet("GET", "/", port=RIG.probe),
    )
    s = RIG.status()
    assert s["engine"]["last_exit"] == "signal 9", s


def test_logs():
    assert b"engine speaks" in RIG.ask("GET", "/log?name=engine&bytes=4096")[1]
    assert b"armed: silence" in RIG.ask("GET", "/log?name=guard")[1]
    assert len(RIG.ask("GET", "/log?name=guard&bytes=10")[1]) == 10
    for bad in (
        "/log",
        "/log?name=key",
        "/log?name=../config",
        "/log?name=guard&bytes=0",
        "/log?name=guard&bytes=x",
    ):
        assert RIG.ask("GET", bad)[0] == 400, bad


def test_refusals():
    assert (
        RIG.ask("GET", "/nothing")[0] == 404
        and RIG.ask("GET", "/lease")[0] == 405
        and RIG.ask("POST", "/status")[0] == 405
    )
    assert b" 400 " in RIG.raw(b"nonsense\r\n\r\n")
    assert b" 431 " in RIG.raw(b"GET /" + b"a" * 5000)
    for path, method in (("/end", "POST"), ("/lease", "POST"), ("/heartbeat", "POST"), ("/key", "PUT")):
        for other in ("cplz-home-1a2c", TOKEN + "x", TOKEN[:-1], "", TOKEN * 20):
            code, data = RIG.ask(
                method, path, json.dumps({"token": other, "silence": 1, "reason": "x", "key": "k"})
            )
            assert (
                code == 409
                and json.loads(data)["error"] == f"this machine belongs to another session: {TOKEN}"
            ), (path, other, data)
        for bad in (
            b"",
            b"[]",
            b"{",
            b"\0",
            b'{"reason": "x", "silence": 1, "key": "k"}',
            b'{"token": 5}',
            json.dumps(TOKEN).encode(),
        ):
            code, data = RIG.ask(method, path, bad)
            assert code == 400 and "names the session's token" in json.loads(data)["error"], (path, bad, data)
    s = RIG.status()
    assert s["state"] == "armed" and s["silence"] == 36000 and not RIG.sent("DELETE"), s
    assert b" 413 " in RIG.raw(b"PUT /key HTTP/1.1\r\nContent-Length: 5000\r\n\r\n")
    with socket.socket() as s:
        assert s.connect_ex(("127.0.0.1", RIG.inner)) != 0, "the control listens on a real socket"


def test_slow():
    slow = []
    for _ in range(24):
        try:  # one too many is refused, perhaps before it could say anything or knew that it was connected
            s = socket.create_connection(("127.0.0.1", RIG.control), 20)
            slow.append(s)
            s.sendall(b"GET /st")
        except ConnectionError:
            pass
    lib.until("an answer beside 24 slow ones", lambda: (RIG.quiet("GET", "/status") or [0])[0] == 200)
    for s in slow:
        s.settimeout(lib.PATIENCE)
        try:
            assert s.recv(100) == b"", "a slow request was answered"
        except ConnectionError:
            pass
        s.close()
    answer = lib.until(
        "an answer after them", lambda: RIG.quiet("GET", "/status")
    )  # the guest hears of the last ones' end in a moment
    assert json.loads(answer[1])["state"] == "armed", answer


def test_persisted():
    record = f"{RIG.dir}/state/guard.new"
    os.mkdir(record)  # a disk that does not take the next record
    try:
        RIG.tell("/lease", idle=3601)
        s = lib.until(
            "the truth about the disk", lambda: (lambda s: not s["guard"]["persisted"] and s)(RIG.status())
        )
        assert s["state"] == "armed" and "the guard's record could not be written" in RIG.log(), s
    finally:
        os.rmdir(record)
    lib.until("the next record, by itself", lambda: RIG.status()["guard"]["persisted"])
    assert " 3601 " in lib.read(RIG.dir, "state", "guard"), lib.read(RIG.dir, "state", "guard")
    RIG.tell("/lease", idle=3600)


def test_signals():
    pid = RIG.guest.pid
    for number in (
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGQUIT,
        signal.SIGPIPE,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGXFSZ,
    ):
        os.kill(pid, number)
        assert RIG.status()["state"] == "armed" and RIG.guest.poll() is None, number


def test_many():
    for _ in range(300):
        assert RIG.tell("/heartbeat")[0] == 200
    assert RIG.status()["contact_age"] < 3600


def test_restart():
    assert RIG.ask("GET", "/", port=RIG.model)[0] == 200
    before = RIG.status()
    lib.until(
        "the record of traffic",
        lambda: re.search(r"^flags \d \d 1", lib.read(RIG.dir, "state", "guard"), re.M),
    )
    os.kill(RIG.guest.pid, signal.SIGKILL)
    RIG.guest.wait()
    RIG.boot()
    s = lib.until("the tunnel again", lambda: RIG.quiet("GET", "/status"))
    s = json.loads(s[1])
    assert (
        s["age"] >= before["age"]
        and s["life"] == 90000
        and s["key"] is True
        and s["traffic_age"] >= before["traffic_age"]
    ), s
    lib.until("the engine", lambda: RIG.quiet("GET", "/", port=RIG.probe))


def test_end():
    pid = RIG.status()["engine"]["pid"]
    code, data = RIG.tell("/end", reason="the test is over")
    s = json.loads(data)
    assert (
        code == 200 and s["state"] == "ending" and s["reason"] == "the client asked for it: the test is over"
    ), data
    request = lib.until("the request", lambda: RIG.sent("DELETE"))[0]
    assert request["method"] == "DELETE" and request["path"] == "/i/4711", request
    assert request["headers"]["Authorization"] == "Bearer " + lib.KEY, request
    s = lib.until(
        "the answer in the status", lambda: (lambda s: s["guard"]["last_answer"] and s)(RIG.status())
    )
    assert s["guard"]["last_answer"] == "terminate answered HTTP 200" and s["guard"]["attempts"] >= 1, s
    lib.until("the engine's end", lambda: not RIG.status()["engine"]["running"])
    assert not os.path.exists(f"/proc/{pid}") and RIG.tell("/lease", silence=5)[0] == 409
    lib.until("more requests", lambda: len(RIG.sent("DELETE")) >= 3)
    first = RIG.status()
    assert 0 < first["ending_age"] < first["age"] and first["guard"]["attempts"] >= 2, first
    RIG.cloud.status = 404
    s = lib.until("a refusal", lambda: (lambda s: "404" in s["guard"]["last_answer"] and s)(RIG.status()))
    assert (
        s["state"] == "ending"
        and s["guard"]["attempts"] > first["guard"]["attempts"]
        and s["ending_age"] > first["ending_age"]
    ), s
    seen = len(RIG.sent("DELETE"))
    RIG.cloud.answer = lambda request: (200, None)
    lib.until("an attempt under way", lambda: len(RIG.sent("DELETE")) > seen)
    os.kill(
        RIG.guest.pid, signal.SIGKILL
    )  # what it was about goes on for a while, and keeps neither port nor directory
    RIG.guest.wait()
    RIG.boot()
    later = json.loads(lib.until("the tunnel again", lambda: RIG.quiet("GET", "/status"))[1])
    assert "does not open" not in RIG.log() and "another guest" not in lib.read(RIG.dir, "out"), RIG.log()
    assert (
        later["state"] == "ending"
        and later["ending_age"] > s["ending_age"]
        and later["reason"] == s["reason"]
    ), later
    assert lib.KEY not in RIG.log() + lib.read(RIG.dir, "out") and RIG.private not in RIG.log() + lib.read(
        RIG.dir, "out"
    )


def held(port):
    """How many connections to a port its owner has accepted: they have an inode, others have none yet."""
    with open("/proc/net/tcp", encoding="ascii") as f:
        rows = [line.split() for line in f][1:]
    return sum(row[1].endswith(f":{port:04X}") and row[3] != "0A" and row[9] != "0" for row in rows)


def test_tcp():
    """The TCP port: what is no WireGuard of ours is put out, a crowd is not kept, the client gets through."""
    port = lib.free_port()
    crowd = [socket.create_connection(("127.0.0.1", RIG.tcp), 20) for _ in range(100)]
    for first in (b"GET / HTTP/1.1\r\n\r\n", b"\x00\x94\x01" + bytes(147), b"\x00\x20\x04" + bytes(31)):
        with socket.create_connection(("127.0.0.1", RIG.tcp), 20) as s:
            s.sendall(first)
            assert lib.closed(s), first
    client = RIG.call(f"tcp:{RIG.tcp}", f"{port}:{RIG.inner}")
    try:
        code, _ = lib.until("the guest over TCP", lambda: RIG.quiet("GET", "/status", port=port))
        assert code == 200
        assert held(RIG.tcp) <= 32, held(RIG.tcp)
        lib.until("the silent ones to be put out", lambda: lib.closed(crowd[-1]))
    finally:
        lib.end(client)
        for s in crowd:
            s.close()
    RIG.quiet("GET", "/status")  # over UDP again


for name, fn in [
    ("status tells limits, ages and the guard", test_status),
    ("the key is pushed, kept private and never shown", test_key),
    ("a brake that cannot work is told, and tried until it can", test_rehearsal),
    ("leases change limits within life-max", test_lease),
    ("the engine is served, counted and restarted", test_engine),
    ("logs by name and size", test_logs),
    ("what it refuses", test_refusals),
    ("slow requests hold nobody up", test_slow),
    ("a record that did not reach the disk is no record", test_persisted),
    ("signals do nothing", test_signals),
    ("300 heartbeats in a row", test_many),
    ("the tunnel over TCP, beside strangers", test_tcp),
    ("a killed guest keeps leases, key and ages", test_restart),
    ("end means end", test_end),
]:
    lib.case(name, fn)
lib.finish()
