"""Lambda: what a function's caller sees of its errors, and how its event sources call it."""

import logging
import threading
import time

from patching import original, replace_text, rewrite, set_value, wrap

log = logging.getLogger("holdfast.lambda")

RETRY_PAUSE_SECONDS = 1.0  # between two attempts at the same batch of a stream


def error_names(runtime, lambda_service):
    """A thrown error's `name` must arrive as `errorType`: state machines catch by it."""
    script = original(runtime, "_NODEJS_WORKER_SCRIPT")
    runtime._NODEJS_WORKER_SCRIPT = replace_text(
        script,
        "lambda_runtime._NODEJS_WORKER_SCRIPT",
        ('status: "error", error: String(err.message || err), trace: err.stack || ""',
         'status: "error", thrown: true, name: err.name, error: String(err.message || err), trace: err.stack || ""'),
        ('status: "error", error: e.message, trace: e.stack',
         'status: "error", thrown: true, name: e && e.name, error: String((e && e.message) || e), trace: (e && e.stack) || ""'),
    )
    rewrite(
        lambda_service, "_execute_function_warm",
        ('            error_type = "Runtime.HandlerError"\n', '            error_type = result.get("name") or "Runtime.HandlerError"\n'),
    )


def errors_keep_the_process(runtime):
    """On AWS a handler that throws keeps its execution environment; here each throw killed the process, and the next call paid for a start."""
    rewrite(
        runtime, "invoke",
        ('if response.get("status") == "error":', 'if response.get("status") == "error" and not response.get("thrown"):'),
        cls=original(runtime, "Worker"),
    )


def no_wait_for_logs(runtime):
    """Every call that logged nothing waited 50 ms for a log line. Lines that come later are still read, with the next call."""
    drain = original(runtime.Worker, "_drain_stderr_bounded")
    set_value(drain, "__defaults__", (0.050, 0.005, 0.250), (0.004, 0.002, 0.100))


def gateway_answers(apigateway):
    """What an HTTP API answers for a function that is throttled or fails: 503 and 500, not the function URL's 429 and 502."""
    rewrite(
        apigateway, "_invoke_lambda_proxy",
        ("    lambda_response, _ = lambda_svc.lambda_execute_result_to_api_proxy_response(result)\n",
         "    if result.get('throttle'):\n"
         "        return 503, {'Content-Type': 'application/json'}, b'{\"message\":\"Service Unavailable\"}'\n"
         "    if result.get('error'):\n"
         "        return 500, {'Content-Type': 'application/json'}, b'{\"message\":\"Internal Server Error\"}'\n"
         "    lambda_response, _ = lambda_svc.lambda_execute_result_to_api_proxy_response(result)\n"),
    )


