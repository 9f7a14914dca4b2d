# SPDX-License-Identifier: MIT
"""The start script as a rented container runs it: last resort, push, guard, restarts, the end of the
machine."""

import json
import os
import re
import signal
import socket
import subprocess
import sys

import lib

CONTINUEPLZ = sys.argv[1]
ENGINE = """#!/bin/sh
env >"$OUT.env"
echo started >>"$OUT"
exec sleep 600
"""


class Machine:
    """One rented machine: an order, its payload, a home and the script that runs in it."""

    def __init__(self, cloud, scheme="http", host="127.0.0.1", last_resort=600, headers=(), **limits):
        self.home, self.plan, self.cloud = lib.folder(), lib.folder(), cloud
        self.dir = f"{self.home}/.continueplz-guest"
        self.out = f"{self.plan}/engine.out"
        self.push_port = lib.free_port()
        with open(f"{self.plan}/engine.sh", "w", encoding="ascii") as f:
            f.write(ENGINE)
        os.chmod(f"{self.plan}/engine.sh", 0o755)
        order = {
            "token": "cplz-home-1a2b",
            "listen_port": lib.free_port(socket.SOCK_DGRAM),
            "push_port": self.push_port,
            "engine_port": lib.free_port(),
            "client_public": lib.wireguard_key(),
            "limits": {"silence": 0, "idle": 0, "life": 0, "life_max": 0, **limits},
            "terminate": {
                "method": "DELETE",
                "url": f"{scheme}://{host}:{cloud.port}/api/v0/instances/${{CONTAINER_ID}}/",
                "headers": ["Authorization: Bearer ${CONTAINER_API_KEY}", *headers],
                "body": "{}",
            },
            "retry_seconds": 1,
            "last_resort_seconds": last_resort,
            "engine": {"argv": [f"{self.plan}/engine.sh"], "env": [f"OUT={self.out}", "PATH=${PATH}"]},
        }
        with open(f"{self.plan}/order.json", "w", encoding="ascii") as f:
            json.dump(order, f)
        env = {
            "PATH": os.environ["PATH"],
            "HOME": self.home,
            "CONTINUEPLZ_HOME": self.plan,
            "CONTINUEPLZ_SCRIPTS": lib.HERE,
        }
        done = subprocess.run(
            [CONTINUEPLZ, f"{lib.HERE}/render.lua", f"{self.plan}/order.json", self.plan],
            env=env,
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        with open(f"{self.plan}/blob", "rb") as f:
            self.blob = f.read()
        self.script = lib.read(self.plan, "script")
        self.process = None

    def boot(self, path="", **extra):
        env = {
            "PATH": path + os.environ["PATH"],
            "HOME": self.home,
            "CONTAINER_ID": "4711",
            "CONTAINER_API_KEY": lib.KEY,
            "CPLZ_KEY": lib.wireguard_key(),
            **extra,
        }
        self.process = lib.start(["/bin/sh", "-c", self.script], env, "/", f"{self.plan}/out")

    def connect(self):
        def attempt():
            try:
                return socket.create_connection(("127.0.0.1", self.push_port), 20)
            except OSError:
                return None

        return lib.until("the push port", attempt)

    def push(self, data):
        with self.connect() as s:
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                return s.recv(16)
            except OSError as problem:
                return str(problem).encode()

    def ready(self):
        self.boot()
        assert self.push(self.blob) == b"ok\n"
        lib.until("the engine", lambda: lib.read(self.out))

    def pid(self):
        text = lib.read(self.dir, "pid").strip()
        return int(text) if text else None

    def log(self):
        return lib.read(self.dir, "state", "guard.log")

    def born(self):
        lines = [
            text for text in lib.read(self.dir, "state", "guard").splitlines() if text.startswith("born ")
        ]
        return lines[0].split()[2] if lines else None

    def terminated(self, count=2):
        lib.until("the terminate request", lambda: len(self.cloud.requests) >= count)
        for request in self.cloud.requests:
            assert request["method"] == "DELETE" and request["path"] == "/api/v0/instances/4711/", request
            assert request["headers"].get("Authorization") == "Bearer " + lib.KEY, request
            assert request["body"] == "{}" and re.fullmatch(
                r"continueplz/[0-9.]+", request["headers"].get("User-Agent", "")
            ), request

    def end(self):
        lib.end(self.process)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().split(") ")[1][0] != "Z"
    except OSError:
        return False


def test_size():
    machine = Machine(lib.Cloud())
    assert len(machine.script.encode()) < 4000, len(machine.script)
    assert lib.KEY not in machine.script and "CPLZ_KEY" in lib.read(machine.plan, "config")
    try:
        Machine(lib.Cloud(), headers=["X-Long: " + "a" * 4000])
    except AssertionError as refusal:
        assert "or more are refused" in str(refusal), refusal
    else:
        raise AssertionError("a start script of more than 4000 bytes was rendered")


def test_push():
    machine = Machine(lib.Cloud(), silence=600)
    machine.boot()
    spoiled = machine.blob[:-1] + bytes([machine.blob[-1] ^ 1])
    assert machine.push(spoiled) == b"no\n"
    assert machine.push(b"GET / HTTP/1.0\r\n\r\n") == b"no\n"
    assert not os.path.exists(f"{machine.dir}/guest") and not machine.log()
    assert machine.push(machine.blob) == b"ok\n"
    lib.until("the engine", lambda: lib.read(machine.out))
    env = lib.read(machine.out + ".env")
    assert "CPLZ_KEY" not in env and "API_KEY" not in env and "CONTAINER" not in env, env
    assert "armed: silence 600" in machine.log(), machine.log()
    environ = open(f"/proc/{machine.pid()}/environ", "rb").read() if os.getuid() == 0 else b""
    value = environ.split(b"CPLZ_KEY=")[1].split(b"\0")[0] if b"CPLZ_KEY=" in environ else b""
    assert value == b"", "the private key is still in the guest's environment"
    assert not machine.cloud.requests
    machine.end()


def test_silence():
    machine = Machine(lib.Cloud(status=500), silence=2)
    machine.ready()
    machine.terminated(3)
    assert "the client never made contact" in machine.log(), machine.log()
    lib.until("the log", lambda: "terminate answered HTTP 500" in machine.log())
    lib.until("the engine's end", lambda: "the engine ended: signal 15" in machine.log())
    assert lib.KEY not in machine.log() + lib.read(machine.plan, "out")
    machine.end()


def test_killed_guest():
    machine = Machine(lib.Cloud(status=500), life=20)
    machine.ready()
    born, first = lib.until("the record", machine.born), machine.pid()
    os.kill(first, signal.SIGTERM)
    os.kill(first, signal.SIGHUP)
    lib.until("the first guest", lambda: alive(first))
    os.kill(first, signal.SIGKILL)
    second = lib.until("another guest", lambda: machine.pid() not in (None, first) and machine.pid())
    lib.until("the record taken up", lambda: "armed again from the record" in machine.log())
    assert machine.born() == born
    lib.until("another engine", lambda: lib.read(machine.out).count("started") == 2)
    machine.terminated(1)
    os.kill(lib.until("the second guest", machine.pid), signal.SIGKILL)
    seen = len(machine.cloud.requests)
    lib.until("requests after the kill", lambda: len(machine.cloud.requests) > seen)
    lib.until(
        "the end taken up",
        lambda: machine.log().count("ending the machine: the machine reached the end of its life") == 2,
    )
    assert machine.born() == born and second
    machine.end()


def test_restarted_container():
    machine = Machine(lib.Cloud(), silence=600)
    machine.ready()
    born, guest = lib.until("the record", machine.born), machine.pid()
    machine.end()
    lib.until("the guest's end", lambda: not alive(guest))
    machine.boot()
    lib.until("another engine", lambda: lib.read(machine.out).count("started") == 2)
    assert machine.born() == born and "armed again from the record" in machine.log()
    machine.end()


def test_spoiled_record():
    machine = Machine(lib.Cloud(), silence=600)
    machine.ready()
    guest = machine.pid()
    machine.end()
    lib.until("the guest's end", lambda: not alive(guest))
    with open(f"{machine.dir}/state/guard", "w", encoding="ascii") as f:
        f.write("guard 1\nboot -\n")
    machine.boot()
    machine.terminated(1)
    assert "the guard's record is damaged" in machine.log()
    machine.end()


def test_last_resort():
    machine = Machine(lib.Cloud(status=429), last_resort=2)
    machine.boot()
    machine.terminated(3)
    machine.end()


def test_last_resort_for_ever():
    machine = Machine(lib.Cloud(status=404), last_resort=2)
    quick = lib.folder()
    with open(f"{quick}/sleep", "w", encoding="ascii") as f:
        f.write(f"#!/bin/sh\necho $1 >>{quick}/pauses\nexec /bin/sleep 0.01\n")
    os.chmod(f"{quick}/sleep", 0o755)
    machine.boot(path=quick + ":")
    machine.terminated(70)
    pauses = [int(text) for text in lib.read(quick, "pauses").split()]
    assert pauses[1:7] == [1, 2, 4, 8, 16, 32] and set(pauses[7:]) == {32}, pauses
    machine.end()


def test_last_resort_after_bad_guest():
    machine = Machine(lib.Cloud(), last_resort=8, silence=600)
    machine.boot(CPLZ_KEY="x")
    assert machine.push(machine.blob) == b"ok\n"
    lib.until("the guest without a key", lambda: "no tunnel: CPLZ_KEY holds no key" in machine.log())
    lib.until("a guest", machine.pid)
    os.remove(f"{machine.dir}/config")
    os.kill(machine.pid(), signal.SIGKILL)
    machine.terminated(1)
    machine.end()


def test_last_resort_tls():
    ours, foreign = lib.Authority("ours"), lib.Authority("foreign")
    ours.issue("good")
    ours.issue("named", host="example.org")
    foreign.issue("stranger")
    good, named, stranger = (
        lib.Cloud(c) for c in (ours.context("good"), ours.context("named"), foreign.context("stranger"))
    )
    machines = [
        Machine(cloud, scheme="https", host=lib.LOCAL, last_resort=2) for cloud in (good, named, stranger)
    ]
    for machine in machines:
        machine.boot(SSL_CERT_FILE=ours.pem)
    machines[0].terminated(2)
    for cloud in (named, stranger):
        lib.until("two refusals", lambda c=cloud: c.broken >= 2)
        assert not cloud.requests, "the key went to a face that is not the cloud"
    for machine in machines:
        machine.end()


lib.case("the start script is small and holds no key, a long one is refused", test_size)
lib.case("a push with a wrong hash is refused, the right one starts guest and engine", test_push)
lib.case("silence ends the machine, again and again", test_silence)
lib.case("a killed guest comes back and keeps its deadline, also while ending", test_killed_guest)
lib.case("a restarted container needs no push and takes up the record", test_restarted_container)
lib.case("a damaged record ends the machine", test_spoiled_record)
lib.case("without a push the script ends the machine itself", test_last_resort)
lib.case(
    "the last resort goes on for ever, whatever the answer is, with pauses of at most a minute",
    test_last_resort_for_ever,
)
lib.case("a guest that cannot start leads to the last resort", test_last_resort_after_bad_guest)
lib.case("the last resort speaks to the true cloud only", test_last_resort_tls)
lib.finish()
