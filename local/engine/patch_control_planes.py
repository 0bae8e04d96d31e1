"""Control planes that are away: while a file says so, every call that is not on the list of its caller's path is refused and written down.

On AWS a call is known by who signed it. Here every function signs with one account's key, so each carries its name as session token. What
comes over HTTP is judged before any of the emulator's own code sees it; what the emulator does by itself, on behalf of a state machine or a
schedule, never comes over HTTP and is judged where it is dispatched. Not seen: what event source mappings and log delivery do within it.
"""

import contextvars
import json
import os
import re
import threading
import time
import uuid
from urllib.parse import parse_qs

from patching import original, wrap

_state = contextvars.ContextVar("holdfast_state", default=None)  # (machine, state, execution) of the task that is being dispatched

STATES_SERVICES = {"sfn": "states", "cloudwatchlogs": "logs", "eventbridge": "events", "apigatewayv2": "apigateway"}


class ControlPlanes:
    def __init__(self, rules_file, record_file):
        self._rules_file = rules_file
        self._record_file = record_file
        self._stamp = None
        self._rules = None
        self._allowed = {}
        self._lock = threading.Lock()

    def rules(self):
        """What is refused now; None while nothing is. A file, so that a region that is killed, stopped or starting obeys it as well."""
        try:
            found = os.stat(self._rules_file)
        except OSError:
            self._rules = None
            return None
        stamp = (found.st_mtime_ns, found.st_ino)
        with self._lock:
            if stamp != self._stamp or self._rules is None:
                with open(self._rules_file, encoding="utf-8") as file:
                    self._rules = json.load(file)
                if stamp != self._stamp:
                    self._allowed = {}
                self._stamp = stamp
            return self._rules

    def is_refused(self, rules, caller, path, action, what):
        """`path` None: a caller of no known path, judged as strictly as the failover."""
        if caller in rules["exempt"] or action in rules["actions"][path or "failover"]:
            with self._lock:
                self._allowed[(caller, action)] = self._allowed.get((caller, action), 0) + 1
            return False
        line = json.dumps({"atMs": int(time.time() * 1000), "caller": caller, "path": path, "action": action, "what": what})
        with self._lock, open(self._record_file, "a", encoding="utf-8") as file:
            file.write(line + "\n")
        return True

    def allowed(self):
        with self._lock:
            return [{"caller": caller, "action": action, "times": times} for (caller, action), times in sorted(self._allowed.items())]


def functions_sign_with_their_name(runtime, app):
    def named(execution_credentials):
        def credentials(config):
            given = execution_credentials(config)
            return given if app.AUTH else {**given, "AWS_SESSION_TOKEN": config["FunctionName"]}
        return credentials

    wrap(runtime, "execution_credentials", named, relies_on=['"AWS_SESSION_TOKEN": os.environ.get("AWS_SESSION_TOKEN", "")'])


def judge_requests(app, planes):
    for name in ("detect_service", "_routing_params", "_parse_execute_api_url", "_parse_lambda_url", "_resolve_custom_domain_request"):
        original(app, name)
    from ministack.core import iam_actions
    extract_action, denied = original(iam_actions, "extract_iam_action"), original(iam_actions, "access_denied_response")

    def action_of(method, path, headers, query, body):
        host = headers.get("host", "")
        if app._parse_execute_api_url(host, path) or app._resolve_custom_domain_request(host, path):
            return "execute-api", "execute-api:Invoke"
        if app._parse_lambda_url(host, path):
            return "lambda", "lambda:InvokeFunctionUrl"
        parameters = app._routing_params(method, path, headers, body, query)
        service = app.detect_service(method, path, headers, parameters)
        return service, extract_action(service, method, path, headers, body, parameters) or f"{service}:{method} {path}"

    def judging(asgi):
        async def handled(scope, receive, send):
            # What begins with these is the emulator's own, not AWS's.
            own = scope["type"] != "http" or scope["path"].startswith(("/_holdfast/", "/_ministack/"))
            if scope["type"] == "http" and scope["path"] == "/_holdfast/control-planes":
                await answer(send, 200, {"content-type": "application/json"}, json.dumps({"isRefusing": planes.rules() is not None, "allowed": planes.allowed()}).encode())
                return
            rules = None if own else planes.rules()
            if rules is None:
                await asgi(scope, receive, send)
                return
            messages, body = await read_body(receive)
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
            query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
            service, action = action_of(scope["method"], scope["path"], headers, query, body)
            caller = headers.get("x-amz-security-token", "")
            if planes.is_refused(rules, caller, rules["functions"].get(caller), action, f"{scope['method']} {scope['path']}"):
                principal = f"arn:aws:sts::{os.environ['MINISTACK_ACCOUNT_ID']}:assumed-role/{caller or 'nobody'}"
                status, reply_headers, reply = denied(service, action, principal, str(uuid.uuid4()), headers=headers)
                await answer(send, status, reply_headers, reply)
                return
            await asgi(scope, replaying(messages, receive), send)
        return handled

    wrap(app, "app", judging)


