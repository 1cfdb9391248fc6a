"""docker-registry of Debian keeps its images in a bucket; a client of its HTTP API pushes and pulls."""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from conftest import MIB, Programs, keys, noise, uploads
from gateway import REGION, ROOT_USER, Gateway

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
ATTEMPTS = 300


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def digest(body: bytes) -> str:
    return "sha256:" + hashlib.sha256(body).hexdigest()


class Registry:
    def __init__(self, url: str, log: Path) -> None:
        self.url, self.log, self.http = url, log, requests.Session()
        self.http.trust_env = False

    def call(self, method: str, path: str, expected: int, **how: object) -> requests.Response:
        url = path if path.startswith("http") else self.url + path
        answer = self.http.request(method, url, timeout=60, **how)
        assert answer.status_code == expected, (
            f"{method} {url}: {answer.status_code} {answer.text}\n{self.log.read_text()}"
        )
        return answer

    def push(self, image: str, blob: bytes, chunk: int | None = None) -> dict[str, object]:
        """Uploads a blob, whole or in pieces, and describes it."""
        where = self.call("POST", f"/v2/{image}/blobs/uploads/", 202).headers["Location"]
        rest = blob
        if chunk:
            for start in range(0, len(blob), chunk):
                piece = blob[start : start + chunk]
                headers = {
                    "Content-Range": f"{start}-{start + len(piece) - 1}",
                    "Content-Type": "application/octet-stream",
                }
                where = self.call("PATCH", where, 202, data=piece, headers=headers).headers["Location"]
            rest = b""
        # It carries its state in the query.
        join = "&" if "?" in where else "?"
        self.call("PUT", f"{where}{join}digest={digest(blob)}", 201, data=rest)
        return {"mediaType": "application/octet-stream", "size": len(blob), "digest": digest(blob)}

    def push_image(self, image: str, tag: str, layers: list[bytes], chunk: int | None = None) -> bytes:
        config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}})
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.push(image, config.encode())
            | {"mediaType": "application/vnd.docker.container.image.v1+json"},
            "layers": [
                self.push(image, layer, chunk) | {"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip"}
                for layer in layers
            ],
        }
        body = json.dumps(manifest).encode()
        self.call("PUT", f"/v2/{image}/manifests/{tag}", 201, data=body, headers={"Content-Type": MANIFEST})
        return body


@pytest.fixture(params=["stored", "redirected"])
def registry(
    request: pytest.FixtureRequest, gateway: Gateway, programs: Programs, bucket: str, tmp_path: Path
) -> Iterator[Registry]:
    """The registry hands blobs on itself, or by redirecting to presigned URLs."""
    address = f"127.0.0.1:{free_port()}"
    config = {
        "version": "0.1",
        "log": {"level": "info"},
        "storage": {
            "s3": {
                "accesskey": ROOT_USER.access_key,
                "secretkey": ROOT_USER.secret_key,
                "region": REGION,
                "regionendpoint": gateway.http,
                "bucket": bucket,
                "encrypt": True,
                "keyid": gateway.key(),
                "secure": False,
                "v4auth": True,
                "chunksize": 5 * MIB,
                "rootdirectory": "/images",
            },
            "delete": {"enabled": True},
            "redirect": {"disable": request.param == "stored"},
            "cache": {"blobdescriptor": "inmemory"},
        },
        "http": {"addr": address},
    }
    (tmp_path / "config.yml").write_text(json.dumps(config))  # JSON is YAML.
    log = tmp_path / "registry.log"
    process = programs.start("docker-registry", "serve", tmp_path / "config.yml", log=log)
    registry = Registry(f"http://{address}", log)
    try:
        for _ in range(ATTEMPTS):
            assert process.poll() is None, log.read_text()
            try:
                registry.call("GET", "/v2/", 200)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield registry
    finally:
        process.kill()
        process.wait()


def test_images_are_pushed_and_pulled(registry: Registry, gateway: Gateway, s3, bucket: str) -> None:
    layers = [noise(100, "small"), noise(12 * MIB)]
    manifest = registry.push_image("team/app", "v1", layers)
    got = registry.call("GET", "/v2/team/app/manifests/v1", 200, headers={"Accept": MANIFEST})
    assert got.content == manifest and got.headers["Docker-Content-Digest"] == digest(manifest)
    for layer in layers:
        path = f"/v2/team/app/blobs/{digest(layer)}"
        assert registry.call("HEAD", path, 200).headers["Content-Length"] == str(len(layer))
        assert registry.call("GET", path, 200).content == layer
        assert registry.call("GET", path, 206, headers={"Range": "bytes=10-19"}).content == layer[10:20]
    assert registry.call("GET", "/v2/team/app/tags/list", 200).json() == {"name": "team/app", "tags": ["v1"]}
    assert registry.call("GET", "/v2/_catalog", 200).json() == {"repositories": ["team/app"]}
    blob = next(key for key in keys(s3, bucket, "images/") if digest(layers[1])[7:] in key and key.endswith("/data"))
    assert s3.head_object(Bucket=bucket, Key=blob)["SSEKMSKeyId"] == gateway.key()


def test_a_blob_is_pushed_in_pieces(registry: Registry, s3, bucket: str) -> None:
    """The driver resumes an upload in parts by listing it, and copies small parts by UploadPartCopy."""
    layer = noise(16 * MIB + 5)
    registry.push_image("pieces", "latest", [layer], chunk=3 * MIB)
    assert registry.call("GET", f"/v2/pieces/blobs/{digest(layer)}", 200).content == layer
    assert uploads(s3, bucket) == []


def test_deleted_images_are_collected(registry: Registry, programs: Programs, s3, bucket: str, tmp_path: Path) -> None:
    layer = noise(1000)
    manifest = registry.push_image("old", "v1", [layer])
    registry.call("DELETE", f"/v2/old/manifests/{digest(manifest)}", 202)
    programs.run("docker-registry", "garbage-collect", tmp_path / "config.yml")
    assert not [key for key in keys(s3, bucket) if digest(layer)[7:] in key and "/blobs/" in key]
