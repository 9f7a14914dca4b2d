# SPDX-License-Identifier: MIT
"""The guest ends its machine and every other one of its token, whatever the cloud answers, and rehearses
it before."""

import json
import os
import re
import shutil
import subprocess
import sys

import lib

GUEST = sys.argv[1]
TOKEN = "cplz-home-1a2b"


class Machine:
    """A guest beside a cloud that is asked for the ids of the token."""

    def __init__(
        self, rows, silence=1, retry=1, user=None, more="", host="127.0.0.1", port=None, wrap=(), tools=()
    ):
        """`port`: where the cloud will be, which is not there yet. `wrap`: the words before the guest's.
        `tools`: programs of the machine that only say that they were called."""
        self.dir, self.rows, self.cloud = lib.folder(), rows, None
        if not port:
            self.appear()
        base = f"http://{host}:{port or self.cloud.port}"
        with open(f"{self.dir}/config", "w", encoding="ascii") as f:
            f.write(
                f"listen-port {lib.free_port(lib.socket.SOCK_DGRAM)}\npeer-public {lib.wireguard_key()}\n"
                f"token {TOKEN}\n"
                f"private-key-env CPLZ_KEY\nsilence {silence}\nretry {retry}\nkey-env TEST_KEY\n"
                f"terminate-method POST\n"
                f'terminate-url {base}/end\nterminate-header Authorization: Bearer ${{KEY}}\n'
                f'terminate-body {{"id":"${{ID}}"}}\n'
                f"find-url {base}/list\nfind-header Authorization: Bearer ${{KEY}}\nfind-token {TOKEN}\n"
                f"state-dir state\n{more}"
            )
        path = os.environ["PATH"]
        for name in tools:
            with open(f"{self.dir}/{name}", "w", encoding="ascii") as f:
                f.write(f"#!/bin/sh\necho called >{self.dir}/{name}.said\n")
            os.chmod(f"{self.dir}/{name}", 0o755)
            path = f"{self.dir}:{os.environ['PATH']}"
        self.env = {"PATH": path, "CPLZ_KEY": lib.wireguard_key(), "TEST_KEY": lib.KEY}
        guest = GUEST
        if user:  # who may not be able to reach ours
            guest = shutil.copy(GUEST, self.dir)
            os.chown(self.dir, user, user)
        self.process = lib.start([*wrap, guest, "config"], self.env, self.dir, f"{self.dir}/out", user=user)

    def appear(self, port=0):
        self.cloud = lib.Cloud(port=port)
        self.cloud.answer = lambda request: (
            (200, json.dumps({"data": self.rows})) if request["method"] == "GET" else (200, "{}")
        )

    def restart(self, edit):
        """Kills the guest, lets `edit` change its record, starts it again."""
        lib.end(self.process)
        text = lib.read(self.dir, "state", "guard")
        with open(f"{self.dir}/state/guard", "w", encoding="ascii") as f:
            f.write(edit(text))
        self.process = lib.start([GUEST, "config"], self.env, self.dir, f"{self.dir}/out")

    def log(self):
        return lib.read(self.dir, "state", "guard.log")

    def ended(self):
        return [
            json.loads(request["body"])["id"]
            for request in self.cloud.requests
            if request["method"] == "POST"
        ]


def row(name, **more):
    return {"id": name, "tags": [{"key": "cplz:run", "value": TOKEN}], **more}


def test_twins():
    machine = Machine(
        [
            row("mine", private_ip="127.0.0.1"),
            row("twin", private_ip="10.0.0.9"),
            {"id": "else", "name": "cplz-other-1"},
        ]
    )
    lib.until("two rounds", lambda: len(machine.ended()) >= 4)
    assert machine.ended()[:4] == ["twin", "mine"] * 2, machine.ended()
    lib.until("the log", lambda: "terminate answered HTTP 200; terminate answered HTTP 200" in machine.log())
    lib.end(machine.process)


