"""The whole state of the emulator on disk every few seconds, so that SIGKILL costs seconds of control-plane changes and no item.

A copy of the process (fork) writes the state down as it was at one instant, into a directory of its own that becomes the current one by a
rename: a kill in the middle leaves the previous snapshot and the log that continues it. The process itself stands still only for the fork.
"""

import copy
import gc
import json
import logging
import os
import shutil
import signal
import threading
import time
import warnings

import patch_dynamodb
from patching import PatchError, original, wrap

log = logging.getLogger("holdfast.snapshot")

CHILD_LIMIT_SECONDS = 30  # a lock held by another thread at the fork would never be released in the child


class Snapshots:
    def __init__(self, app, persistence, lambda_service, write_log, replays, directory, interval_seconds):
        self._app = app
        self._persistence = persistence
        self._lambda_service = lambda_service
        self._write_log = write_log
        self._replays = replays
        self._directory = directory
        self._interval_seconds = interval_seconds
        self._one_at_a_time = threading.Lock()
        self.taken = 0
        self.last_pause_ms = 0.0
        self.last_total_ms = 0.0

    def _generations(self):
        names = (name for name in os.listdir(self._directory) if name.startswith("generation.") and not name.endswith(".part"))
        return sorted(int(name[len("generation."):]) for name in names)

    def _generation(self, number):
        return os.path.join(self._directory, f"generation.{number}")

    def restore(self, load):
        """Loads the newest complete snapshot, then what the log has beyond it."""
        for name in os.listdir(self._directory):
            if name.endswith(".part"):
                shutil.rmtree(os.path.join(self._directory, name))
        generations = self._generations()
        if generations:
            self._persistence.STATE_DIR = self._generation(generations[-1])
            load()
            self._persistence.STATE_DIR = self._directory
        for replay in self._replays:
            replay()
        self._write_log.rotate()

    def take(self):
        with self._one_at_a_time:
            started = time.monotonic()
            number = (self._generations() or [0])[-1] + 1
            save = self._app._build_persistence_save_dict()
            with patch_dynamodb.request_lock:
                covered = self._write_log.rotate()
                child = self._fork(save, self._generation(number))
            self.last_pause_ms = (time.monotonic() - started) * 1000
            status = os.waitpid(child, 0)[1]
            if status != 0:
                log.error("snapshot %d failed (wait status %d): the write log keeps growing until one succeeds", number, status)
                return False
            self._write_log.remove(covered)
            for stale in self._generations()[:-1]:
                shutil.rmtree(self._generation(stale))
            self.taken = number
            self.last_total_ms = (time.monotonic() - started) * 1000
            return True

    def _fork(self, save, target):
        with warnings.catch_warnings():
            # Python warns that a fork of a process with threads may find locks held: the child has a time limit for that.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child != 0:
            return child
        try:
            signal.alarm(CHILD_LIMIT_SECONDS)
            os.closerange(3, 4096)  # else the child holds on to the port and to the pipes of the Lambdas
            os.nice(10)  # a snapshot must not slow the region down
            gc.disable()  # it would touch, and so copy, all memory that is shared with the parent
            logging.disable(logging.CRITICAL)
            os._exit(0 if self._save(save, target) else 1)
        finally:
            os._exit(1)

    def _save(self, save, target):
        """In the child, which ends afterwards: it changes modules as it likes. Says whether every service was saved."""
        part = target + ".part"
        shutil.rmtree(part, ignore_errors=True)  # of a child that failed
        os.makedirs(part)
        self._persistence.STATE_DIR = part
        # Nothing changes in this process any more, so nothing need be copied; and dumps, unlike dump, is done in C. Together 10 times faster.
        copy.deepcopy = lambda value, _memo=None: value
        json.dump = lambda value, file, **options: file.write(json.dumps(value, **options))
        # The emulator logs a service that cannot be saved and goes on; here the snapshot then does not count.
        failed = []
        self._persistence.logger.error = lambda *_arguments: failed.append(True)
        # Old code must stay while an older snapshot may still be the current one.
        self._lambda_service._prune_orphan_code_blobs = lambda _referenced: None
        self._persistence.save_all(save)
        if not failed:
            os.rename(part, target)
        return not failed

    def run(self):
        while True:
            time.sleep(self._interval_seconds)
            try:
                self.take()
            except Exception:
                log.exception("snapshot")

    def start(self):
        threading.Thread(target=self.run, daemon=True, name="holdfast-snapshot").start()


def apply(app, persistence, lambda_service, write_log, replays, directory, interval_seconds):
    """`replays` carry out what each service has in the log, once the newest snapshot is loaded."""
    snapshots = Snapshots(app, persistence, lambda_service, write_log, replays, directory, interval_seconds)
    if persistence.STATE_DIR != directory or not persistence.PERSIST_STATE:
        raise PatchError(f"the emulator keeps its state in {persistence.STATE_DIR!r} and not in {directory!r}: set STATE_DIR and PERSIST_STATE.")
    original(lambda_service, "_prune_orphan_code_blobs")
    original(persistence, "save_all")

    def restored(load):
        def restoring():
            snapshots.restore(load)
            snapshots.start()
        return restoring

    def saved(_save_all):
        # An orderly end: the same complete snapshot, instead of single files beside the generations.
        return lambda _services: snapshots.take()

    wrap(app, "_load_persisted_state", restored, relies_on=["load_state(state_key)"])
    wrap(app, "save_all", saved, relies_on=["save_state(name, state)"])
    return snapshots
