# Runs one program and writes what it cost, as JSON: Node cannot ask for the resources of one child by itself.
# python3 measure.py REPORT COMMAND.json, which is {"argv":[...],"env":{...},"cwd":...}. CPU seconds and peak memory are those of the child and of what it waited for.
import json
import os
import resource
import signal
import subprocess
import sys
import time


def busy_seconds():
    """Of all processors together, by whomever; None where the system does not say."""
    try:
        with open("/proc/stat") as stat:
            user, nice, system, _idle, _wait, irq, softirq, steal = map(int, stat.readline().split()[1:9])
            return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return None


with open(sys.argv[2]) as file:
    command = json.load(file)
busy = busy_seconds()
started = time.monotonic()
child = subprocess.Popen(command["argv"], env=command["env"], cwd=command["cwd"])
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda received, _frame: child.send_signal(received))
status = child.wait()
wall = time.monotonic() - started
after = busy_seconds()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as report:
    json.dump(
        {
            "status": status,
            "wallSeconds": wall,
            "userSeconds": used.ru_utime,
            "systemSeconds": used.ru_stime,
            "peakBytes": used.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            "busySeconds": None if busy is None or after is None else after - busy,
        },
        report,
    )
sys.exit(0 if status == 0 else 1)
