"""What an S3 bucket must do here as on AWS: keep what it acknowledged, locked, also through SIGKILL, and refuse what S3 refuses.

The emulator keeps objects in files, but their retention and legal holds in memory only; and it writes an object's bytes before the file that
says which version they are, so that a kill in between gives the old version the new bytes.
"""

import contextlib
import datetime
import os

from patching import original, rewrite, wrap

# Each is lost or stale after a SIGKILL, and decides what may be deleted.
LOGGED = {
    "object_retention": "_object_retention",
    "object_legal_hold": "_object_legal_hold",
    "bucket_object_lock": "_bucket_object_lock",
    "bucket_versioning": "_bucket_versioning",
}


def log_locks(s3, write_log):
    """Retention, holds and what makes a bucket lockable go into the write log before the answer leaves, and into the snapshot."""

    def logging_class(base, kind):
        class Logged(base):
            __slots__ = ()

            # The change first, then its frame: a snapshot between the two has the change, and the frame changes nothing.
            def __setitem__(self, key, value):
                super().__setitem__(key, value)
                write_log.record("s3", ("set", kind, self._scoped(key), value))

            def __delitem__(self, key):
                super().__delitem__(key)
                write_log.record("s3", ("remove", kind, self._scoped(key), None))

            def pop(self, key, *default):
                was_there = key in self
                value = super().pop(key, *default)
                if was_there:
                    write_log.record("s3", ("remove", kind, self._scoped(key), None))
                return value

        return Logged

    persisted = original(s3, "_PERSISTED_BUCKET_DICTS")
    for kind, name in LOGGED.items():
        store = original(s3, name)
        store.__class__ = logging_class(type(store), kind)
        persisted[kind] = store


def replay(s3, write_log):
    for changes in write_log.frames("s3"):
        for what, kind, scoped_key, value in changes:
            store = getattr(s3, LOGGED[kind])._data
            if what == "set":
                store[scoped_key] = value
            else:
                store.pop(scoped_key, None)


def whole_objects(s3):
    """The bytes go beside first, then the file that says which version is current, then the bytes under their name.

    That file is the moment of the change: before it the old version is whole, after it the bytes are found beside (below, at the start).
    """
    for name in ("_object_disk_path", "_version_disk_path", "_atomic_write", "_version_file_exists", "_object_versions"):
        original(s3, name)

    def staged(persist):
        def persisted(bucket, key, obj):
            body = obj.get("body") if isinstance(obj, dict) else None
            version = obj.get("version_id") if isinstance(obj, dict) else None
            path = s3._object_disk_path(bucket, key)
            beside = s3._version_disk_path(bucket, key, version) if version else None
            if body is None or path is None or beside is None:
                persist(bucket, key, obj)
            else:
                os.makedirs(os.path.dirname(beside), mode=0o700, exist_ok=True)
                os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
                s3._atomic_write(beside, body)
                obj["body"] = None
                persist(bucket, key, obj)
                os.replace(beside, path)
            _forget_bodies(s3, bucket, key)
        return persisted

    wrap(s3, "_persist_object", staged, relies_on=["if data is not None:\n                _atomic_write(fpath, data)", 'obj["body"] = None'])


def _forget_bodies(s3, bucket, key):
    """The index of versions held every body in memory for good: a vault would fill it."""
    for version in s3._object_versions.get((bucket, key)) or []:
        version["data"] = None


def finish_interrupted(s3):
    """Carries out the last step of whole_objects where a kill came before it."""
    if not original(s3, "S3_PERSIST"):
        return
    for (account, bucket), record in list(original(s3, "_buckets")._data.items()):
        for key, obj in record["objects"].items():
            version = obj.get("version_id")
            if version and s3._version_file_exists(bucket, key, version, account):
                os.replace(s3._version_disk_path(bucket, key, version, account), s3._object_disk_path(bucket, key, account))


def _instant(text):
    """A date as S3 writes it, so that texts compare as times; None where it is none."""
    with contextlib.suppress(ValueError):
        moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        moment = moment.replace(tzinfo=datetime.timezone.utc) if moment.tzinfo is None else moment.astimezone(datetime.timezone.utc)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    return None


