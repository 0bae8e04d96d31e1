"""Starts the AWS emulator of one region: `python launcher.py region.json`.

The file, written by ministack.ts, carries the whole environment. What the emulator does differently from AWS is corrected in memory before
it starts, one function a correction, in the modules beside this one.
"""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time

PREVIOUS_PROCESS_SECONDS = 3.0


def started_at(pid):
    """What tells a process from a later one with the same number: the same text as startedAt in process-group.ts; "" if it is not running."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
            boot = file.read().strip()
        return "" if fields[0] in "ZX" else f"{boot}/{fields[19]}"
    except OSError:
        if os.path.isdir("/proc/self"):
            return ""
        listed = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
        return listed.stdout.strip()


def is_alive(pid, since):
    return since != "" and started_at(pid) == since


def end_group():
    os.killpg(os.getpgrp(), signal.SIGKILL)


def die_with_stdin():
    """Whoever started us holds the other end of this pipe, and it closes when they die, however that happens."""
    if not (stat.S_ISFIFO(os.fstat(0).st_mode) or stat.S_ISSOCK(os.fstat(0).st_mode)):
        return  # started by hand, or with stdin from /dev/null

    def watch():
        while os.read(0, 1024):
            pass
        end_group()

    threading.Thread(target=watch, daemon=True, name="holdfast-stdin").start()


def record_process(path):
    """So that the next start of the harness can end what this one left behind, and that no two processes ever write one region's state."""
    try:
        with open(path, encoding="utf-8") as file:
            previous = json.load(file)
    except OSError:
        previous = None
    deadline = time.monotonic() + PREVIOUS_PROCESS_SECONDS
    while previous and is_alive(previous["pid"], previous["startedAt"]):
        if time.monotonic() > deadline:
            sys.exit(f"This region already runs as process {previous['pid']}, and two would destroy its state: stop that one first.")
        time.sleep(0.05)
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump({"pid": os.getpid(), "startedAt": started_at(os.getpid())}, file)
    os.replace(path + ".part", path)


def prepare_directories():
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)  # code of Lambdas that a SIGKILL left there
    for name in ("STATE_DIR", "S3_DATA_DIR", "TMPDIR"):
        os.makedirs(os.environ[name], exist_ok=True)


def correct(state_directory, snapshot_seconds, control_planes, fail_once_directory):
    import patching
    patching.require_version()

    from ministack import app
    from ministack.core import lambda_runtime, persistence, responses
    from ministack.services import apigateway, cloudformation, dynamodb, eventbridge, kms, lambda_svc, route53, s3, scheduler, stepfunctions
    from ministack.services.cloudformation import changesets, handlers, provisioners, stacks

    import patch_cloudformation
    import patch_control_planes
    import patch_dynamodb
    import patch_fail_once
    import patch_gateway
    import patch_kms
    import patch_lambda
    import patch_s3
    import patch_step_functions
    import snapshot
    import write_log

    log = write_log.WriteLog(state_directory)
    patch_dynamodb.apply(dynamodb, responses, log)
    patch_s3.apply(s3, log)
    patch_kms.apply(kms)
    replays = (lambda: patch_dynamodb.replay(dynamodb, log), lambda: patch_s3.replay(s3, log))
    snapshots = snapshot.apply(app, persistence, lambda_svc, log, replays, state_directory, snapshot_seconds)
    patch_lambda.apply(lambda_runtime, lambda_svc, apigateway, dynamodb)
    patch_step_functions.apply(stepfunctions, scheduler, eventbridge)
    patch_cloudformation.apply(cloudformation, stacks, (handlers, changesets), provisioners, dynamodb, lambda_svc, route53, s3)
    patch_gateway.apply(app, apigateway, provisioners, snapshots)
    patch_control_planes.apply(app, lambda_runtime, stepfunctions, eventbridge, control_planes["rulesFile"], control_planes["recordFile"])
    patch_fail_once.apply(stepfunctions, fail_once_directory)
    return app


def main(region_file):
    with open(region_file, encoding="utf-8") as file:
        region = json.load(file)
    if os.getpgrp() != os.getpid():
        os.setpgrp()  # the group is what gets killed, stopped and continued: it must be ours alone
    record_process(region["processFile"])
    die_with_stdin()
    os.environ.clear()
    os.environ.update(region["environment"])
    prepare_directories()
    sys.argv = [sys.argv[0]]
    app = correct(os.environ["STATE_DIR"], float(region["snapshotSeconds"]), region["controlPlanes"], region["failOnceDirectory"])
    app.main()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python launcher.py region.json (ministack.ts writes that file)")
    main(sys.argv[1])
