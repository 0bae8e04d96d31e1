"""Step Functions: the parts of JSONata, of time limits and of starting that are missing or differ from AWS's documentation."""

import json
import threading

from patching import original, rewrite, set_value, wrap

JSONATA = '_state_query_language(state_def, ctx) == "JSONata"'


def simultaneous_assign(machines):
    """All expressions of an Assign see the values from before the state; each saw what the one above it had just assigned."""
    rewrite(
        machines, "_apply_state_assign",
        ('    variables = ctx.setdefault("variables", {})\n', "    assigned = {}\n"),
        ("        variables[name] = _apply_jsonata_template(", "        assigned[name] = _apply_jsonata_template("),
        ("            result=result, error_output=error_output,\n        )\n",
         "            result=result, error_output=error_output,\n        )\n    ctx.setdefault(\"variables\", {}).update(assigned)\n"),
    )


def succeed_output(machines):
    """The Output of a Succeed state was ignored."""
    def with_output(apply_output_path):
        def applied(state_def, data, ctx=None):
            if state_def.get("Type") == "Succeed" and machines._state_query_language(state_def, ctx) == "JSONata":
                return machines._apply_jsonata_output(state_def, data, ctx, default=data)
            return apply_output_path(state_def, data, ctx)
        return applied

    wrap(machines, "_apply_output_path", with_output, relies_on=["def _apply_output_path(state_def, data, ctx=None):"])


def parallel_branches(machines):
    """Parallel ignored Arguments, Output and Assign, and its branches overwrote each other's variables, state name and task token."""
    rewrite(
        machines, "_run_parallel_branches",
        ("    effective = _apply_input_path(state_def, raw_input, ctx)\n    effective = _apply_parameters(state_def, effective, ctx)\n",
         f"    if {JSONATA}:\n"
         "        effective = _apply_jsonata_arguments(state_def, raw_input, ctx)\n"
         "    else:\n"
         "        effective = _apply_parameters(state_def, _apply_input_path(state_def, raw_input, ctx), ctx)\n"),
        ("                effective, execution, ctx)\n",
         '                effective, execution, {**ctx, "variables": copy.deepcopy(ctx.get("variables", {}))})\n'),
        ("    result = _apply_result_selector(state_def, results)\n",
         f"    if {JSONATA}:\n"
         "        output = _apply_jsonata_output(state_def, raw_input, ctx, result=results, default=results)\n"
         "        _apply_state_assign(state_def, raw_input, ctx, result=results)\n"
         "        return output, _next_or_end(state_def)\n"
         "    result = _apply_result_selector(state_def, results)\n"),
    )


def task_limits(machines):
    """TimeoutSeconds of a task may be an expression; a retry's MaxDelaySeconds was ignored, and a stopped execution went on retrying."""
    rewrite(
        machines, "_execute_task",
        ("    retriers = state_def.get(\"Retry\", [])\n",
         "    if isinstance(state_def.get('TimeoutSeconds'), str):\n"
         "        state_def = {**state_def, 'TimeoutSeconds': _apply_jsonata_template(state_def['TimeoutSeconds'], raw_input, ctx)}\n"
         "    retriers = state_def.get(\"Retry\", [])\n"),
        ("    while True:\n",
         "    while True:\n"
         "        if execution and execution.get('status') != 'RUNNING':\n"
         "            raise _ExecutionError('States.Runtime', 'the execution has ended')\n"),
        ("min(sleep_sec, 60)", "min(sleep_sec, retrier.get('MaxDelaySeconds', 60))"),
    )


def ended_executions_stay_ended(machines):
    """A state that was running when its execution was stopped or timed out must not change its status afterwards, nor start the next state."""
    def once(fail_execution):
        def failed(execution, error, cause):
            if execution["status"] == "RUNNING":
                fail_execution(execution, error, cause)
        return failed

    wrap(machines, "_fail_execution", once, relies_on=['execution["status"] = "FAILED"'])
    rewrite(machines, "_run_sub_machine", ("    while current_name:\n", '    while current_name and execution["status"] == "RUNNING":\n'))


def machine_time_limit(machines):
    """TimeoutSeconds of the whole machine was ignored."""
    original(machines, "_executions"), original(machines, "_state_machines"), original(machines, "_emit_execution_status_event")

    def limited(run_execution):
        def run(execution_arn):
            execution = machines._executions.get(execution_arn)
            machine = machines._state_machines.get((execution or {}).get("stateMachineArn"))
            limit = json.loads((machine or {}).get("definition") or "{}").get("TimeoutSeconds")
            if not execution or not limit:
                return run_execution(execution_arn)

            def time_out():
                if execution["status"] == "RUNNING":
                    execution.update(status="TIMED_OUT", stopDate=machines.now_iso(), error="States.Timeout")
                    machines._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}})
                    machines._emit_execution_status_event(execution)

            timer = threading.Timer(limit, time_out)
            timer.daemon = True
            timer.start()
            try:
                return run_execution(execution_arn)
            finally:
                timer.cancel()
        return run

    rewrite(machines, "_run_execution", ("    time.sleep(0.15)\n", ""))  # every execution began 150 ms late
    wrap_compiled(machines, "_run_execution", limited)


def wrap_compiled(machines, name, make):
    """Wraps a function that was just rewritten, whose source can no longer be read."""
    setattr(machines, name, make(original(machines, name)))


def start_again_while_running(machines):
    """AWS answers a second start with the same name and input with the execution that is running; here it was refused."""
    def idempotent(start_execution):
        def started(data):
            response = start_execution(data)
            if response[0] != 400 or b"ExecutionAlreadyExists" not in response[2]:
                return response
            arn = json.loads(response[2])["message"].split("'")[1]
            execution = machines._executions.get(arn)
            if execution and execution["status"] == "RUNNING" and execution["input"] == data.get("input", "{}"):
                return machines.json_response({"executionArn": arn, "startDate": execution["startDate"]})
            return response
        return started

    wrap(machines, "_start_execution", idempotent, relies_on=["f\"Execution already exists: '{exec_arn}'\""])


def sweep_schedules_each_second(scheduler, eventbridge):
    """Schedules were looked at every 10 s, so that a minute's tick could come 10 s late."""
    set_value(scheduler, "_SCHEDULE_TICK_INTERVAL", 10, 1)
    set_value(eventbridge, "_SCHEDULER_TICK_INTERVAL", 10, 1)


def apply(machines, scheduler, eventbridge):
    simultaneous_assign(machines)
    succeed_output(machines)
    parallel_branches(machines)
    task_limits(machines)
    ended_executions_stay_ended(machines)
    machine_time_limit(machines)
    start_again_while_running(machines)
    sweep_schedules_each_second(scheduler, eventbridge)
