"""Puts a locked object twice and dies at each step that reaches the disk, then looks what a new start finds. One JSON line: a list of findings.

Run by object-durability.test.ts: `python object_crash_check.py <local/engine> <empty directory>`. Each life is a fork from before the emulator's import,
since it reads its files when it is imported.
"""

import json
import os
import sys

engine, base = sys.argv[1], sys.argv[2]
sys.path.insert(0, engine)
BUCKET, KEY = "vault", "packs/x"
LOCK = {"x-amz-object-lock-mode": "COMPLIANCE", "x-amz-object-lock-retain-until-date": "2999-01-01T00:00:00.000Z"}


def start(directory):
    os.environ.update(S3_PERSIST="1", S3_DATA_DIR=os.path.join(directory, "s3"), PERSIST_STATE="1", STATE_DIR=os.path.join(directory, "state"), MINISTACK_REGION="us-east-1", LOG_LEVEL="ERROR")
    os.makedirs(os.environ["STATE_DIR"], exist_ok=True)
    from ministack.services import s3

    import patch_s3
    import write_log

    log = write_log.WriteLog(os.environ["STATE_DIR"])
    patch_s3.apply(s3, log)
    patch_s3.replay(s3, log)
    log.rotate()
    return s3


def in_a_life(action):
    """The answer of `action` in a fork; None where it died before it could answer."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        answer = json.dumps(action()).encode()
        os.write(writer, answer)
        real_exit(0)
    os.close(writer)
    with os.fdopen(reader) as output:
        text = output.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else None


real_exit = os._exit


def put_and_die(directory, dies_in, step):
    """Two puts; dies before the step-th change of the disk in the put `dies_in` (0 or 1). Answers only if it lives to the end."""
    s3 = start(directory)
    s3._create_bucket(BUCKET, b"", {"x-amz-bucket-object-lock-enabled": "true"})
    real_replace, real_write = os.replace, os.write
    left = [step]

    def counted(real):
        def change(*arguments):
            left[0] -= 1
            if left[0] == 0:
                real_exit(9)
            return real(*arguments)
        return change

    for number, body in enumerate((b"first", b"second, longer")):
        if number == dies_in:
            os.replace, os.write = counted(real_replace), counted(real_write)
        status, headers, _ = s3._put_object(BUCKET, KEY, body, {**LOCK, "x-amz-sdk-checksum-algorithm": "SHA256"})
        os.replace, os.write = real_replace, real_write
        assert status == 200, status
        with open(os.path.join(directory, f"acknowledged.{number}"), "w") as file:
            file.write(headers["x-amz-version-id"])
    return "lived"


def look(directory):
    s3 = start(directory)

    def read(version):
        status, headers, body = s3._get_object(BUCKET, KEY, {"x-amz-checksum-mode": "ENABLED"}, {"versionId": [version]} if version else {})
        if status != 200:
            return None
        return {
            "text": body.decode(),
            "version": headers.get("x-amz-version-id"),
            "isWhole": headers["Content-Length"] == str(len(body)) and headers.get("x-amz-checksum-sha256") == s3._compute_s3_checksum("SHA256", body),
            "isLocked": headers.get("x-amz-object-lock-mode") == "COMPLIANCE" and s3._delete_object(BUCKET, KEY, {}, {"versionId": [headers.get("x-amz-version-id", "null")]})[0] == 403,
        }

    acknowledged = []
    for number in range(2):
        path = os.path.join(directory, f"acknowledged.{number}")
        if os.path.exists(path):
            with open(path) as file:
                acknowledged.append(read(file.read()))
    return {"acknowledged": acknowledged, "current": read(None)}


findings = []
for dies_in in (0, 1):
    for step in range(1, 100):
        directory = os.path.join(base, f"{dies_in}.{step}")
        os.makedirs(directory)
        lived = in_a_life(lambda: put_and_die(directory, dies_in, step)) == "lived"
        findings.append({"diesIn": dies_in, "step": step, "lived": lived, **in_a_life(lambda: look(directory))})
        if lived:
            break
print(json.dumps(findings))
