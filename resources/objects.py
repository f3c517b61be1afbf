"""S3 objects as files: written in parts that show only when complete, read by ranges."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

PART_BYTES = 32 * 1024 * 1024
"""What is smaller takes a single put: completing an upload in parts costs as much as a part."""
IN_MEMORY_BYTES = 8 * 1024 * 1024


def split_location(location: str) -> tuple[str, str]:
    """Bucket and key (or prefix) of an `s3://` location."""
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return bucket, key


class Upload(io.RawIOBase):
    """A write-only file that becomes an object at `complete`, not at `close`.

    Holds at most one part in memory; smaller objects take a single put.
    """

    def __init__(self, s3: Any, bucket: str, key: str) -> None:
        self._s3 = s3
        self._object = {"Bucket": bucket, "Key": key}
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._upload_id: str | None = None
        self._parts: list[dict[str, Any]] = []
        self.size_bytes = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size_bytes

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._held.append(piece)
        self._held_bytes += len(piece)
        self.size_bytes += len(piece)
        if self._held_bytes >= PART_BYTES:
            self._put_part()
        return len(piece)

    def complete(self) -> None:
        """Makes the object appear whole."""
        if self._upload_id is None:
            self._s3.put_object(**self._object, Body=self._taken())
        else:
            if self._held:
                self._put_part()
            self._s3.complete_multipart_upload(
                **self._object,
                UploadId=self._upload_id,
                MultipartUpload={"Parts": self._parts},
            )
        self._upload_id = None

    def abort(self) -> None:
        """Gives up an upload that is not complete."""
        self._taken()
        if self._upload_id is not None:
            self._s3.abort_multipart_upload(**self._object, UploadId=self._upload_id)
            self._upload_id = None

    def _put_part(self) -> None:
        if self._upload_id is None:
            begun = self._s3.create_multipart_upload(**self._object)
            self._upload_id = begun["UploadId"]
        number = len(self._parts) + 1
        stored = self._s3.upload_part(
            **self._object, UploadId=self._upload_id, PartNumber=number, Body=self._taken()
        )
        self._parts.append({"PartNumber": number, "ETag": stored["ETag"]})

    def _taken(self) -> bytes:
        """What is held, which is let go."""
        body = b"".join(self._held)
        self._held, self._held_bytes = [], 0
        return body


class _Ranges(io.RawIOBase):
    """A seekable object that is read by ranges."""

    def __init__(self, s3: Any, bucket: str, key: str, etag: str, size_bytes: int) -> None:
        self._s3 = s3
        self._object = {"Bucket": bucket, "Key": key, "IfMatch": etag}
        self._size = size_bytes
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        answer = self._s3.get_object(**self._object, Range=f"bytes={self._at}-{end - 1}")
        data = answer["Body"].read()
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def open_object(s3: Any, location: str) -> BinaryIO:
    """A seekable file over an object: in memory if small, else read by ranges as needed."""
    bucket, key = split_location(location)
    answer = s3.get_object(Bucket=bucket, Key=key)
    with answer["Body"] as body:
        if answer["ContentLength"] <= IN_MEMORY_BYTES:
            return io.BytesIO(body.read())
    ranges = _Ranges(s3, bucket, key, answer["ETag"], answer["ContentLength"])
    return io.BufferedReader(ranges, buffer_size=1024 * 1024)
