# SPDX-License-Identifier: MIT
"""The guest ends its machine over https only when chain, dates and name are right; otherwise its key never
leaves."""

import os
import sys

import lib

GUEST = sys.argv[1]


def config(folder, port, ca, scheme="https", host=lib.LOCAL, more=""):
    text = f"""listen-port {lib.free_port(lib.socket.SOCK_DGRAM)}
peer-public {lib.wireguard_key()}
token cplz-home-1a2b
private-key-env CPLZ_KEY
silence 1
retry 1
key-env TEST_KEY
terminate-method DELETE
terminate-url {scheme}://{host}:{port}/api/v0/instances/${{TEST_ID}}/
terminate-header Authorization: Bearer ${{KEY}}
ca-file {ca}
state-dir {folder}/state
{more}"""
    with open(f"{folder}/config", "w", encoding="ascii") as f:
        f.write(text)


def run(cloud, ca, **address):
    folder = lib.folder()
    config(folder, cloud.port, ca, **address)
    env = {
        "PATH": os.environ["PATH"],
        "CPLZ_KEY": lib.wireguard_key(),
        "TEST_KEY": lib.KEY,
        "TEST_ID": "4711",
    }
    return folder, lib.start([GUEST, "config"], env, folder, f"{folder}/out")


def log(folder):
    return lib.read(folder, "state", "guard.log")


def accepted(cloud, folder, count=2):
    lib.until(f"{count} requests", lambda: len(cloud.requests) >= count)
    for request in cloud.requests:
        assert request["method"] == "DELETE" and request["path"] == "/api/v0/instances/4711/", request
        assert request["headers"].get("Authorization") == "Bearer " + lib.KEY, request
    lib.until("the answer in the log", lambda: "terminate answered HTTP 200" in log(folder))
    assert lib.KEY not in log(folder) + lib.read(folder, "out")


def by_the_client(cloud, folder):
    """Only the client's clock makes the certificate valid: the machine's own is wrong since its birth."""
    accepted(cloud, folder, 1)
    assert "attempt 1: terminate failed: TLS refused: the certificate is outside its dates" in log(
        folder
    ), log(folder)


def refused(cloud, folder, sentence):
    lib.until("two attempts", lambda: "attempt 2:" in log(folder))
    assert sentence in log(folder), log(folder)
    assert not cloud.requests, cloud.requests
    assert lib.KEY not in log(folder) + lib.read(folder, "out")


def main():
    ours, foreign = lib.Authority("ours"), lib.Authority("foreign")
    ours.issue("good")
    ours.issue("curve", kind=("ec", "-pkeyopt", "ec_paramgen_curve:P-256"))
    ours.issue("expired", dates=("-startdate", "20200101000000Z", "-enddate", "20200201000000Z"))
    ours.issue("future", dates=("-startdate", "20900101000000Z", "-enddate", "20910101000000Z"))
    ours.issue("named", host="example.org")
    ours.issue("middle", host="middle", ca=True)
    ours.issue("chained", by="middle")
    ours.issue("leafsigned", by="good")
    foreign.issue("stranger")
    lib.self_signed("self", lib.LOCAL, lib.alternative(lib.LOCAL), 10, cwd=ours.dir)
    bundle = f"{ours.dir}/bundle.pem"
    with open(bundle, "w", encoding="ascii") as f:
        f.write(
            "a line of prose\n"
            + lib.read(ours.pem)
            + "-----BEGIN CERTIFICATE-----\nbroken!\n-----END CERTIFICATE-----\n"
        )
    cases = [
        ("a good certificate (RSA)", ours.context("good"), None, {}),
        ("a good certificate (P-256)", ours.context("curve"), None, {}),
        ("a good certificate below an intermediate", ours.context("chained", "middle"), None, {}),
        ("an expired certificate", ours.context("expired"), "outside its dates", {}),
        ("a certificate of the future", ours.context("future"), "outside its dates", {}),
        ("a certificate for another name", ours.context("named"), "for another name", {}),
        (
            "a certificate of a foreign authority",
            foreign.context("stranger"),
            "from no authority we know",
            {},
        ),
        ("a self-signed certificate", ours.context("self"), "from no authority we know", {}),
        ("a certificate signed by a mere server's", ours.context("leafsigned", "good"), "TLS refused", {}),
        ("https to a face that speaks plain http", None, "TLS", {}),
        (
            "a certificate that only the client's clock makes valid",
            ours.context("future"),
            by_the_client,
            {"more": "time 3800000000\n"},
        ),
        ("plain http to loopback", None, None, {"scheme": "http", "host": "127.0.0.1"}),
        (
            "plain http beyond loopback",
            None,
            "plain http goes to loopback only",
            {"scheme": "http", "host": "192.0.2.1"},
        ),
    ]
    running = []
    for name, context, sentence, address in cases:
        cloud = lib.Cloud(context)
        folder, _ = run(cloud, bundle, **address)
        running.append((name, cloud, folder, sentence))
    for name, cloud, folder, sentence in running:
        if callable(sentence):
            lib.case(f"{name} gets the request", lambda c=cloud, f=folder, check=sentence: check(c, f))
        elif sentence:
            lib.case(
                f"{name} is refused and the key stays", lambda c=cloud, f=folder, s=sentence: refused(c, f, s)
            )
        else:
            lib.case(f"{name} gets the request", lambda c=cloud, f=folder: accepted(c, f))
    lib.finish()


main()
