"""A partitioned Parquet data set in a bucket: pyarrow (the AWS SDK for C++), pandas, Polars (object_store)."""

from __future__ import annotations

from datetime import timezone

import pandas
import polars
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as fs
import pyarrow.parquet as pq
import pytest
from conftest import MIB, keys, noise
from gateway import REGION, ROOT_USER, Gateway
from test_access import put_policy, statement
from test_inventory import configure, manifest, run

UTC = timezone.utc

ROWS = 20_000


def table() -> pa.Table:
    return pa.table(
        {
            "year": [2024 + row % 3 for row in range(ROWS)],
            "city": [("Köln", "São Paulo", "a=b/c d")[row % 3 - (row % 7 == 0)] for row in range(ROWS)],
            "value": list(range(ROWS)),
        }
    )


@pytest.fixture(params=["http", "https"])
def filesystem(request: pytest.FixtureRequest, gateway: Gateway) -> fs.S3FileSystem:
    scheme = request.param
    more = {"tls_ca_file_path": gateway.ca} if scheme == "https" else {}
    return fs.S3FileSystem(
        access_key=ROOT_USER.access_key,
        secret_key=ROOT_USER.secret_key,
        region=REGION,
        scheme=scheme,
        endpoint_override=gateway.url(scheme).split("://")[1],
        **more,
    )


def options(gateway: Gateway) -> dict[str, str]:
    """How object_store is told of the gateway."""
    return {
        "aws_access_key_id": ROOT_USER.access_key,
        "aws_secret_access_key": ROOT_USER.secret_key,
        "aws_region": REGION,
        "aws_endpoint_url": gateway.http,
        "aws_allow_http": "true",
    }


def test_pyarrow_writes_and_reads(filesystem: fs.S3FileSystem, s3, bucket: str) -> None:
    written = table()
    pq.write_to_dataset(written, f"{bucket}/set", partition_cols=["year", "city"], filesystem=filesystem)
    there = {key.rsplit("/", 1)[0] for key in keys(s3, bucket, "set/") if key.endswith(".parquet")}
    assert len(there) == len(set(zip(written["year"].to_pylist(), written["city"].to_pylist())))
    data = ds.dataset(f"{bucket}/set", filesystem=filesystem, partitioning="hive")
    assert data.count_rows() == ROWS
    read = data.to_table(filter=(ds.field("year") == 2025) & (ds.field("city") == "a=b/c d"), columns=["value"])
    expected = [
        value
        for year, city, value in zip(*(written[name].to_pylist() for name in ("year", "city", "value")))
        if (year, city) == (2025, "a=b/c d")
    ]
    assert sorted(read["value"].to_pylist()) == expected


def test_pyarrow_overwrites_partitions(filesystem: fs.S3FileSystem, bucket: str) -> None:
    for offset in (0, 1000):
        ds.write_dataset(
            pa.table({"part": [1, 1, 2], "value": [offset, offset + 1, offset + 2]}),
            f"{bucket}/set",
            filesystem=filesystem,
            format="parquet",
            partitioning=["part"],
            partitioning_flavor="hive",
            existing_data_behavior="delete_matching",
        )
    read = ds.dataset(f"{bucket}/set", filesystem=filesystem, partitioning="hive").to_table()
    assert sorted(read["value"].to_pylist()) == [1000, 1001, 1002]


def test_pyarrow_files_and_folders(filesystem: fs.S3FileSystem, s3, bucket: str) -> None:
    body = noise(12 * MIB)
    filesystem.create_dir(f"{bucket}/a/b", recursive=True)
    with filesystem.open_output_stream(f"{bucket}/a/b/file", metadata={"Content-Type": "text/x-own"}) as out:
        for start in range(0, len(body), MIB):
            out.write(body[start : start + MIB])
    assert s3.head_object(Bucket=bucket, Key="a/b/file")["ContentType"] == "text/x-own"
    with filesystem.open_input_file(f"{bucket}/a/b/file") as file:
        assert file.size() == len(body)
        file.seek(7 * MIB + 1)
        assert file.read(1000) == body[7 * MIB + 1 :][:1000]
    filesystem.copy_file(f"{bucket}/a/b/file", f"{bucket}/a/copy")
    filesystem.move(f"{bucket}/a/copy", f"{bucket}/a/moved")
    found = filesystem.get_file_info(fs.FileSelector(f"{bucket}/a", recursive=True))
    assert {(info.path, info.type.name) for info in found} == {
        (f"{bucket}/a/b", "Directory"),
        (f"{bucket}/a/b/file", "File"),
        (f"{bucket}/a/moved", "File"),
    }
    filesystem.delete_dir(f"{bucket}/a")
    assert filesystem.get_file_info(f"{bucket}/a").type.name == "NotFound"
    assert keys(s3, bucket) == []


