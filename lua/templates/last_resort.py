# The last resort of a virtual machine: when for SECONDS in all no guard was running with its record on the
# disk, this ends the machine. Its requests are in last_resort.json, the keys in the environment.
# Runs as: python3 last_resort.py
import json, os, re, socket, subprocess, time

order = json.load(open("last_resort.json"))
environment = dict(os.environ)


def filled(text):
    return re.sub(r"\$(?:\$|\{(\w+)\})", lambda m: environment.get(m[1], "") if m[1] else "$", text)


# By curl, for the edges of clouds turn Python's own client away; what it shall do comes by a pipe, since it
# holds the key.
def send(request):
    options = [("url", filled(request["url"])), ("request", request.get("method", "GET"))]
    options.append(("user-agent", order["agent"]))
    options += [("header", filled(line)) for line in request.get("headers", [])]
    if request.get("body"):
        options.append(("data-raw", filled(request["body"])))
    if os.path.exists("ca.pem") and os.path.getsize("ca.pem"):
        options.append(("cacert", "ca.pem"))
    text = "".join('%s = "%s"\n' % (name, value.replace("\\", "\\\\").replace('"', '\\"'))
                   for name, value in options)
    done = subprocess.run(["curl", "-q", "-sSg", "--proto", "=http,https", "--max-time", "60",
                           "-w", "\\n%{http_code}", "-K", "-"],
                          input=text.encode(), stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"]})
    if done.returncode != 0:
        raise OSError("curl ended with %d" % done.returncode)
    body, _, status = done.stdout.rpartition(b"\n")
    if status[:1] != b"2":
        raise OSError("HTTP %s: %s" % (status.decode(), body[:200].decode("utf-8", "replace")))
    return body


# Ids of the innermost objects that have one and hold the token, as {id: whether it is this machine}.
# -> what `value` holds of both
def search(value, token, own, found):
    if isinstance(value, str):
        return {name for name, held in (("token", token in value), ("own", value == own)) if held}
    if not isinstance(value, (dict, list)):
        return set()
    before = len(found)
    values = value.values() if isinstance(value, dict) else value
    holds = set().union(*[search(each, token, own, found) for each in values])
    if "token" in holds and "id" in value and len(found) == before:
        found[str(value["id"])] = "own" in holds
    return holds


# The address that this machine has in its own network; nothing is sent.
def address():
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))
            return probe.getsockname()[0]
    except OSError:
        return None


# Every machine of the token, this one last; one that cannot be ended keeps nobody else.
def end_machine():
    find, found, problem = order.get("find"), {}, None
    if find:
        search(json.loads(send(find)), find["token"], address(), found)
    for each in sorted(found, key=found.get) if find else [""]:
        environment["ID"] = each
        time.sleep(find.get("pause", 0) if find else 0)
        try:
            send(order["terminate"])
        except OSError as refusal:
            problem = refusal
    if problem:
        raise problem


def guarded():
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.readlink("/proc/%s/exe" % name) == os.path.join(os.getcwd(), "guest"):
                return os.path.getsize("state/guard") > 0
        except OSError:
            pass
    return False


def alone():
    try:
        return int(open("alone").read() or 0)
    except (OSError, ValueError):
        return 0


seconds = alone()
while seconds < order["seconds"]:
    time.sleep(2)
    seconds = 0 if guarded() else seconds + 2
    try:
        with open("alone", "w") as file:
            file.write(str(seconds))
    except OSError:
        pass
while True:
    try:
        end_machine()
    except Exception as problem:
        print("the machine could not be ended yet:", type(problem).__name__, problem, flush=True)
    time.sleep(order["retry"])
