"""The log of what was acknowledged since the last snapshot, so that it survives SIGKILL.

The emulator writes its state only when it ends in an orderly way. Here a change appends a frame to a log before its answer leaves; snapshot.py
writes the whole state every few seconds and then removes the frames that it contains. No fsync: what is to be survived is the death of the
process, not of the machine. A frame that was cut off by the kill was never acknowledged, and is dropped.
"""

import logging
import os
import pickle
import struct
import threading
import zlib

log = logging.getLogger("holdfast.durability")

HEADER = struct.Struct("<II")  # length and CRC-32 of what follows


class WriteLog:
    """The frames written since the last complete snapshot, in numbered segments `wal.N`."""

    def __init__(self, directory):
        self._directory = directory
        self._descriptor = None
        self._file_lock = threading.Lock()  # innermost: nothing else is ever locked while it is held
        self._request = threading.local()

    def segments(self):
        names = (name for name in os.listdir(self._directory) if name.startswith("wal."))
        return sorted(int(name[len("wal."):]) for name in names)

    def _path(self, number):
        return os.path.join(self._directory, f"wal.{number}")

    def rotate(self):
        """Starts a new segment; returns the numbers of the segments before it."""
        before = self.segments()
        number = before[-1] + 1 if before else 1
        fresh = os.open(self._path(number), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with self._file_lock:
            stale, self._descriptor = self._descriptor, fresh
        if stale is not None:
            os.close(stale)
        return before

    def remove(self, numbers):
        for number in numbers:
            os.remove(self._path(number))

    def begin_request(self):
        self._request.changes = []

    def end_request(self):
        changes, self._request.changes = self._request.changes, None
        if changes:
            self._append(changes)

    def record(self, service, change):
        """Notes a change of a service: with the request of this thread if there is one, else (S3, the TTL sweep) by itself."""
        changes = getattr(self._request, "changes", None)
        if changes is None:
            self._append([(service, change)])
        else:
            changes.append((service, change))

    def _append(self, changes):
        payload = pickle.dumps(changes, pickle.HIGHEST_PROTOCOL)
        frame = memoryview(HEADER.pack(len(payload), zlib.crc32(payload)) + payload)
        with self._file_lock:
            if self._descriptor is None:
                return  # nothing is served before the log is open: these are changes of the replay itself
            while frame:
                frame = frame[os.write(self._descriptor, frame):]

    def frames(self, service):
        """What each frame has of one service, in the order of writing."""
        for changes in self._frames():
            yield [change for named, change in changes if named == service]

    def _frames(self):
        for number in self.segments():
            with open(self._path(number), "rb") as segment:
                content = segment.read()
            offset = 0
            while offset + HEADER.size <= len(content):
                length, checksum = HEADER.unpack_from(content, offset)
                payload = content[offset + HEADER.size:offset + HEADER.size + length]
                if len(payload) < length or zlib.crc32(payload) != checksum:
                    log.warning("the last frame of %s was cut off: its request was never acknowledged", self._path(number))
                    break
                yield pickle.loads(payload)
                offset += HEADER.size + length
