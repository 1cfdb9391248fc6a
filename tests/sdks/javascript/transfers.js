// Large objects by lib-storage, multipart uploads by hand, and presigned URLs.

import assert from "node:assert/strict";
import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { noise, refused, sameBytes } from "./run.js";

const MIB = 1 << 20;
const LARGE = noise(20 * MIB + 1, "large");

/** Uploads a large object in parts, from a stream, and reads it back. */
export async function transfer(b, Key, write = {}, read = {}) {
  const pieces = Array.from({ length: 21 }, (_, at) => LARGE.subarray(at * MIB, (at + 1) * MIB));
  const params = { Bucket: b.bucket, Key, Body: Readable.from(pieces, { objectMode: false }), ...write };
  const done = await new Upload({ client: b.client, params, partSize: 8 * MIB }).done();
  assert(done.ETag.endsWith('-3"'), `three parts: ${done.ETag}`);
  await b.holds(Key, LARGE, read);
}

export async function transfers(b) {
  await b.check("transfer-manager", async () => {
    await transfer(b, "managed");
    const part = await b.get("managed", { PartNumber: 3 });
    sameBytes(part.bytes, LARGE.subarray(16 * MIB), "the last part");
    assert.equal(part.PartsCount, 3);
  });

  await b.check("transfer-manager-checksum", async () => {
    await transfer(b, "managed-sum", { ChecksumAlgorithm: "SHA256" });
    const head = await b.head("managed-sum", { ChecksumMode: "ENABLED" });
    assert.equal(head.ChecksumType, "COMPOSITE");
    assert(head.ChecksumSHA256, "a composite SHA-256");
  });

  await b.check("multipart-by-hand", async () => {
    const Key = "by-hand";
    const body = LARGE.subarray(0, 6 * MIB);
    const ChecksumAlgorithm = "CRC64NVME";
    const { UploadId } = await b.send(CreateMultipartUploadCommand, {
      Key,
      ChecksumAlgorithm,
      ChecksumType: "FULL_OBJECT",
    });
    const Parts = [];
    for (const [at, Body] of [body.subarray(0, 5 * MIB), body.subarray(5 * MIB)].entries()) {
      const PartNumber = at + 1;
      const part = await b.send(UploadPartCommand, { Key, UploadId, PartNumber, Body, ChecksumAlgorithm });
      Parts.push({ PartNumber, ETag: part.ETag, ChecksumCRC64NVME: part.ChecksumCRC64NVME });
    }
    assert.equal((await b.send(ListPartsCommand, { Key, UploadId })).Parts.length, 2);
    const MultipartUpload = { Parts };
    await b.send(CompleteMultipartUploadCommand, { Key, UploadId, MultipartUpload, IfNoneMatch: "*" });
    await b.holds(Key, body);
    const aborted = await b.send(CreateMultipartUploadCommand, { Key });
    await b.send(AbortMultipartUploadCommand, { Key, UploadId: aborted.UploadId });
    await refused(b.send(ListPartsCommand, { Key, UploadId: aborted.UploadId }), 404, "NoSuchUpload");
  });
}

export async function presigned(b) {
  const Key = "presigned/a b+c//d%2Fé";
  const sign = (Command, more = {}) =>
    getSignedUrl(b.client, new Command({ Bucket: b.bucket, Key, ...more }), { expiresIn: 300 });

  // By default this SDK signs the checksum of an empty body into the URL, which S3 does not look at.
  await b.check("presigned-put", async () => {
    const answer = await fetch(await sign(PutObjectCommand), { method: "PUT", body: "by URL" });
    assert.equal(answer.status, 200, await answer.text());
    await b.holds(Key, "by URL");
  });

  await b.check("presigned-get", async () => {
    const answer = await fetch(await sign(GetObjectCommand, { ResponseContentType: "text/x-own" }));
    assert.equal(await answer.text(), "by URL");
    assert.equal(answer.headers.get("content-type"), "text/x-own");
  });

  await b.check("presigned-altered-is-refused", async () => {
    const answer = await fetch((await sign(GetObjectCommand)).replace("presigned", "presignee"));
    assert.equal(answer.status, 403);
    assert((await answer.text()).includes("SignatureDoesNotMatch"));
  });
}
