"""CloudFormation: what it silently drops, and what it refuses, of the templates that Holdfast deploys."""

import asyncio
import contextvars
import json
import time

import patch_buckets
from patching import PatchError, is_true, original, wrap

STACK_WAIT_SECONDS = 20


def _handler(provisioners, resource_type):
    handlers = original(provisioners, "_RESOURCE_HANDLERS")
    if resource_type not in handlers:
        raise PatchError(f"CloudFormation no longer knows {resource_type}: its correction must be written anew.")
    return handlers[resource_type]


def _after(provisioners, resource_type, complete):
    """Calls `complete(physical id, properties)` after the type's own create and update."""
    handler = _handler(provisioners, resource_type)
    create, update = handler["create"], handler["update"]

    def completed_create(logical_id, properties, stack_name):
        result = create(logical_id, properties, stack_name)
        complete(result[0], properties)
        return result

    def completed_update(physical_id, old, new, *rest):
        result = update(physical_id, old, new, *rest)
        complete(result[0], new)
        return result

    provisioners._RESOURCE_HANDLERS[resource_type] = {**handler, "create": completed_create, "update": completed_update}


def _accepted(response, what):
    if response[0] >= 400:
        raise ValueError(f"{what}: {response[2]!r}")


def table_properties(provisioners, dynamodb):
    """Time to live, point-in-time recovery, encryption and the resource policy are dropped, and a protected table is deleted."""
    for name in ("_put_resource_policy", "_resource_policies", "_update_ttl", "_update_continuous_backups", "_ttl_settings", "_pitr_settings", "_sse_description_from_spec"):
        original(dynamodb, name)

    def complete(name, properties):
        table = dynamodb._tables[name]
        table["DeletionProtectionEnabled"] = is_true(properties.get("DeletionProtectionEnabled", False))
        if properties.get("SSESpecification"):
            specification = properties["SSESpecification"]
            table["SSEDescription"] = dynamodb._sse_description_from_spec({
                "Enabled": is_true(specification.get("SSEEnabled")),
                **{key: specification[key] for key in ("SSEType", "KMSMasterKeyId") if key in specification},
            })
        ttl = properties.get("TimeToLiveSpecification")
        if ttl:
            specification = {"Enabled": is_true(ttl.get("Enabled")), "AttributeName": ttl.get("AttributeName", "")}
            _accepted(dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": specification}), f"TimeToLiveSpecification of {name}")
        else:
            dynamodb._ttl_settings.pop(name, None)
        policy = (properties.get("ResourcePolicy") or {}).get("PolicyDocument")
        if policy:
            _accepted(dynamodb._put_resource_policy({"ResourceArn": table["TableArn"], "Policy": json.dumps(policy)}), f"ResourcePolicy of {name}")
        else:
            dynamodb._resource_policies.pop(table["TableArn"], None)
        recovery = properties.get("PointInTimeRecoverySpecification") or {}
        specification = {"PointInTimeRecoveryEnabled": is_true(recovery.get("PointInTimeRecoveryEnabled"))}
        _accepted(
            dynamodb._update_continuous_backups({"TableName": name, "PointInTimeRecoverySpecification": specification}),
            f"PointInTimeRecoverySpecification of {name}",
        )

    _after(provisioners, "AWS::DynamoDB::Table", complete)
    handler = _handler(provisioners, "AWS::DynamoDB::Table")
    delete = handler["delete"]

    def guarded_delete(physical_id, properties):
        if is_true((dynamodb._tables.get(physical_id) or {}).get("DeletionProtectionEnabled")):
            raise ValueError(f"Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first: {physical_id}")
        delete(physical_id, properties)

    provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"] = {**handler, "delete": guarded_delete}


def function_properties(provisioners, lambda_service):
    """ReservedConcurrentExecutions is dropped: a flood of one function would take the whole region's capacity."""
    original(lambda_service, "_put_function_concurrency")
    original(lambda_service, "_delete_function_concurrency")

    def complete(name, properties):
        reserved = properties.get("ReservedConcurrentExecutions")
        if reserved is None:
            lambda_service._delete_function_concurrency(name)
        else:
            _accepted(lambda_service._put_function_concurrency(name, {"ReservedConcurrentExecutions": int(reserved)}), f"concurrency of {name}")

    _after(provisioners, "AWS::Lambda::Function", complete)


def health_checks(provisioners, route53):
    """AWS::Route53::HealthCheck is unknown, and a template with it is refused as a whole."""
    for name in ("_hc_id", "_health_checks", "_build_health_check_el"):
        original(route53, name)
    if "AWS::Route53::HealthCheck" in provisioners._RESOURCE_HANDLERS:
        raise PatchError("CloudFormation knows AWS::Route53::HealthCheck now: remove this correction.")

    numbers = ("Port", "RequestInterval", "FailureThreshold", "HealthThreshold")
    booleans = ("MeasureLatency", "EnableSNI", "Inverted", "Disabled")

    def configuration(properties):
        """The config as the API stores it, where a number is a number and a boolean prints as XML wants it."""
        config = dict(properties["HealthCheckConfig"])
        config.update({key: int(config[key]) for key in numbers if key in config})
        config.update({key: "true" if is_true(config[key]) else "false" for key in booleans if key in config})
        return config

    def create(logical_id, properties, stack_name):
        identifier = route53._hc_id()
        route53._health_checks[identifier] = {
            "id": identifier, "caller_reference": f"{stack_name}/{logical_id}/{time.time()}", "config": configuration(properties), "version": 1,
        }
        return identifier, {"HealthCheckId": identifier}

    def update(physical_id, old, new, stack_name):
        if old["HealthCheckConfig"].get("Type") != new["HealthCheckConfig"].get("Type"):
            delete(physical_id, old)
            return create(physical_id, new, stack_name)
        check = route53._health_checks[physical_id]
        check["config"] = configuration(new)
        check["version"] += 1
        return physical_id, {"HealthCheckId": physical_id}

    def delete(physical_id, _properties):
        route53._health_checks.pop(physical_id, None)

    provisioners._RESOURCE_HANDLERS["AWS::Route53::HealthCheck"] = {"create": create, "update": update, "delete": delete}


def answers_when_done(package, stacks, modules):
    """A stack with a custom resource was answered at once and finished later, and the CDK looks again only every 5 s.

    The answer to a create or an update now waits for its end (within a limit); where nothing is waited for, it already did.
    """
    started = contextvars.ContextVar("holdfast_stack_tasks")

    def schedule(_original):
        def scheduled(coroutine, stack, stack_id=None):
            with stacks._stack_region_context(stack, stack_id):
                task = asyncio.get_event_loop().create_task(coroutine)
            started.get([]).append(task)
        return scheduled

    wrap(stacks, "_create_stack_task_in_region", schedule, relies_on=["asyncio.get_event_loop().create_task(coro)"])
    for module in modules:
        original(module, "_create_stack_task_in_region")
        module._create_stack_task_in_region = stacks._create_stack_task_in_region

    def waiting(handle_request):
        async def handled(*arguments):
            tasks = []
            token = started.set(tasks)
            try:
                response = await handle_request(*arguments)
            finally:
                started.reset(token)
            if tasks:
                await asyncio.wait(tasks, timeout=STACK_WAIT_SECONDS)
            return response
        return handled

    wrap(package, "handle_request", waiting, relies_on=["return handler(params)"])


def apply(package, stacks, modules, provisioners, dynamodb, lambda_service, route53, s3):
    table_properties(provisioners, dynamodb)
    patch_buckets.apply(provisioners, s3, _after)
    function_properties(provisioners, lambda_service)
    health_checks(provisioners, route53)
    answers_when_done(package, stacks, modules)