async def answer(send, status, headers, body):
    encoded = [(name.lower().encode(), str(value).encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": [*encoded, (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})


async def read_body(receive):
    messages = []
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request" or not message.get("more_body", False):
            return messages, b"".join(each.get("body", b"") for each in messages)


def replaying(messages, receive):
    waiting = list(messages)

    async def replayed():
        return waiting.pop(0) if waiting else await receive()
    return replayed


def action_of_resource(resource):
    """`arn:aws:states:::aws-sdk:route53:changeResourceRecordSets` → `route53:ChangeResourceRecordSets`."""
    if ":lambda:" in resource and ":states:::" not in resource or re.search(r"states:::(aws-sdk:)?lambda:invoke", resource):
        return "lambda:InvokeFunction"
    named = re.match(r"arn:aws:states:::(?:aws-sdk:)?([\w-]+):(\w+)", resource)
    if not named:
        return resource
    service, operation = named.groups()
    return f"{STATES_SERVICES.get(service, service)}:{operation[0].upper()}{operation[1:]}"


def judge_states(machines, planes):
    failure = original(machines, "_ExecutionError")

    def remembering(execute_task):
        def executed(state_def, raw_input, execution, ctx):
            token = _state.set((ctx.get("StateMachine", {}).get("Name", ""), ctx.get("State", {}).get("Name", ""), ctx.get("Execution", {}).get("Name", "")))
            try:
                return execute_task(state_def, raw_input, execution, ctx)
            finally:
                _state.reset(token)
        return executed

    def judged(dispatch):
        def dispatched(resource, input_data, *more):
            rules = planes.rules()
            if rules is not None:
                machine, state, execution = _state.get() or ("", "", "")
                action = action_of_resource(resource)
                invoked = (input_data.get("FunctionName") or "") if isinstance(input_data, dict) else ""
                what = f"state {state} of {execution}" + (f", {invoked.rsplit(':', 1)[-1]}" if invoked else "")
                if planes.is_refused(rules, f"state {state} of {machine}", rules["machines"].get(machine), action, what):
                    service = action.split(":")[0]
                    raise failure(f"{service.capitalize()}.AccessDeniedException", f"{action} is refused: its control plane is away")
            return dispatch(resource, input_data, *more)
        return dispatched

    wrap(machines, "_invoke_resource", judged, relies_on=["def _invoke_resource(resource, input_data):"])
    wrap(machines, "_invoke_with_callback", judged, relies_on=["def _invoke_with_callback(resource, input_data, token, state_def):"])
    # It was rewritten already, so its source can no longer be read.
    machines._execute_task = remembering(original(machines, "_execute_task"))


def judge_schedules(eventbridge, planes):
    def judged(invoke_target):
        def invoked(target, event, rule, *more):
            rules = planes.rules()
            if rules is not None:
                arn = target.get("Arn", "")
                service, name = arn.split(":")[2] if arn.count(":") > 2 else arn, arn.rsplit(":", 1)[-1]
                action = {"lambda": "lambda:InvokeFunction", "states": "states:StartExecution", "sqs": "sqs:SendMessage", "sns": "sns:Publish"}.get(service, f"{service}:{arn}")
                path = rules["functions"].get(name) or rules["machines"].get(name)
                if planes.is_refused(rules, f"schedule of {name}", path, action, arn):
                    return None
            return invoke_target(target, event, rule, *more)
        return invoked

    wrap(eventbridge, "_invoke_target", judged, relies_on=['elif spec.service == "lambda":'])


def apply(app, runtime, machines, eventbridge, rules_file, record_file):
    planes = ControlPlanes(rules_file, record_file)
    functions_sign_with_their_name(runtime, app)
    judge_requests(app, planes)
    judge_states(machines, planes)
    judge_schedules(eventbridge, planes)
