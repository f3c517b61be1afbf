"""S3: policies that look at conditions, lifecycles kept as put, atomic conditional writes, tags on
create, and objects that stay readable while they're overwritten."""

from __future__ import annotations

import hashlib
import threading
import uuid
from typing import Any

import xmltodict
from moto.iam.access_control import PermissionResult
from moto.s3.exceptions import PreconditionFailed, S3AccessDeniedError
from moto.s3.models import FakeBucket, FakeKey, S3Backend
from moto.s3.responses import S3Response

from mall_platform.local_aws import policies
from mall_platform.local_aws.hooks import replace

_DEFAULT_MINIMUM_SIZE = "all_storage_classes_128K"
_MINIMUM_SIZE_HEADER = "x-amz-transition-default-minimum-object-size"
_WRITING_METHODS = ("PUT", "POST", "DELETE")

_write_locks = [threading.RLock() for _ in range(64)]


def install() -> None:
    _hook_policies()
    _hook_key_requests()
    _hook_bucket_requests()
    _keep_overwritten_objects_readable()
    _deliver_no_access_logs()


def _hook_policies() -> None:
    verdicts = {
        "allow": PermissionResult.PERMITTED,
        "deny": PermissionResult.DENIED,
        "neither": PermissionResult.NEUTRAL,
    }

    @replace(FakeBucket, "get_permission", "action", "resource")
    def get_permission(original: Any, self: FakeBucket, action: str, resource: str) -> Any:
        return verdicts[policies.evaluate(self.policy, action, resource)]


def _hook_key_requests() -> None:
    @replace(S3Response, "_key_response", "request", "full_url")
    def key_response(original: Any, self: S3Response, request: Any, full_url: str) -> Any:
        if request.method not in _WRITING_METHODS:
            return _denied_as_aws(original(self, request, full_url))
        # Check and write are one step: If-None-Match and If-Match serve as locks.
        with _write_lock(f"{self.bucket_name}/{self.parse_key_name()}"):
            if request.method == "POST" and "uploadId" in request.args:
                _check_preconditions(self, request)
            return _denied_as_aws(original(self, request, full_url))


def _denied_as_aws(answer: Any) -> Any:
    """moto answers a policy's denial without an error code."""
    if answer == (403, {}, ""):
        raise S3AccessDeniedError
    return answer


def _write_lock(name: str) -> threading.RLock:
    return _write_locks[hashlib.blake2b(name.encode(), digest_size=1).digest()[0] % 64]


def _check_preconditions(responses: S3Response, request: Any) -> None:
    """Those of CompleteMultipartUpload, which moto ignores."""
    current = responses.backend.get_object(responses.bucket_name, responses.parse_key_name())
    if request.headers.get("If-None-Match") == "*" and current is not None:
        raise PreconditionFailed("If-None-Match")
    wanted = request.headers.get("If-Match")
    if wanted and (current is None or current.etag.strip('"') != wanted.strip('"')):
        raise PreconditionFailed("If-Match")


def _hook_bucket_requests() -> None:
    @replace(S3Response, "_bucket_response_put", "request", "bucket_name", "querystring")
    def bucket_response_put(
        original: Any, self: S3Response, request: Any, bucket_name: str, querystring: Any
    ) -> Any:
        with _write_lock(bucket_name):
            answer = original(self, request, bucket_name, querystring)
        bucket = self.backend.get_bucket(bucket_name)
        if "lifecycle" in querystring:
            bucket.lifecycle_document = _with_rule_ids(self.body)
            bucket.lifecycle_minimum_size = request.headers.get(
                _MINIMUM_SIZE_HEADER, _DEFAULT_MINIMUM_SIZE
            )
        elif not querystring and (tags := _tags_on_create(self.body)):
            self.backend.put_bucket_tagging(bucket_name, tags)
        return answer

    @replace(S3Response, "get_bucket_lifecycle")
    def get_bucket_lifecycle(original: Any, self: S3Response) -> Any:
        original(self)  # raises when there is none
        bucket = self.backend.get_bucket(self.bucket_name)
        headers = {
            _MINIMUM_SIZE_HEADER: bucket.lifecycle_minimum_size,
            "content-type": "application/xml",
        }
        return 200, headers, bucket.lifecycle_document


def _with_rule_ids(body: bytes) -> str:
    """The configuration as put; rules without an ID get one, as on AWS."""
    document = xmltodict.parse(body, force_list=("Rule",))
    for rule in document["LifecycleConfiguration"].get("Rule", []):
        rule.setdefault("ID", str(uuid.uuid4()))
    return str(xmltodict.unparse(document))


def _tags_on_create(body: bytes) -> dict[str, str]:
    if not body:
        return {}
    document = xmltodict.parse(body, force_list=("Tag",))
    tags = (document.get("CreateBucketConfiguration") or {}).get("Tags") or {}
    return {tag["Key"]: tag["Value"] or "" for tag in tags.get("Tag", [])}


def _keep_overwritten_objects_readable() -> None:
    @replace(FakeKey, "dispose", "garbage")
    def dispose(original: Any, self: FakeKey, garbage: bool = False) -> None:
        # A request may still be reading it: its file is closed with its last reference.
        if garbage:
            self.disposed = True
            original(self)


def _deliver_no_access_logs() -> None:
    @replace(S3Backend, "log_incoming_request", "request", "bucket_name")
    def log_incoming_request(
        original: Any, self: S3Backend, request: Any, bucket_name: str
    ) -> None:
        """moto writes an object with made-up fields for every request."""
