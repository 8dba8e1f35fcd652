"""Object stores: S3 and compatible, Google Cloud Storage, Azure Blob. Their listings come in pages that they number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .store import PAGE, Store, StoredObject, epoch

if TYPE_CHECKING:
    from datetime import datetime


class ObjectStore(Store):
    """One page is one request; a block is a request of a range, so that each can be tried again."""

    @property
    def waits(self) -> dict[str, Any]:
        """The deadline of a call, which fsspec keeps for libraries that run on its loop."""
        return {"timeout": self.timeout_seconds}

    @property
    def bucket(self) -> str:
        """The bucket or container."""
        return self.location.host

    @property
    def prefix(self) -> str:
        """What the names of all objects below begin with."""
        inside = self.location.root.partition("/")[2]
        return f"{inside}/" if inside else ""

    def blocks(self, file: StoredObject, block_bytes: int) -> Iterator[bytes]:
        """Yield ranges of the content."""
        full, size = self.full(file.path), file.size_bytes
        for start in range(0, size, block_bytes):
            yield self.fs.cat_file(full, start=start, end=min(start + block_bytes, size), **self.waits)

    def move(self, path: str, to: Store, target: str) -> None:
        """Copy an object inside of the store, see that the copy is whole, and remove the first."""
        full, copy = self.full(path), to.full(target)
        size = self.fs.info(full, **self.waits)["size"]
        self.fs.cp_file(full, copy, **self.waits)
        if self.fs.info(copy, **self.waits)["size"] != size:
            raise OSError(f"the copy {copy} is not as large as what was copied")
        self.fs.rm_file(full, **self.waits)

    def make_folder(self, full: str) -> None:
        """Do nothing: there are names only."""

    def found(self, info: dict[str, Any]) -> StoredObject:
        """Return an object as fsspec tells of it."""
        return self.object(self.location.below(info["name"]), info)

    def object(self, path: str, info: dict[str, Any]) -> StoredObject:
        """Return an object as a listing or a look at it tells of it: both have it alike."""
        raise NotImplementedError

    def _kept(self, key: str, skip: str | None) -> bool:
        """Say whether a listed name is a file's: consoles make objects for folders, whose names end in a slash."""
        return not key.endswith("/") and (skip is None or not key.startswith(f"{self.prefix}{skip}/"))


class S3Store(ObjectStore):
    """S3, and what speaks like it."""

    extra = "s3"

    def enter(self) -> Any:
        """Return the file system; without credentials of its own it finds those of the machine, as AWS has it."""
        options, secrets = self.access.options, self.access.credentials
        client = {"region_name": options["region"]} if "region" in options else {}
        if "ca_file" in options:
            client["verify"] = options["ca_file"]
        return self.library("s3fs").S3FileSystem(
            key=secrets.get("access_key_id"),
            secret=secrets.get("secret_access_key"),
            token=secrets.get("session_token"),
            endpoint_url=options.get("endpoint_url"),
            client_kwargs=client,
            config_kwargs={"connect_timeout": self.timeout_seconds / 2, "read_timeout": self.timeout_seconds / 2},
            use_listings_cache=False,
            skip_instance_cache=True,
        )

    def pages(self, *, recursive: bool, skip: str | None) -> Iterator[list[StoredObject]]:
        """Yield pages of objects in the order of their names."""
        more: dict[str, Any] = {} if recursive else {"Delimiter": "/"}
        while True:
            page = self.fs.call_s3(
                "list_objects_v2", Bucket=self.bucket, Prefix=self.prefix, MaxKeys=PAGE, **more, **self.waits
            )
            listed = (one for one in page.get("Contents", ()) if self._kept(one["Key"], skip))
            yield [self.object(one["Key"].removeprefix(self.prefix), {**one, "size": one["Size"]}) for one in listed]
            if not page.get("IsTruncated"):
                return
            more["ContinuationToken"] = page["NextContinuationToken"]

    def object(self, path: str, info: dict[str, Any]) -> StoredObject:
        """Return an object; a look at one tells its time in seconds, some stores' listings in smaller parts."""
        modified: datetime = info["LastModified"]
        etag = info["ETag"].strip('"')
        return StoredObject(
            path=path,
            size_bytes=info["size"],
            version=f"{etag}-{int(modified.timestamp())}",
            modified_at=epoch(modified),
        )


class GcsStore(ObjectStore):
    """Google Cloud Storage."""

    extra = "gcs"

    def enter(self) -> Any:
        """Return the file system; without a key file it takes the machine's own identity."""
        options = self.access.options
        return self.library("gcsfs").GCSFileSystem(
            project=options.get("project", ""),
            token=dict(self.access.credentials) or "google_default",
            endpoint_url=options.get("endpoint_url"),
            timeout=self.timeout_seconds,
            use_listings_cache=False,
            skip_instance_cache=True,
        )

    def pages(self, *, recursive: bool, skip: str | None) -> Iterator[list[StoredObject]]:
        """Yield pages of objects in the order of their names."""
        more: dict[str, Any] = {} if recursive else {"delimiter": "/"}
        while True:
            page = self.fs.call(
                "GET", "b/{}/o", self.bucket, prefix=self.prefix, maxResults=PAGE, json_out=True, **more, **self.waits
            )
            listed = (one for one in page.get("items", ()) if self._kept(one["name"], skip))
            yield [self.object(one["name"].removeprefix(self.prefix), one) for one in listed]
            if "nextPageToken" not in page:
                return
            more["pageToken"] = page["nextPageToken"]

    def object(self, path: str, info: dict[str, Any]) -> StoredObject:
        """Return an object; its generation is another with every content."""
        return StoredObject(
            path=path, size_bytes=int(info.get("size", 0)), version=str(info["generation"]), modified_at=None
        )


class AzureStore(ObjectStore):
    """Azure Blob Storage."""

    extra = "azure"

    def enter(self) -> Any:
        """Return the file system; without credentials of its own it takes the machine's identity."""
        given = {**self.access.options, **self.access.credentials}
        return self.library("adlfs").AzureBlobFileSystem(
            **given,
            anon=False,
            connection_timeout=round(self.timeout_seconds / 2) or 1,
            read_timeout=round(self.timeout_seconds / 2) or 1,
            use_listings_cache=False,
            skip_instance_cache=True,
        )

    def pages(self, *, recursive: bool, skip: str | None) -> Iterator[list[StoredObject]]:
        """Yield pages of blobs in the order of their names."""
        fs, sync, token = self.fs, self.library("fsspec.asyn").sync, None

        async def page(token: str | None) -> tuple[list[Any], str | None]:
            container = fs.service_client.get_container_client(self.bucket)
            listed = container.list_blobs if recursive else container.walk_blobs
            pages = listed(name_starts_with=self.prefix, results_per_page=PAGE).by_page(continuation_token=token)
            async for blobs in pages:
                return [blob async for blob in blobs], pages.continuation_token
            return [], None

        while True:
            blobs, token = sync(fs.loop, page, token, **self.waits)
            kept = (blob for blob in blobs if self._kept(blob["name"], skip))
            yield [self.object(blob["name"].removeprefix(self.prefix), blob) for blob in kept]
            if not token:
                return

    def object(self, path: str, info: dict[str, Any]) -> StoredObject:
        """Return a blob."""
        return StoredObject(
            path=path,
            size_bytes=info["size"],
            version=str(info["etag"]).strip('"'),
            modified_at=epoch(info["last_modified"]),
        )
