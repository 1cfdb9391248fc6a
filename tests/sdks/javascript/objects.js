// Objects: put, get, ranges, copies, listings, deletes; conditions; keys that need care in a path.

import assert from "node:assert/strict";
import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  ListObjectsV2Command,
  paginateListObjectsV2,
} from "@aws-sdk/client-s3";
import { etag, noise, refused, sameBytes } from "./run.js";

export async function objects(b) {
  const body = noise(200_000, "object");

  await b.check("put-get-head-delete", async () => {
    const put = await b.put("object", body, {
      ContentType: "text/x-test",
      CacheControl: "no-store",
      Metadata: { colour: "blue and  green" },
    });
    const head = await b.head("object");
    assert.equal(put.ETag, etag(body));
    assert.equal(head.ETag, etag(body));
    assert.equal(head.ContentLength, body.length);
    assert.equal(head.ContentType, "text/x-test");
    assert.equal(head.CacheControl, "no-store");
    assert.deepEqual(head.Metadata, { colour: "blue and  green" });
    assert.equal(head.ServerSideEncryption, "AES256");
    await b.holds("object", body);
    await b.delete("object");
    await b.absent("object");
    await refused(b.head("object"), 404, "NotFound");
    await b.put("empty", Buffer.alloc(0));
    await b.holds("empty", "");
  });

  await b.check("range", async () => {
    await b.put("ranged", body);
    for (const [Range, want] of [
      ["bytes=0-0", body.subarray(0, 1)],
      ["bytes=65530-65545", body.subarray(65530, 65546)],
      ["bytes=199990-", body.subarray(199990)],
      ["bytes=-7", body.subarray(-7)],
    ]) {
      const got = await b.get("ranged", { Range });
      sameBytes(got.bytes, want, Range);
      assert(got.ContentRange.endsWith("/200000"), got.ContentRange);
    }
    await refused(b.get("ranged", { Range: "bytes=200000-" }), 416, "InvalidRange");
  });

  await b.check("copy", async () => {
    await b.put("a source+", body);
    const copied = await b.send(CopyObjectCommand, {
      Key: "copy",
      CopySource: `${b.bucket}/${encodeURIComponent("a source+")}`,
      MetadataDirective: "REPLACE",
      Metadata: { made: "by copy" },
    });
    assert.equal(copied.CopyObjectResult.ETag, etag(body));
    assert.deepEqual((await b.head("copy")).Metadata, { made: "by copy" });
    await b.holds("copy", body);
  });

  await b.check("list-and-delete-objects", async () => {
    const want = [0, 1, 2, 3, 4].map((number) => `list/${number}`);
    for (const key of [...want, "list/below/x"]) await b.put(key, "x");
    const got = [];
    const prefixes = [];
    let pages = 0;
    const input = { Bucket: b.bucket, Prefix: "list/", Delimiter: "/", MaxKeys: 2 };
    for await (const page of paginateListObjectsV2({ client: b.client }, input)) {
      pages++;
      got.push(...(page.Contents ?? []).map((entry) => entry.Key));
      prefixes.push(...(page.CommonPrefixes ?? []).map((entry) => entry.Prefix));
    }
    assert.deepEqual(got, want);
    assert.deepEqual(prefixes, ["list/below/"]);
    assert.equal(pages, 3);
    const Objects = [...want, "list/below/x"].map((Key) => ({ Key }));
    const deleted = await b.send(DeleteObjectsCommand, { Delete: { Objects } });
    assert.equal(deleted.Deleted.length, 6);
    assert.equal(deleted.Errors?.length ?? 0, 0);
    assert.equal((await b.send(ListObjectsV2Command, { Prefix: "list/" })).KeyCount, 0);
  });
}

/** Keys that a client or a gateway may spell in another way than the other. */
export async function names(b) {
  for (const [name, key] of Object.entries({
    "double-slash": "names/a//b",
    "leading-slash": "/names/a",
    "only-slashes": "names///",
    plus: "names/a+b",
    escape: "names/a%2Fb",
    space: "names/a b  c",
    unicode: "names/é日本🦀",
    marks: "names/~!*'();:@&=$,?#[]",
    dots: "names/a/../b/./c",
    backslash: 'names/a\\b|c"<>^{}`',
  })) {
    await b.check(`key-${name}`, async () => {
      await b.put(key, key);
      await b.holds(key, key);
      const listed = await b.send(ListObjectsV2Command, { Prefix: key });
      assert.deepEqual(
        listed.Contents?.map((entry) => entry.Key),
        [key],
      );
      await b.delete(key);
      await b.absent(key);
    });
  }
}

export async function conditions(b) {
  const [one, two] = ["one", "two"];

  await b.check("conditional-writes", async () => {
    await refused(b.put("condition", one, { IfMatch: etag(one) }), 404, "NoSuchKey");
    await b.put("condition", one, { IfNoneMatch: "*" });
    await refused(b.put("condition", two, { IfNoneMatch: "*" }), 412, "PreconditionFailed");
    await refused(b.put("condition", two, { IfMatch: etag(two) }), 412, "PreconditionFailed");
    await b.holds("condition", one);
    await b.put("condition", two, { IfMatch: etag(one) });
    await b.holds("condition", two);
  });

  await b.check("conditional-reads", async () => {
    await b.put("read", one);
    await b.holds("read", one, { IfMatch: etag(one) });
    await refused(b.get("read", { IfMatch: etag(two) }), 412, "PreconditionFailed");
    await refused(b.get("read", { IfNoneMatch: etag(one) }), 304);
    await b.holds("read", one, { IfNoneMatch: etag(two) });
  });
}
