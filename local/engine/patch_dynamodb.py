"""What a DynamoDB table must do here as on AWS: keep what it acknowledged, also through SIGKILL.

Every request that changes items appends one frame to the write log before its answer leaves. One request is one frame, so that a transaction
is on disk wholly or not at all.
"""

import json
import logging
import threading

from patching import original, wrap

log = logging.getLogger("holdfast.durability")

# Held by the thread that carries out a DynamoDB request, and by the snapshot while it forks: no snapshot may contain half a transaction.
request_lock = threading.RLock()


def _identity(table):
    """What names a table, also against one of the same name that was deleted before."""
    _, _, _, region, account, _ = table["TableArn"].split(":", 5)
    return account, region, table["TableName"], table.get("TableId")


def log_item_changes(dynamodb, write_log):
    """Every change of an item goes through these three functions, whichever API call makes it."""

    def logged_set(set_item):
        def logged(table, partition, sort, item):
            before = set_item(table, partition, sort, item)
            write_log.record("dynamodb", ("set", _identity(table), partition, sort, item))
            return before
        return logged

    def logged_remove(remove_item):
        def logged(table, partition, sort):
            before = remove_item(table, partition, sort)
            write_log.record("dynamodb", ("remove", _identity(table), partition, sort, None))
            return before
        return logged

    def logged_replace(items_replaced):
        def logged(table):
            items_replaced(table)
            write_log.record("dynamodb", ("replace", _identity(table), None, None, {key: dict(bucket) for key, bucket in table["items"].items()}))
        return logged

    wrap(dynamodb, "_set_item", logged_set, relies_on=['table["items"].setdefault(pk_val, {})[sk_val] = item'])
    wrap(dynamodb, "_remove_item", logged_remove, relies_on=["sk_map.pop(sk_val, None)"])
    wrap(dynamodb, "_items_replaced", logged_replace, relies_on=["_update_counts(table)"])


def log_stream_records(dynamodb, write_log):
    """Stream records are in no state that the emulator saves; a consumer would miss what was written before a restart."""

    def newest(table_name):
        records = dynamodb._stream_records.get(table_name)
        return records[-1] if records else None

    def logged_emit(emit):
        def logged(table_name, *arguments, **options):
            before = newest(table_name)
            emit(table_name, *arguments, **options)
            after = newest(table_name)
            table = dynamodb._tables.get(table_name)
            if table and after is not None and after is not before:
                write_log.record("dynamodb", ("stream", _identity(table), None, None, after))
        return logged

    def with_streams(get_state):
        def state():
            return {
                **get_state(),
                "holdfast_streams": {"records": dynamodb._stream_records, "trimmed": dynamodb._stream_trimmed, "counter": dynamodb._stream_seq_counter},
            }
        return state

    def load_streams(load):
        def loaded(data):
            load(data)
            streams = (data or {}).get("holdfast_streams")
            if streams:
                dynamodb._stream_records._data.update(streams["records"]._data)
                dynamodb._stream_trimmed._data.update(streams["trimmed"]._data)
                dynamodb._stream_seq_counter = streams["counter"]
        return loaded

    wrap(dynamodb, "_emit_stream_event", logged_emit, relies_on=["_stream_records[table_name].append(record)"])
    wrap(dynamodb, "get_state", with_streams, relies_on=['"tables": tables'])
    wrap(dynamodb, "load_persisted_state", load_streams, relies_on=["_restore_state(data)"])


def one_frame_a_request(dynamodb, write_log):
    """The handler runs from beginning to end on the event loop without awaiting anything, so a thread-bound request is enough."""

    def framed(handle_request):
        async def handled(*arguments):
            with request_lock:
                write_log.begin_request()
                try:
                    return await handle_request(*arguments)
                finally:
                    write_log.end_request()
        return handled

    wrap(dynamodb, "handle_request", framed, relies_on=["status, resp_headers, resp_body = handler(data)"])


def tables_of_other_accounts(dynamodb, responses):
    """A table named by the ARN of another account is looked for in the caller's own, and its resource policy is asked by nobody."""
    for name in ("get_account_id", "request_scope"):
        original(responses, name)

    def allows(policy, caller, action):
        for statement in json.loads(policy)["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            named = statement["Principal"].get("AWS", []) if isinstance(statement["Principal"], dict) else []
            principals = named if isinstance(named, list) else [named]
            is_caller = any(p == caller or p == f"arn:aws:iam::{caller}:root" for p in principals)
            if statement["Effect"] == "Allow" and action in actions and is_caller:
                return True
        return False

    def scoped(handle_request):
        async def handled(method, path, headers, body, query_params):
            if b'"arn:' not in body:
                return await handle_request(method, path, headers, body, query_params)  # nearly all: not worth reading it twice
            try:
                named = json.loads(body).get("TableName", "")
            except (ValueError, AttributeError):
                named = ""
            parts = named.split(":") if isinstance(named, str) else []
            caller = responses.get_account_id()
            if len(parts) != 6 or parts[2] != "dynamodb" or parts[4] == caller:
                return await handle_request(method, path, headers, body, query_params)
            action = "dynamodb:" + headers.get("x-amz-target", "").rpartition(".")[2]
            entry = dynamodb._resource_policies.get_scoped(parts[4], parts[3], named)
            if not entry or not allows(entry["Policy"], caller, action):
                because = f"User: arn:aws:iam::{caller}:root is not authorized to perform: {action} on resource: {named} because no resource-based policy allows the {action} action"
                return dynamodb.error_response_json("AccessDeniedException", because, 400)
            with responses.request_scope(parts[4], parts[3]):
                return await handle_request(method, path, headers, body, query_params)
        return handled

    wrap(dynamodb, "handle_request", scoped)


def replay(dynamodb, write_log):
    """Carries the frames out again over the loaded snapshot. A frame that the snapshot has already changes nothing: the last write wins."""
    known = {}  # table → sequence numbers of its stream
    count = 0
    for changes in write_log.frames("dynamodb"):
        for kind, (account, region, name, table_id), partition, sort, value in changes:
            table = dynamodb._tables.get_scoped(account, region, name)
            if table is None or table.get("TableId") != table_id:
                continue  # deleted since, or made anew under the same name
            count += 1
            if kind == "set":
                dynamodb._set_item(table, partition, sort, value)
            elif kind == "remove":
                dynamodb._remove_item(table, partition, sort)
            elif kind == "replace":
                table["items"].clear()
                table["items"].update(value)
                dynamodb._items_replaced(table)
            else:
                _replay_stream_record(dynamodb, known, (account, region, name), value)
    for table in dynamodb._tables.all_values():
        dynamodb._items_replaced(table)  # the snapshot may have been taken between an item and its count
    log.info("%d changes replayed from the write log", count)


def _replay_stream_record(dynamodb, known, key, record):
    records = dynamodb._stream_records.get_scoped(*key)
    if records is None:
        records = []
        dynamodb._stream_records.set_scoped(*key, records)
    sequences = known.setdefault(key, {entry["dynamodb"]["SequenceNumber"] for entry in records})
    sequence = record["dynamodb"]["SequenceNumber"]
    if sequence not in sequences:
        sequences.add(sequence)
        records.append(record)
    # The last ten digits are the process-wide counter: it must not give a number twice.
    dynamodb._stream_seq_counter = max(dynamodb._stream_seq_counter, int(sequence[-10:]))


def apply(dynamodb, responses, write_log):
    log_item_changes(dynamodb, write_log)
    log_stream_records(dynamodb, write_log)
    one_frame_a_request(dynamodb, write_log)
    tables_of_other_accounts(dynamodb, responses)