def lock_dates(s3):
    """A date in the past was accepted (and a date without a mode), and dates were compared as texts of different lengths."""
    for name in ("_error", "now_iso"):
        original(s3, name)

    def refusal(date):
        # Words of AWS as seen there: versity/versitygw issues 1734 and 2028.
        if date is None:
            return s3._error("InvalidArgument", "The retain until date must be provided in ISO 8601 format", 400)
        if date <= s3.now_iso():
            return s3._error("InvalidArgument", "The retain until date must be in the future!", 400)
        return None

    def checked(header_error):
        def error(bucket, headers):
            refused = header_error(bucket, headers)
            mode, until = headers.get("x-amz-object-lock-mode", ""), headers.get("x-amz-object-lock-retain-until-date", "")
            if refused or not (mode or until):
                return refused
            if not (mode and until):
                return s3._error("InvalidArgument", "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied", 400)
            if mode not in ("GOVERNANCE", "COMPLIANCE"):
                return s3._error("InvalidArgument", "Unknown wormMode directive.", 400)
            return refusal(_instant(until))
        return error

    def normalised(apply_headers):
        def applied(bucket, key, headers, version_id):
            until = headers.get("x-amz-object-lock-retain-until-date", "")
            apply_headers(bucket, key, {**headers, "x-amz-object-lock-retain-until-date": _instant(until)} if until else headers, version_id)
        return applied

    wrap(s3, "_object_lock_header_error", checked, relies_on=["Bucket is missing ObjectLockConfiguration"])
    wrap(s3, "_apply_object_lock_from_headers", normalised, relies_on=['"RetainUntilDate": lock_until'])
    s3._holdfast_instant = _instant
    s3._holdfast_refusal = refusal
    rewrite(
        s3, "_put_object_retention",
        ("    retain_until = date_el.text\n", "    retain_until = _holdfast_instant(date_el.text)\n    if refused := _holdfast_refusal(retain_until):\n        return refused\n"),
        # Ceph pull request 42505, from tests against S3: neither mode becomes the other, unless GOVERNANCE is bypassed.
        ('mode_el.text == "GOVERNANCE" and existing.get("Mode") == "COMPLIANCE"', 'mode_el.text != existing.get("Mode") and existing.get("RetainUntilDate", "") > now_iso()'),
    )


def copies_have_locks_of_their_own(s3):
    """A copy took the lock of what it was copied from; on AWS it has what its own request says, or the bucket's default."""
    rewrite(
        s3, "_copy_object",
        (
            "    for store in (_object_retention, _object_legal_hold):\n"
            "        if src_lock_key in store and _bucket_object_lock.get(bucket_name):\n"
            "            store[(bucket_name, dest_key, dest_version_id)] = copy.deepcopy(store[src_lock_key])\n",
            "    _apply_object_lock_from_headers(bucket_name, dest_key, headers, dest_version_id)\n",
        ),
    )


def no_unlocked_multipart_objects(s3):
    """An object made of parts gets no lock, neither its own nor the bucket's default: better none than one that a test takes for locked."""
    original(s3, "_bucket_object_lock")

    def refusing(create):
        def created(bucket, key, headers):
            if s3._bucket_object_lock.get(bucket):
                return s3._error("NotImplemented", "Holdfast's local engine does not lock multipart uploads: put the object in one request.", 501)
            return create(bucket, key, headers)
        return created

    wrap(s3, "_create_multipart_upload", refusing, relies_on=["_multipart_uploads[upload_id] = {"])


def versioning_of_a_locked_bucket(s3):
    """It could be suspended, and what was put then was not locked."""
    original(s3, "_find_xml_tag")

    def guarded(put_versioning):
        def put(name, body):
            if s3._bucket_object_lock.get(name) and b"Suspended" in body:
                return s3._error("InvalidBucketState", "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.", 409)
            return put_versioning(name, body)
        return put

    wrap(s3, "_put_bucket_versioning", guarded, relies_on=['status_el.text not in ("Enabled", "Suspended")'])


def ranges_of_versions(s3):
    """A range of a named version gave all of it. The checksum, which is of the whole, is left out as it is elsewhere."""
    original(s3, "_parse_range")
    original(s3, "_range_error_xml")
    rewrite(
        s3, "_get_object",
        (
            "                if body is None:\n                    break\n                return 200, resp_headers, body\n",
            "                if body is None:\n"
            "                    break\n"
            "                if headers.get('range', ''):\n"
            "                    rng = _parse_range(headers['range'], len(body))\n"
            "                    if rng is None:\n"
            "                        unsatisfied = {'Content-Type': 'application/xml', 'Content-Range': f'bytes */{len(body)}'}\n"
            "                        return 416, unsatisfied, _xml_body(_range_error_xml(bucket_name, key))\n"
            "                    part = body[rng[0] : rng[1] + 1]\n"
            "                    ranged = {'Content-Length': str(len(part)), 'Content-Range': f'bytes {rng[0]}-{rng[1]}/{len(body)}'}\n"
            "                    whole = {name: value for name, value in resp_headers.items() if not name.startswith('x-amz-checksum-')}\n"
            "                    return 206, {**whole, **ranged}, part\n"
            "                return 200, resp_headers, body\n",
        ),
    )


def apply(s3, write_log):
    log_locks(s3, write_log)
    whole_objects(s3)
    finish_interrupted(s3)
    lock_dates(s3)
    copies_have_locks_of_their_own(s3)
    no_unlocked_multipart_objects(s3)
    versioning_of_a_locked_bucket(s3)
    ranges_of_versions(s3)
