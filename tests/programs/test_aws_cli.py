"""`aws s3 sync` both ways and between buckets."""

from __future__ import annotations

from pathlib import Path

from conftest import Programs, contents, keys, tree
from gateway import Gateway


def test_sync(programs: Programs, gateway: Gateway, s3, bucket: str, kms_bucket: str, tmp_path: Path) -> None:
    def aws(*command: object) -> str:
        return programs.run("aws", *command, AWS_ENDPOINT_URL=gateway.https, AWS_CA_BUNDLE=gateway.ca)

    source, back = tree(tmp_path / "source"), tmp_path / "back"
    aws("s3", "sync", source, f"s3://{bucket}/tree")
    aws("s3", "sync", f"s3://{bucket}/tree", f"s3://{kms_bucket}/other")
    aws("s3", "sync", f"s3://{kms_bucket}/other", back)
    assert contents(back) == contents(source)
    head = s3.head_object(Bucket=kms_bucket, Key="other/sub/deep/large")
    assert head["SSEKMSKeyId"] == gateway.key()
    assert aws("s3", "sync", source, f"s3://{bucket}/tree") == "", "what did not change is sent again"
    (source / "one").unlink()
    aws("s3", "sync", "--delete", "--exclude", "sub/*", source, f"s3://{bucket}/tree")
    assert sorted(keys(s3, bucket)) == sorted(f"tree/{name}" for name in contents(source))
