"""S3: what moto lacks and the platform leans on."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

Clients = Callable[[str], Any]
LOCATION = {"LocationConstraint": "ap-northeast-1"}


@pytest.fixture(scope="module")
def s3(client: Clients) -> Any:
    return client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"bucket-{uuid.uuid4()}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=LOCATION)
    return name


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def deny(bucket: str, **over: Any) -> str:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement | over]})


@pytest.mark.parametrize(
    ("over", "denied"),
    [
        ({"Condition": {"Bool": {"aws:SecureTransport": "false"}}}, False),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
        ({"Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}}, False),
        ({"Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}}, False),
        ({}, True),
        ({"Action": "s3:PutObject"}, True),
        ({"Action": "s3:putobject"}, True),
        ({"Action": ["s3:Delete*"]}, False),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:role/other"}}, False),
    ],
)
def test_a_policys_denial_holds_if_its_condition_does(
    s3: Any, bucket: str, over: dict[str, Any], denied: bool
) -> None:
    s3.put_bucket_policy(Bucket=bucket, Policy=deny(bucket, **over))
    if denied:
        with pytest.raises(ClientError) as error:
            s3.put_object(Bucket=bucket, Key="key", Body=b"")
        assert code(error) == "AccessDenied"
    else:
        s3.put_object(Bucket=bucket, Key="key", Body=b"")


def test_lifecycle_comes_back_as_it_was_put(s3: Any, bucket: str) -> None:
    """(B2)"""
    rules = [
        {
            "ID": "age",
            "Status": "Enabled",
            "Filter": {"ObjectSizeGreaterThan": 0},
            "Transitions": [
                {"Days": 30, "StorageClass": "STANDARD_IA"},
                {"Days": 90, "StorageClass": "GLACIER"},
            ],
            "Expiration": {"Days": 1826},
            "NoncurrentVersionTransitions": [{"NoncurrentDays": 30, "StorageClass": "GLACIER"}],
            "NoncurrentVersionExpiration": {"NoncurrentDays": 90, "NewerNoncurrentVersions": 2},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        },
        {
            "ID": "range",
            "Status": "Disabled",
            "Filter": {
                "And": {
                    "Prefix": "logs/",
                    "Tags": [{"Key": "kind", "Value": "log"}],
                    "ObjectSizeGreaterThan": 10,
                    "ObjectSizeLessThan": 1000,
                }
            },
            "Expiration": {"ExpiredObjectDeleteMarker": True},
        },
    ]
    s3.put_bucket_lifecycle_configuration(
        Bucket=bucket,
        LifecycleConfiguration={"Rules": rules},
        TransitionDefaultMinimumObjectSize="varies_by_storage_class",
    )
    kept = s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    assert kept["Rules"] == rules
    assert kept["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"

    s3.delete_bucket_lifecycle(Bucket=bucket)
    with pytest.raises(ClientError) as error:
        s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    assert code(error) == "NoSuchLifecycleConfiguration"


def test_a_lifecycle_rule_without_an_id_gets_one(s3: Any, bucket: str) -> None:
    rule = {"Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    [kept] = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert kept.pop("ID")
    assert kept == rule


def test_tags_given_on_create_are_there(s3: Any) -> None:
    name = f"tagged-{uuid.uuid4()}"
    tags = [{"Key": "mall:asset", "Value": "lake_bucket"}, {"Key": "empty", "Value": ""}]
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=LOCATION | {"Tags": tags})
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == tags


def test_creating_a_bucket_again_says_that_it_is_yours(s3: Any, bucket: str) -> None:
    with pytest.raises(ClientError) as error:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=LOCATION)
    assert code(error) == "BucketAlreadyOwnedByYou"


def test_of_many_writers_that_want_no_object_one_wins(s3: Any, bucket: str) -> None:
    def put(number: int) -> str | None:
        try:
            s3.put_object(Bucket=bucket, Key="lock", Body=str(number), IfNoneMatch="*")
        except ClientError as error:
            return error.response["Error"]["Code"]
        return None

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(put, range(40)))
    assert sorted(o for o in outcomes if o) == ["PreconditionFailed"] * 39


def test_if_match_writes_over_the_object_it_names_only(s3: Any, bucket: str) -> None:
    first = s3.put_object(Bucket=bucket, Key="lock", Body=b"1")["ETag"]
    second = s3.put_object(Bucket=bucket, Key="lock", Body=b"2", IfMatch=first)["ETag"]
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="lock", Body=b"3", IfMatch=first)
    assert code(error) == "PreconditionFailed"
    with pytest.raises(ClientError) as error:
        s3.delete_object(Bucket=bucket, Key="lock", IfMatch=first)
    assert code(error) == "PreconditionFailed"
    s3.delete_object(Bucket=bucket, Key="lock", IfMatch=second)
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket=bucket, Key="lock", Body=b"4", IfMatch=second)
    assert code(error) == "NoSuchKey"


def test_a_multipart_upload_completes_conditionally(s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="big")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="big", UploadId=upload, PartNumber=1, Body=b"x")
    complete = {
        "Bucket": bucket,
        "Key": "big",
        "UploadId": upload,
        "MultipartUpload": {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]},
        "IfNoneMatch": "*",
    }
    s3.put_object(Bucket=bucket, Key="big", Body=b"first")
    with pytest.raises(ClientError) as error:
        s3.complete_multipart_upload(**complete)
    assert code(error) == "PreconditionFailed"
    s3.delete_object(Bucket=bucket, Key="big")
    s3.complete_multipart_upload(**complete)
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"x"


def test_readers_see_one_whole_object_while_it_is_overwritten(s3: Any, bucket: str) -> None:
    bodies = {letter * 300_000 for letter in (b"a", b"b")}
    s3.put_object(Bucket=bucket, Key="busy", Body=b"a" * 300_000)

    def write(number: int) -> None:
        s3.put_object(Bucket=bucket, Key="busy", Body=[b"a", b"b"][number % 2] * 300_000)

    def read(_: int) -> bytes:
        return s3.get_object(Bucket=bucket, Key="busy")["Body"].read()

    with ThreadPoolExecutor(4) as pool:
        writes = [pool.submit(write, number) for number in range(40)]
        assert set(pool.map(read, range(80))) <= bodies
        for done in writes:
            done.result()


def test_a_legal_hold_keeps_a_version(s3: Any) -> None:
    """(B4)"""
    name = f"locked-{uuid.uuid4()}"
    s3.create_bucket(
        Bucket=name, CreateBucketConfiguration=LOCATION, ObjectLockEnabledForBucket=True
    )
    version = s3.put_object(Bucket=name, Key="kept", Body=b"x")["VersionId"]
    s3.put_object_legal_hold(Bucket=name, Key="kept", LegalHold={"Status": "ON"})
    with pytest.raises(ClientError) as error:
        s3.delete_object(Bucket=name, Key="kept", VersionId=version)
    assert code(error) == "AccessDenied"
    s3.put_object_legal_hold(Bucket=name, Key="kept", LegalHold={"Status": "OFF"})
    s3.delete_object(Bucket=name, Key="kept", VersionId=version)


def test_access_logging_writes_no_object_for_each_request(s3: Any, bucket: str) -> None:
    logging = {"LoggingEnabled": {"TargetBucket": bucket, "TargetPrefix": "log/"}}
    s3.put_bucket_policy(
        Bucket=bucket,
        Policy=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "logging.s3.amazonaws.com"},
                        "Action": "s3:PutObject",
                        "Resource": f"arn:aws:s3:::{bucket}/log/*",
                    }
                ],
            }
        ),
    )
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus=logging)
    assert s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"] == logging["LoggingEnabled"]
    s3.put_object(Bucket=bucket, Key="key", Body=b"")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def test_metadata_with_underscores_and_unicode_keys_survive(s3: Any, bucket: str) -> None:
    key = "顧客/令和 6年 +&?%/../調査.csv"
    s3.put_object(Bucket=bucket, Key=key, Body=b"x", Metadata={"sha_256": "1", "plain": "2"})
    assert s3.head_object(Bucket=bucket, Key=key)["Metadata"] == {"sha_256": "1", "plain": "2"}
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]


def test_ranges_and_large_bodies(s3: Any, bucket: str) -> None:
    body = bytes(range(256)) * 80_000
    s3.put_object(Bucket=bucket, Key="large", Body=body)
    part = s3.get_object(Bucket=bucket, Key="large", Range="bytes=1000-1999")
    assert part["Body"].read() == body[1000:2000]
    assert s3.get_object(Bucket=bucket, Key="large")["Body"].read() == body