def test_pandas_writes_and_reads(gateway: Gateway, s3, bucket: str) -> None:
    frame = table().to_pandas()
    storage = {
        "key": ROOT_USER.access_key,
        "secret": ROOT_USER.secret_key,
        "client_kwargs": {"endpoint_url": gateway.http, "region_name": REGION},
    }
    frame.to_parquet(f"s3://{bucket}/frame", partition_cols=["year"], storage_options=storage, index=False)
    assert len({key.split("/")[1] for key in keys(s3, bucket, "frame/")}) == 3
    back = pandas.read_parquet(
        f"s3://{bucket}/frame", storage_options=storage, filters=[("year", "=", 2026)], columns=["value"]
    )
    assert sorted(back["value"]) == sorted(frame[frame["year"] == 2026]["value"])
    frame.to_csv(f"s3://{bucket}/frame.csv.gz", storage_options=storage, index=False)
    assert len(pandas.read_csv(f"s3://{bucket}/frame.csv.gz", storage_options=storage)) == ROWS


def test_polars_scans_what_pyarrow_wrote(filesystem: fs.S3FileSystem, gateway: Gateway, bucket: str) -> None:
    written = table()
    pq.write_to_dataset(written, f"{bucket}/set", partition_cols=["year"], filesystem=filesystem)
    scan = polars.scan_parquet(
        f"s3://{bucket}/set/**/*.parquet", hive_partitioning=True, storage_options=options(gateway)
    )
    found = scan.filter(polars.col("year") == 2024).select(polars.col("value").sum()).collect().item()
    assert found == sum(v for y, v in zip(written["year"].to_pylist(), written["value"].to_pylist()) if y == 2024)


def test_polars_writes(gateway: Gateway, bucket: str) -> None:
    frame = polars.from_arrow(table())
    frame.write_parquet(f"s3://{bucket}/one.parquet", storage_options=options(gateway))
    frame.lazy().sink_parquet(f"s3://{bucket}/sunk.parquet", storage_options=options(gateway))
    for name in ("one", "sunk"):
        assert polars.read_parquet(f"s3://{bucket}/{name}.parquet", storage_options=options(gateway)).equals(frame)


def test_pyarrow_reads_an_inventory(gateway: Gateway, filesystem: fs.S3FileSystem, s3, bucket: str) -> None:
    """Every object once, with the types of AWS's schema."""
    names = {f"k{number:03}": number for number in range(50)}
    for key, size in names.items():
        s3.put_object(Bucket=bucket, Key=key, Body=b"x" * size)
    put_policy(gateway, bucket, statement(bucket, "s3:PutObject", {"Service": "s3.amazonaws.com"}))
    configure(gateway, bucket, bucket, destination={"Format": "Parquet"}, Filter={"Prefix": "k"})
    assert run(gateway, bucket).returncode == 0
    (file,) = manifest(s3, bucket, bucket)["files"]
    read = pq.read_table(f"{bucket}/{file['key']}", filesystem=filesystem)
    assert str(read.schema.field("last_modified_date").type).startswith("timestamp[ms")
    found = read.to_pylist()
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="k")["Contents"]
    assert {row["key"]: row["size"] for row in found} == names
    assert [row["last_modified_date"].replace(tzinfo=UTC) for row in found] == [e["LastModified"] for e in listed]
    assert {row["is_latest"] for row in found} == {True} and {row["is_delete_marker"] for row in found} == {False}
    assert [f'"{row["e_tag"]}"' for row in found] == [entry["ETag"] for entry in listed]
    assert {row["version_id"] for row in found} == {row["replication_status"] for row in found} == {None}