def test_refused():
    machine = Machine([row("mine")], silence=2)
    lib.until("the rehearsal", lambda: "rehearsed: the machine could be ended from here" in machine.log())
    answers = iter(
        [(404, '{"error":{"code":"global/object-does-not-exist"}}')] * 2
        + [(401, "{}"), (403, "error code: 1010")]
        + [(500, "")] * 2
        + [(429, "")]
    )
    machine.cloud.answer = lambda request: (
        (200, json.dumps([row("mine")])) if request["method"] == "GET" else next(answers, (404, "{}"))
    )
    lib.until("more attempts than answers", lambda: "attempt 5:" in machine.log())
    assert machine.ended() == ["mine"] * len(machine.ended()) and len(machine.ended()) >= 5, machine.ended()
    for said in (
        "answered HTTP 404",
        "answered HTTP 401",
        "was turned away by the protection in front of the cloud (HTTP 403, error code: 1010)",
    ):
        assert "terminate " + said in machine.log(), machine.log()
    lib.end(machine.process)


def test_no_network():
    machine = Machine([row("mine")], silence=2, port=lib.free_port(), more="life 100\n")
    port = int(re.search(r"find-url http://[^:]*:(\d+)", lib.read(machine.dir, "config"))[1])
    lib.until("three attempts in vain", lambda: "attempt 3:" in machine.log())
    assert re.search(
        r"attempt 3: find failed: no connection to 127.0.0.1 port \d+: Connection refused; next in 4 s",
        machine.log(),
    ), machine.log()
    machine.appear(port)
    lib.until("the end, now that there is a network", machine.ended)
    lib.end(machine.process)


