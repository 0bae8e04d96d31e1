"""Takes away, one at a time, everything of the emulator that a correction names, and looks whether the start then fails and says so.

Prints one line of JSON: what the start says as it is, of another version, and without each name or with another text in its place.
Run by corrections.test.ts: `python corrections_check.py <local/engine> <empty directory>`.
"""

import inspect
import json
import os
import sys
import types

engine, state = sys.argv[1], sys.argv[2]
sys.path.insert(0, engine)
os.environ.update(STATE_DIR=state, PERSIST_STATE="1", MINISTACK_HOST="127.0.0.1")

import launcher  # noqa: E402
import patching  # noqa: E402
import ministack.app  # noqa: E402, F401  (once, for all the copies below)
from ministack.services import cloudformation, eventbridge, kms, route53, s3, scheduler, stepfunctions  # noqa: E402, F401
from ministack.core import iam_actions  # noqa: E402, F401
import patch_buckets, patch_cloudformation, patch_control_planes, patch_dynamodb, patch_fail_once, patch_gateway, patch_kms, patch_lambda, patch_s3, patch_step_functions, snapshot  # noqa: E401, E402

corrections = (patch_buckets, patch_cloudformation, patch_control_planes, patch_dynamodb, patch_fail_once, patch_gateway, patch_kms, patch_lambda, patch_s3, patch_step_functions, snapshot)


def in_a_copy(action):
    """Runs the action in a fork, from the clean emulator; returns its answer."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        try:
            answer = action()
        except BaseException as error:  # what a person would see as a stack trace
            answer = f"crashed: {error!r}"
        with os.fdopen(writer, "w") as output:
            output.write(json.dumps(answer))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as output:
        answer = json.loads(output.read())
    os.wait()
    return answer


def start():
    try:
        launcher.correct(state, 5, {"rulesFile": os.path.join(state, "rules.json"), "recordFile": os.path.join(state, "record.jsonl")}, os.path.join(state, "fail-once"))
        return "started"
    except patching.PatchError as error:
        return f"refused: {error}"


def start_and_note_names():
    original, getsource, named, read = patching.original, inspect.getsource, [], set()

    def noting(owner, name):
        found = original(owner, name)
        if isinstance(owner, types.ModuleType):
            named.append((owner.__name__, None, name, found))
        elif isinstance(owner, type):
            named.append((owner.__module__, owner.__name__, name, found))
        return found

    def reading(function):
        read.add(id(function))
        return getsource(function)

    for module in (patching, *corrections):
        if hasattr(module, "original"):
            module.original = noting
    inspect.getsource = reading
    start()
    return sorted({(module, cls, name, id(found) in read) for module, cls, name, found in named}, key=str)


def owner_of(module, cls):
    return sys.modules[module] if cls is None else getattr(sys.modules[module], cls)


def start_without(module, cls, name):
    delattr(owner_of(module, cls), name)
    return start()


def start_with_other_text(module, cls, name):
    target, getsource = getattr(owner_of(module, cls), name), inspect.getsource
    inspect.getsource = lambda function: f"def {name}(*arguments): return None\n" if function is target else getsource(function)
    return start()


def start_of_another_version():
    patching.VERSION = "1.5.34"
    return start()


names = in_a_copy(start_and_note_names)
print(json.dumps({
    "asItIs": in_a_copy(start),
    "otherVersion": in_a_copy(start_of_another_version),
    "names": [
        {
            "name": name,
            "without": in_a_copy(lambda: start_without(module, cls, name)),
            "otherText": in_a_copy(lambda: start_with_other_text(module, cls, name)) if is_text_read else "its text does not matter",
        }
        for module, cls, name, is_text_read in names
    ],
}))
