"""Addresses as AWS gives them: a request is recognised by the host name it would have there, wherever the emulator listens."""

import asyncio
import json
import os
import re

from patching import PatchError, original, rewrite, wrap


def api_hosts(app, apigateway, provisioners):
    """`<api id>.execute-api.<region>.amazonaws.com` reaches the API; only names under the emulator's own did."""
    own = re.escape(original(app, "_MINISTACK_HOST"))
    if app._EXECUTE_API_RE.match(f"0123abcd.execute-api.{app._MINISTACK_HOST}") is None:
        raise PatchError("ministack.app._EXECUTE_API_RE no longer names an API by its first label of 8 hexadecimal digits.")
    app._EXECUTE_API_RE = re.compile(r"^([a-f0-9]{8})\.execute-api\.(?:[a-z0-9-]+\.amazonaws\.com|" + own + r")(?::\d+)?$")
    endpoint = "f\"{'wss' if protocol == 'WEBSOCKET' else 'https'}://{api_id}.execute-api.{get_region()}.amazonaws.com\""
    rewrite(
        apigateway, "_create_api",
        ('"apiEndpoint": f"{_api_endpoint_scheme(protocol)}://{api_id}.execute-api.{_HOST}:{_PORT}"', f'"apiEndpoint": {endpoint}'),
    )
    handler = original(provisioners, "_RESOURCE_HANDLERS")["AWS::ApiGatewayV2::Api"]
    if handler["create"] is not original(provisioners, "_apigw_v2_api_create"):
        raise PatchError("CloudFormation no longer makes an API with _apigw_v2_api_create.")
    rewrite(
        provisioners, "_apigw_v2_api_create",
        ("f\"{_apigw_v2._api_endpoint_scheme(protocol)}://{api_id}.execute-api.{_MINISTACK_HOST}:{os.environ.get('GATEWAY_PORT', '4566')}\"", endpoint),
    )
    provisioners._RESOURCE_HANDLERS["AWS::ApiGatewayV2::Api"] = {**handler, "create": provisioners._apigw_v2_api_create}


def own_requests(app, snapshots):
    """GET /_holdfast/engine says which process answers; POST /_holdfast/snapshot takes a snapshot and answers when it is complete (after a deploy)."""

    def with_own(asgi):
        async def handled(scope, receive, send):
            if scope["type"] != "http" or not scope["path"].startswith("/_holdfast/"):
                await asgi(scope, receive, send)
                return
            complete = True
            if (scope["method"], scope["path"]) == ("POST", "/_holdfast/snapshot"):
                complete = await asyncio.to_thread(snapshots.take)
            body = {"pid": os.getpid(), "snapshots": snapshots.taken, "pauseMs": snapshots.last_pause_ms, "totalMs": snapshots.last_total_ms}
            await send({"type": "http.response.start", "status": 200 if complete else 500, "headers": [(b"content-type", b"application/json")]})
            await send({"type": "http.response.body", "body": json.dumps(body).encode()})
        return handled

    wrap(app, "app", with_own, relies_on=['if scope["type"] == "lifespan":'])


def apply(app, apigateway, provisioners, snapshots):
    api_hosts(app, apigateway, provisioners)
    own_requests(app, snapshots)