def test_no_names():
    """Names do not resolve, until they do: the guest sees another file of hosts."""
    hosts = f"{lib.folder()}/hosts"
    with open(hosts, "w", encoding="ascii") as f:
        f.write("127.0.0.1 localhost\n")
    wrap = [
        "unshare",
        *(["-m"] if os.getuid() == 0 else ["-Urm"]),
        "sh",
        "-c",
        f'mount --bind {hosts} /etc/hosts || exit 9; exec "$@"',
        "sh",
    ]
    if subprocess.run([*wrap, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        print("skip - names that do not resolve: no mount of its own is allowed here", flush=True)
        return
    machine = Machine([row("mine")], silence=2, host="cloud.invalid", wrap=wrap)
    lib.until("three attempts in vain", lambda: "attempt 3:" in machine.log())
    assert "attempt 3: find failed: the name cloud.invalid does not resolve" in machine.log(), machine.log()
    with open(hosts, "a", encoding="ascii") as f:
        f.write("127.0.0.1 cloud.invalid\n")
    lib.until("the end, now that there are names", machine.ended)
    lib.end(machine.process)


def test_slow_twin():
    machine = Machine([row("twin"), row("mine", private_ip="127.0.0.1")])
    answers = machine.cloud.answer
    machine.cloud.answer = lambda request: (200, None) if "twin" in request["body"] else answers(request)
    lib.until("the own end", lambda: "mine" in machine.ended())
    assert machine.ended()[:2] == ["twin", "mine"], machine.ended()
    lib.end(machine.process)


def test_otherwise():
    port = lib.free_port()
    base = f"http://127.0.0.1:{port}/stop/${{ID}}"
    more = (
        f"otherwise-method PUT\notherwise-url {base}\notherwise-header X-Key: ${{KEY}}\n"
        "otherwise-body {}\n"
    )
    machine = Machine([row("mine")], silence=2, port=port, more=more)
    machine.appear(port)
    terminated = iter([(403, "{}"), (500, "")])
    machine.cloud.answer = lambda request: (
        (200, json.dumps([row("mine")]))
        if request["method"] == "GET"
        else next(terminated, (204, "")) if request["method"] == "POST" else (200, "{}")
    )
    lib.until("an end that is taken", lambda: "terminate answered HTTP 204" in machine.log())
    asked = [r["method"] for r in machine.cloud.requests if r["method"] != "GET"]
    assert asked[:4] == ["POST", "PUT", "POST", "POST"], asked
    stop = next(r for r in machine.cloud.requests if r["method"] == "PUT")
    assert stop["path"] == "/stop/mine" and stop["headers"]["X-Key"] == lib.KEY and stop["body"] == "{}", stop
    assert "terminate answered HTTP 403; stop answered HTTP 200" in machine.log(), machine.log()
    assert "terminate answered HTTP 500; next" in machine.log(), machine.log()
    assert "terminate answered HTTP 204; next" in machine.log(), machine.log()
    lib.end(machine.process)


def test_power_off():
    port = lib.free_port()
    machine = Machine([row("mine")], silence=2, port=port, more="power-off-after 2\n", tools=("poweroff",))
    machine.appear(port)
    machine.cloud.answer = lambda request: (401, "{}")
    lib.until("a machine that is switched off", lambda: "poweroff ended with 0" in machine.log())
    lines = machine.log().splitlines()
    early = [line for line in lines if "attempt 1:" in line or "attempt 2:" in line]
    assert len(early) == 2 and not any("poweroff" in line for line in early), lines
    assert any("attempt 3: find answered HTTP 401; poweroff ended with 0" in line for line in lines), lines
    assert lib.read(machine.dir, "poweroff.said") == "called\n"
    lib.end(machine.process)


def test_key_changed():
    machine = Machine([row("mine")], silence=2)
    machine.cloud.answer = lambda request: (401, '{"error":"auth_error"}')
    lib.until("attempts with a dead key", lambda: "attempt 3:" in machine.log())
    assert "find answered HTTP 401" in machine.log() and not machine.ended(), machine.log()
    machine.cloud.answer = lambda request: (
        (200, json.dumps(machine.rows)) if request["method"] == "GET" else (200, "{}")
    )
    lib.until("the end, once the key is good again", machine.ended)
    lib.end(machine.process)


def test_no_list():
    machine = Machine([])
    lib.until(
        "an empty list", lambda: "find answered HTTP 200, but nothing in it holds the token" in machine.log()
    )
    machine.cloud.answer = lambda request: (200, "<html>")
    lib.until("a page", lambda: "find answered HTTP 200, but no JSON" in machine.log())
    machine.cloud.answer = lambda request: (200, json.dumps([row("mine"), row("x" * (1 << 20))]))
    lib.until(
        "a list without end", lambda: "find answered HTTP 200, but more than a megabyte" in machine.log()
    )
    assert not machine.ended(), machine.ended()
    machine.cloud.answer = lambda request: (200, json.dumps([row("mine")]))
    lib.until("the end all the same", machine.ended)
    lib.end(machine.process)


def test_rehearsal():
    machine = Machine([], silence=0)
    lib.until(
        "a rehearsal that finds nothing",
        lambda: "rehearsal 2: find answered HTTP 200, but nothing in it holds" in machine.log(),
    )
    machine.cloud.answer = lambda request: (200, json.dumps([row("mine"), row("twin")]))
    lib.until("success", lambda: "rehearsed: the machine could be ended from here" in machine.log())
    assert not machine.ended() and all(
        r["headers"]["User-Agent"].startswith("continueplz/") for r in machine.cloud.requests
    )
    lib.end(machine.process)


def test_stored_end():
    machine = Machine([row("mine")], silence=0, more="life 7200\n")
    lib.until("the record", lambda: "born " in lib.read(machine.dir, "state", "guard"))
    machine.restart(lambda text: text)
    lib.until("the record taken up", lambda: "armed again from the record" in machine.log())
    assert not machine.ended()
    # The stored wall clock alone says that the life is over: the process, its monotonic clock and the stored
    # ages are young.
    machine.restart(
        lambda text: re.sub(r"born (\d+) (\d+)", lambda m: f"born {m[1]} {int(m[2]) - 7201000}", text)
    )
    lib.until("the end", machine.ended)
    assert "ending the machine: the machine reached the end of its life" in machine.log(), machine.log()
    lib.end(machine.process)
    # The stored age alone says so, while the wall clock of then lies in the future.
    machine = Machine([row("mine")], silence=0, more="life 7200\n")
    lib.until("the record", lambda: "born " in lib.read(machine.dir, "state", "guard"))
    machine.restart(
        lambda text: re.sub(r"born (\d+) (\d+)", lambda m: f"born 7201000 {int(m[2]) + 9000000}", text)
    )
    lib.until("the end", machine.ended)
    lib.end(machine.process)


def test_damaged_record():
    machine = Machine([row("mine")], silence=0, more="life 7200\n")
    lib.until("the record", lambda: "born " in lib.read(machine.dir, "state", "guard"))
    machine.restart(lambda text: text[:-5])
    lib.until("the end", machine.ended)
    assert "ending the machine: the guard's record is damaged" in machine.log(), machine.log()
    lib.end(machine.process)


def test_strangers():
    """Packets without the client's key are no contact, whatever they look like."""
    machine = Machine([row("mine")], silence=3)
    port = int(re.search(r"listen-port (\d+)", lib.read(machine.dir, "config"))[1])
    packets = [
        bytes([kind, 0, 0, 0]) + os.urandom(length - 4)
        for kind, length in ((1, 148), (2, 92), (3, 64), (4, 32), (4, 96), (9, 40))
    ]

    def knock():
        with lib.socket.socket(lib.socket.AF_INET, lib.socket.SOCK_DGRAM) as s:
            for packet in packets:
                s.sendto(packet, ("127.0.0.1", port))
        return machine.ended()

    lib.until("the end", knock)
    assert "ending the machine: the client never made contact" in machine.log(), machine.log()
    lib.end(machine.process)


def test_memory():
    def adjusted(pid):
        return lib.read(f"/proc/{pid}/oom_score_adj").strip()

    for user in (None, 65534) if os.getuid() == 0 else (None,):
        machine = Machine(
            [row("mine")],
            silence=0,
            user=user,
            more="engine-arg /bin/sh\nengine-arg -c\n"
            "engine-arg cat /proc/self/oom_score_adj >>score; exec sleep 600\nengine-env PATH=${PATH}\n",
        )
        pid = int(lib.until("the engine", lambda: lib.read(machine.dir, "state", "engine.pid").split())[0])
        lib.until("the engine's score", lambda p=pid: adjusted(p) == "300")
        if user is None and os.getuid() == 0:
            lib.until("the engine's own word", lambda m=machine: lib.read(m.dir, "score") == "300\n")
            own = adjusted(machine.process.pid)
            allowed = (
                subprocess.run(
                    ["sh", "-c", "echo -900 >/proc/self/oom_score_adj"],
                    stderr=subprocess.DEVNULL,
                    check=False,
                ).returncode
                == 0
            )
            assert own == ("-900" if allowed else adjusted(os.getpid())), own
        lib.end(machine.process)


lib.case("every machine of the token is ended, its own last", test_twins)
lib.case("no answer of the cloud ends the attempts", test_refused)
lib.case("a cloud that cannot be reached is tried until it can", test_no_network)
lib.case("names that do not resolve are tried until they do", test_no_names)
lib.case("an end that is refused is followed by a stop, one that is taken is not", test_otherwise)
lib.case("an end that comes to nothing for long switches the machine off", test_power_off)
lib.case("a key that is refused is tried until it is not", test_key_changed)
lib.case("an answer in drops for another machine does not keep the own one", test_slow_twin)
lib.case("a list without the token, or that is none, ends nothing and is asked for again", test_no_list)
lib.case("the own-id lookup is rehearsed until it finds the machine, and ends nothing", test_rehearsal)
lib.case(
    "a restarted guest takes its end from the record: by its clock or by its age, whichever is less",
    test_stored_end,
)
lib.case("a damaged record ends the machine", test_damaged_record)
lib.case("packets of strangers are no contact", test_strangers)
lib.case("when memory runs out, the engine goes before the guard", test_memory)
lib.finish()
