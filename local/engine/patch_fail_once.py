"""A step that fails once: while a file bears the name of a function, the next call of it by a state machine fails as a call that Lambda itself
could not carry out, and the file is gone. The function is not invoked.
"""

import os

from patching import original


def apply(machines, directory):
    failure = original(machines, "_ExecutionError")

    def is_due(function):
        try:
            os.unlink(os.path.join(directory, function))
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def failing(dispatch):
        def dispatched(resource, input_data, *more):
            invoked = (input_data.get("FunctionName") or "").rsplit(":", 1)[-1] if isinstance(input_data, dict) else ""
            if invoked and is_due(invoked):
                raise failure("Lambda.ServiceException", f"{invoked} was told to fail once")
            return dispatch(resource, input_data, *more)
        return dispatched

    for name in ("_invoke_resource", "_invoke_with_callback"):
        setattr(machines, name, failing(original(machines, name)))
