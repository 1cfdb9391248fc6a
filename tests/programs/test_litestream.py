"""Litestream replicates an SQLite database into a bucket while it is written, and restores it."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import pytest
from conftest import Programs, keys
from gateway import REGION, ROOT_USER, Gateway

ATTEMPTS = 300


def test_a_database_is_replicated_and_restored(
    programs: Programs, gateway: Gateway, s3, bucket: str, tmp_path: Path
) -> None:
    database, back, log = tmp_path / "own.db", tmp_path / "back.db", tmp_path / "litestream.log"
    replica = {
        "type": "s3",
        "bucket": bucket,
        "path": "own",
        "endpoint": gateway.http,
        "region": REGION,
        "force-path-style": True,
        "access-key-id": ROOT_USER.access_key,
        "secret-access-key": ROOT_USER.secret_key,
        "sync-interval": "100ms",
    }
    config = tmp_path / "litestream.yml"
    config.write_text(json.dumps({"dbs": [{"path": str(database), "replica": replica}]}))  # JSON is YAML.
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY, noise BLOB)")

    def restored(expected: int) -> bool:
        back.unlink(missing_ok=True)
        try:
            programs.run("litestream", "restore", "-config", config, "-o", back, database)
        except AssertionError:
            return False  # Nothing is there yet.
        with sqlite3.connect(back) as copy:
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return copy.execute("SELECT count(*) FROM numbers").fetchone()[0] == expected

    process = programs.start("litestream", "replicate", "-config", config, log=log)
    try:
        for batch in range(1, 4):
            with sqlite3.connect(database) as connection:
                connection.executemany("INSERT INTO numbers (noise) VALUES (randomblob(2000))", [()] * 500)
            for _ in range(ATTEMPTS):
                assert process.poll() is None, log.read_text()
                if restored(batch * 500):
                    break
                time.sleep(0.2)
            else:
                pytest.fail(f"batch {batch} does not arrive\n{log.read_text()}")
    finally:
        process.terminate()
        process.wait(60)
    assert keys(s3, bucket, "own/")
    assert restored(1500)
    with sqlite3.connect(database) as one, sqlite3.connect(back) as other:
        rows = "SELECT n, hex(noise) FROM numbers ORDER BY n"
        assert one.execute(rows).fetchall() == other.execute(rows).fetchall()
