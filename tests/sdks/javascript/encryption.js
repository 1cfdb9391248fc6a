// SSE-KMS, the default of a bucket, and SSE-C.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { CreateKeyCommand } from "@aws-sdk/client-kms";
import { CreateBucketCommand, PutBucketEncryptionCommand } from "@aws-sdk/client-s3";
import { etag, noise, refused } from "./run.js";
import { transfer } from "./transfers.js";

/** The three parameters of SSE-C. */
function customer(seed) {
  const key = noise(32, seed);
  return {
    SSECustomerAlgorithm: "AES256",
    SSECustomerKey: key.toString("base64"),
    SSECustomerKeyMD5: createHash("md5").update(key).digest("base64"),
  };
}

export async function encryption(b) {
  const { KeyMetadata } = await b.env.kms.send(new CreateKeyCommand({}));
  const SSEKMSKeyId = KeyMetadata.Arn;
  const kms = { ServerSideEncryption: "aws:kms", SSEKMSKeyId };
  const body = noise(100_000, "sse");

  await b.check("sse-kms", async () => {
    const SSEKMSEncryptionContext = Buffer.from(JSON.stringify({ tenant: "one" })).toString("base64");
    const put = await b.put("kms", body, { ...kms, SSEKMSEncryptionContext, BucketKeyEnabled: true });
    const head = await b.head("kms");
    assert.equal(put.ServerSideEncryption, "aws:kms");
    assert.equal(head.SSEKMSKeyId, SSEKMSKeyId);
    assert.equal(head.BucketKeyEnabled, true);
    assert.notEqual(put.ETag, etag(body));
    await b.holds("kms", body);
  });

  await b.check("sse-kms-transfer-manager", () => transfer(b, "kms-managed", kms));

  await b.check("bucket-default-encryption", async () => {
    const other = b.with({ bucket: `${b.bucket}-default` });
    await other.send(CreateBucketCommand);
    const ApplyServerSideEncryptionByDefault = { SSEAlgorithm: "aws:kms", KMSMasterKeyID: SSEKMSKeyId };
    const ServerSideEncryptionConfiguration = { Rules: [{ ApplyServerSideEncryptionByDefault }] };
    await other.send(PutBucketEncryptionCommand, { ServerSideEncryptionConfiguration });
    assert.equal((await other.put("x", body)).SSEKMSKeyId, SSEKMSKeyId);
  });

  // A customer's key does not go over plain HTTP.
  if (b.scheme !== "https") return;
  const own = customer("own");

  await b.check("sse-c", async () => {
    await b.put("customer", body, own);
    assert.equal((await b.head("customer", own)).SSECustomerKeyMD5, own.SSECustomerKeyMD5);
    await b.holds("customer", body, own);
    await refused(b.get("customer", customer("other")), 403, "AccessDenied");
    await refused(b.get("customer"), 400, "InvalidRequest");
  });

  await b.check("sse-c-transfer-manager", () => transfer(b, "customer-managed", own, own));
}
