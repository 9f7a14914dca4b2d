# The last resort of a virtual machine: when for SECONDS in all no guard was running with its record on the disk, this ends the machine.
# Its requests are in last_resort.json, the keys in the environment. Runs as: python3 last_resort.py
import json, os, re, subprocess, time

order = json.load(open("last_resort.json"))
environment = dict(os.environ)


def filled(text):
    return re.sub(r"\$(?:\$|\{(\w+)\})", lambda m: environment.get(m[1], "") if m[1] else "$", text)


# By curl, for the edges of clouds turn Python's own client away; what it shall do comes by a pipe, since it holds the key.
def send(request):
    options = [("url", filled(request["url"])), ("request", request.get("method", "GET")), ("user-agent", order["agent"])]
    options += [("header", filled(line)) for line in request.get("headers", [])]
    if request.get("body"):
        options.append(("data-raw", filled(request["body"])))
    if os.path.exists("ca.pem"):
        options.append(("cacert", "ca.pem"))
    text = "".join('%s = "%s"\n' % (name, value.replace("\\", "\\\\").replace('"', '\\"')) for name, value in options)
    done = subprocess.run(["curl", "-q", "-sSgf", "--proto", "=http,https", "--max-time", "60", "-K", "-"], input=text.encode(),
                          stdout=subprocess.PIPE, env={"PATH": os.environ["PATH"]})
    if done.returncode != 0:
        raise OSError("curl ended with %d" % done.returncode)
    return done.stdout


# Ids of the innermost objects that have one and hold the token. -> whether the token is in `value`
def search(value, token, found):
    if isinstance(value, str):
        return token in value
    if isinstance(value, list):
        return any([search(each, token, found) for each in value])
    if not isinstance(value, dict):
        return False
    before = len(found)
    holds = any([search(each, token, found) for each in value.values()])
    if holds and "id" in value and len(found) == before:
        found.append(str(value["id"]))
    return holds


def end_machine():
    find, ids = order.get("find"), [""]
    if find:
        ids = []
        search(json.loads(send(find)), find["token"], ids)
        time.sleep(find.get("pause", 0))
    for each in ids:
        environment["ID"] = each
        send(order["terminate"])


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
