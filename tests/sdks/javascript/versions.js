// Versions. Where the endpoint answers 501 to PutBucketVersioning they are skipped.

import assert from "node:assert/strict";
import {
  CreateBucketCommand,
  GetBucketVersioningCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
} from "@aws-sdk/client-s3";
import { NotThere, refused, sameBytes } from "./run.js";

export async function versions(bench) {
  const b = bench.with({ bucket: `${bench.bucket}-versions` });
  const key = "versioned";
  let first, second;

  const turn = async (Status) => {
    try {
      await b.send(PutBucketVersioningCommand, { VersioningConfiguration: { Status } });
    } catch (error) {
      if (error.$metadata?.httpStatusCode !== 501) throw error;
      throw new NotThere("PutBucketVersioning answers 501");
    }
  };
  const holds = async (VersionId, want) => {
    const got = await b.get(key, { VersionId });
    sameBytes(got.bytes, Buffer.from(want), "the version");
    assert.equal(got.VersionId, VersionId);
  };

  await b.check("versions-enabled", async () => {
    await b.send(CreateBucketCommand);
    await turn("Enabled");
    assert.equal((await b.send(GetBucketVersioningCommand)).Status, "Enabled");
    first = (await b.put(key, "one")).VersionId;
    second = (await b.put(key, "two")).VersionId;
    assert(first && second && first !== second, "two writes have two version ids");
    const { Versions } = await b.send(ListObjectVersionsCommand);
    assert.deepEqual(
      Versions.map((version) => [version.VersionId, version.IsLatest]),
      [
        [second, true],
        [first, false],
      ],
    );
    await holds(first, "one");
    await holds(second, "two");
    await b.holds(key, "two");
  });

  await b.check("versions-delete-marker", async () => {
    await turn("Enabled");
    const marked = await b.delete(key);
    assert(marked.DeleteMarker && marked.VersionId, "a delete marker was made");
    await b.absent(key);
    await holds(second, "two");
    await refused(b.get(key, { VersionId: marked.VersionId }), 405, "MethodNotAllowed");
    await b.delete(key, { VersionId: marked.VersionId });
    await b.holds(key, "two");
    await b.delete(key, { VersionId: second });
    await refused(b.get(key, { VersionId: second }), 404, "NoSuchVersion");
    await b.holds(key, "one");
  });

  await b.check("versions-suspended", async () => {
    await turn("Suspended");
    await b.put(key, "two");
    const { VersionId } = await b.put(key, "three");
    assert(VersionId === undefined || VersionId === "null", `the id is null: ${VersionId}`);
    assert.equal((await b.send(ListObjectVersionsCommand)).Versions.length, 2);
    await holds("null", "three");
    await holds(first, "one");
    await b.holds(key, "three");
  });
}
