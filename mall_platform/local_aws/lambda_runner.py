"""What runs inside a Lambda function's process: imports the handler, calls it, writes the result.

`python lambda_runner.py RESULT_FILE`, with the event as JSON on stdin and Lambda's variables in
the environment. Standard output and error are the function's log. The result file holds
`{"payload": …}` or `{"error": {"errorType": …, "errorMessage": …, "stackTrace": […]}}`.
Imports nothing but the standard library.
"""

import importlib
import json
import os
import sys
import time
import traceback
from types import SimpleNamespace


def main() -> None:
    event = json.load(sys.stdin)
    deadline = time.monotonic() + float(os.environ["AWS_LAMBDA_FUNCTION_TIMEOUT"])
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    context = SimpleNamespace(
        aws_request_id=os.environ["LOCAL_REQUEST_ID"],
        function_name=os.environ["AWS_LAMBDA_FUNCTION_NAME"],
        function_version=os.environ["AWS_LAMBDA_FUNCTION_VERSION"],
        invoked_function_arn=os.environ["LOCAL_FUNCTION_ARN"],
        memory_limit_in_mb=os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        log_group_name=os.environ["AWS_LAMBDA_LOG_GROUP_NAME"],
        log_stream_name=os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
        get_remaining_time_in_millis=lambda: int((deadline - time.monotonic()) * 1000),
    )
    try:
        module, _, name = os.environ["_HANDLER"].rpartition(".")
        handler = getattr(importlib.import_module(module.replace("/", ".")), name)
        # A result that is no JSON fails the invocation, as on AWS.
        result = json.dumps({"payload": handler(event, context)})
    except BaseException as error:  # noqa: BLE001 - whatever the function raises is its result
        traceback.print_exc()
        result = json.dumps(
            {
                "error": {
                    "errorMessage": str(error),
                    "errorType": type(error).__name__,
                    "requestId": context.aws_request_id,
                    "stackTrace": traceback.format_tb(error.__traceback__),
                }
            }
        )
    with open(sys.argv[1], "w") as file:  # noqa: PTH123 - nothing more to import
        file.write(result)


main()
