// Checksums: what the SDK does by default, each algorithm, when_required, and bodies that are streams.

import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { DeleteObjectsCommand } from "@aws-sdk/client-s3";
import { noise, refused } from "./run.js";

// The check values of the algorithms: their sums of these digits.
const DIGITS = "123456789";
const SUMS = {
  CRC32: "y/Q5Jg==",
  CRC32C: "4waSgw==",
  CRC64NVME: "rosUhgp5mIg=",
  SHA1: "98O8HYCOBHMq32eZZczDTKeuNEE=",
  SHA256: "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
};
const ENABLED = { ChecksumMode: "ENABLED" };

export async function checksums(b) {
  await b.check("checksum-default", async () => {
    await b.put("default", DIGITS);
    const head = await b.head("default", ENABLED);
    assert.equal(head.ChecksumCRC32, SUMS.CRC32);
    assert.equal(head.ChecksumType, "FULL_OBJECT");
    await b.holds("default", DIGITS);
  });

  for (const [algorithm, sum] of Object.entries(SUMS)) {
    await b.check(`checksum-${algorithm}`, async () => {
      const key = `sum-${algorithm}`;
      await b.put(key, DIGITS, { ChecksumAlgorithm: algorithm });
      assert.equal((await b.head(key, ENABLED))[`Checksum${algorithm}`], sum);
      await b.holds(key, DIGITS);
    });
  }

  await b.check("checksum-wrong-is-refused", async () => {
    await refused(b.put("wrong", DIGITS, { ChecksumCRC32: "AAAAAA==" }), 400, "BadDigest");
    await b.absent("wrong");
  });

  await b.check("checksum-when-required", async () => {
    const settings = { requestChecksumCalculation: "WHEN_REQUIRED", responseChecksumValidation: "WHEN_REQUIRED" };
    const lean = b.with({ client: b.env.s3(b.scheme, settings) });
    await lean.put("lean", DIGITS);
    await lean.holds("lean", DIGITS);
    assert.equal((await lean.head("lean", ENABLED)).ChecksumCRC64NVME, SUMS.CRC64NVME);
    // An operation that requires a checksum has one all the same.
    await lean.send(DeleteObjectsCommand, { Delete: { Objects: [{ Key: "lean" }] } });
    await b.absent("lean");
  });

  // aws-chunked with a trailing checksum.
  await b.check("stream-with-trailing-checksum", async () => {
    const body = noise(300_000, "stream");
    const Body = Readable.from([body.subarray(0, 100_001), body.subarray(100_001)]);
    await b.put("stream", Body, { ContentLength: body.length, ChecksumAlgorithm: "SHA256" });
    const head = await b.head("stream", ENABLED);
    assert(head.ChecksumSHA256, "the trailer's sum is kept");
    assert(!head.ContentEncoding, "aws-chunked is not kept");
    await b.holds("stream", body);
  });
}