class StreamMappings:
    """Delivers the records of DynamoDB streams.

    Written anew rather than corrected. As installed, one thread served all mappings one after the other and waited for each handler (one
    that waits for a dead region would have held up the tick queue as well), and took a batch with reported failures for done.
    Delivery is at least once: the position advances after the handler's answer, and is as old as the last snapshot after a SIGKILL.
    """

    def __init__(self, lambda_service, dynamodb, spawn, parse_arn):
        self._lambda = lambda_service
        self._dynamodb = dynamodb
        self._spawn = spawn
        self._parse_arn = parse_arn
        self._busy = set()
        self._busy_lock = threading.Lock()
        self._attempts = {}  # mapping → (sequence number of the first record of the batch, attempts at it)

    def poll(self):
        """Called by the poller; starts a thread for each mapping that has something to do, and says whether there was one."""
        service = self._lambda
        has_started = False
        for account, region, mapping in service._iter_all_esms():
            if ":dynamodb:" not in mapping.get("EventSourceArn", ""):
                continue
            tokens = service._request_account_id.set(account), service._request_region.set(region)
            try:
                work = self._work_of(mapping)
                if work is not None:
                    self._start(mapping, *work)
                    has_started = True
            finally:
                service._request_account_id.reset(tokens[0])
                service._request_region.reset(tokens[1])
        return has_started

    def _work_of(self, mapping):
        """(function, table name, position) if records wait, else None; anchors a new mapping's position."""
        service, streams = self._lambda, self._dynamodb
        identifier = mapping["UUID"]
        if identifier in self._busy or not mapping.get("Enabled", True):
            return None
        source = service._dynamodb_stream_table_from_arn_spec(self._parse_arn(mapping["EventSourceArn"]))
        function, _ = service._get_func_record_for_qualifier(mapping["FunctionName"], mapping.get("Qualifier"))
        if source is None or function is None:
            return None
        table = streams._tables.get(source[0])
        if not table or table.get("LatestStreamArn") != mapping["EventSourceArn"]:
            return None
        horizon, end = streams.stream_start_position(source[0]), streams.stream_end_position(source[0])
        with service._dynamodb_stream_positions_lock:
            if identifier not in service._dynamodb_stream_positions:
                service._dynamodb_stream_positions[identifier] = horizon if mapping.get("StartingPosition") == "TRIM_HORIZON" else end
            position = max(service._dynamodb_stream_positions[identifier], horizon)
        if position >= end or service._esm_backoff_until.get(identifier, 0) > time.time():
            return None
        return function, source[0], position

    def _start(self, mapping, function, table_name, position):
        identifier = mapping["UUID"]
        with self._busy_lock:
            self._busy.add(identifier)

        def deliver():
            try:
                self._deliver(mapping, function, table_name, position)
            except Exception:
                log.exception("stream mapping %s of %s", identifier, table_name)
                self._lambda._esm_backoff_until[identifier] = time.time() + RETRY_PAUSE_SECONDS
            finally:
                with self._busy_lock:
                    self._busy.discard(identifier)
                self._lambda._esm_wake.set()

        self._spawn(deliver, thread_name="holdfast-stream-mapping")

    def _deliver(self, mapping, function, table_name, position):
        records = self._dynamodb.stream_records_since(table_name, position, int(mapping.get("BatchSize", 100)))
        batch = self._lambda._apply_filter_criteria(records, mapping)
        if not batch:
            self._advance(mapping, position + len(records))
            return
        result = self._lambda._execute_function(function, {"Records": batch})
        failed = self._first_failure(mapping, batch, result)
        if failed is None:
            mapping["LastProcessingResult"] = f"OK - {len(batch)} records"
            self._attempts.pop(mapping["UUID"], None)
            self._advance(mapping, position + len(records))
            return
        mapping["LastProcessingResult"] = "FAILED"
        log.warning("%s failed at a record of %s: %s", mapping["FunctionName"], table_name, result.get("body"))
        remaining = batch[failed:]
        condition = None if result.get("throttle") else self._given_up(mapping, remaining)
        if condition is not None:
            self._lambda._send_ddb_stream_failure_record(mapping, function, remaining, mapping["EventSourceArn"], result, condition)
            self._attempts.pop(mapping["UUID"], None)
            self._advance(mapping, position + len(records))
            return
        self._advance(mapping, position + next(index for index, record in enumerate(records) if record is remaining[0]))
        self._lambda._esm_backoff_until[mapping["UUID"]] = time.time() + RETRY_PAUSE_SECONDS

    def _first_failure(self, mapping, batch, result):
        """Index of the record from which on the batch is to be tried again; None if all of it succeeded."""
        if result.get("error") or result.get("throttle"):
            return 0
        body = result.get("body")
        if "ReportBatchItemFailures" not in (mapping.get("FunctionResponseTypes") or []) or not isinstance(body, dict):
            return None
        failures = body.get("batchItemFailures") or []
        if not failures:
            return None
        sequences = [record["dynamodb"]["SequenceNumber"] for record in batch]
        identifiers = [failure.get("itemIdentifier") for failure in failures]
        if any(identifier not in sequences for identifier in identifiers):
            return 0  # AWS: an answer that names no record of the batch fails all of it
        return min(sequences.index(identifier) for identifier in identifiers)

    def _given_up(self, mapping, remaining):
        """Why the batch is not tried again, in the words of the failure record; None if it is."""
        first = remaining[0]["dynamodb"]
        sequence, attempts = self._attempts.get(mapping["UUID"], (None, 0))
        attempts = attempts + 1 if sequence == first["SequenceNumber"] else 1
        self._attempts[mapping["UUID"]] = (first["SequenceNumber"], attempts)
        limit = int(mapping.get("MaximumRetryAttempts", -1))
        if 0 <= limit < attempts:
            return "RetryAttemptsExhausted"
        age_limit = int(mapping.get("MaximumRecordAgeInSeconds", -1))
        if 0 < age_limit < time.time() - float(first["ApproximateCreationDateTime"]):
            return "MaxRecordAgeExceeded"
        return None

    def _advance(self, mapping, position):
        with self._lambda._dynamodb_stream_positions_lock:
            self._lambda._dynamodb_stream_positions[mapping["UUID"]] = position
        self._lambda._esm_backoff_until.pop(mapping["UUID"], None)


def stream_mappings(lambda_service, dynamodb):
    for name in ("_iter_all_esms", "_request_account_id", "_request_region", "_dynamodb_stream_table_from_arn_spec", "_get_func_record_for_qualifier",
                 "_dynamodb_stream_positions", "_dynamodb_stream_positions_lock", "_esm_backoff_until", "_esm_wake", "_apply_filter_criteria",
                 "_execute_function", "_send_ddb_stream_failure_record", "spawn_background", "parse_arn"):
        original(lambda_service, name)
    for name in ("stream_start_position", "stream_end_position", "stream_records_since"):
        original(dynamodb, name)
    mappings = StreamMappings(lambda_service, dynamodb, lambda_service.spawn_background, lambda_service.parse_arn)
    wrap(lambda_service, "_poll_dynamodb_streams", lambda _poll: mappings.poll, relies_on=["_execute_function(func_rec, event)"])


def apply(runtime, lambda_service, apigateway, dynamodb):
    error_names(runtime, lambda_service)
    errors_keep_the_process(runtime)
    no_wait_for_logs(runtime)
    gateway_answers(apigateway)
    stream_mappings(lambda_service, dynamodb)
