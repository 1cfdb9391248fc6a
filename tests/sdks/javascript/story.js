// The story of a key: who administers it, who uses it, who may not, and what the trail says of each.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { paginateLookupEvents } from "@aws-sdk/client-cloudtrail";
import {
  CancelKeyDeletionCommand,
  CreateAliasCommand,
  CreateGrantCommand,
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  ListGrantsCommand,
  ListKeyRotationsCommand,
  RevokeGrantCommand,
  RotateKeyOnDemandCommand,
  ScheduleKeyDeletionCommand,
} from "@aws-sdk/client-kms";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { Bench } from "./environment.js";
import { noise, refused } from "./run.js";

const ADMINISTRATION = [
  "kms:Create*",
  "kms:Describe*",
  "kms:Enable*",
  "kms:List*",
  "kms:Put*",
  "kms:Get*",
  "kms:Disable*",
  "kms:RotateKeyOnDemand",
  "kms:ScheduleKeyDeletion",
  "kms:CancelKeyDeletion",
  "kms:RevokeGrant",
];
const USE = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"];

const allow = (Sid, who, Action) => ({ Sid, Effect: "Allow", Principal: { AWS: who.arn }, Action, Resource: "*" });

export async function story(run, env) {
  const bucket = "javascript-story";
  const plain = noise(100_000, "story");
  const of = (who) => new Bench(run, env, "https", who.s3, bucket);
  let KeyId, GrantId;

  const ada = (Command, input = {}) => env.ada.kms.send(new Command({ KeyId, ...input }));
  const alice = (Command, input = {}) => env.alice.kms.send(new Command({ KeyId, ...input }));
  const read = (who, name) => of(who).holds(name, plain);
  const write = async (who, name) => {
    const put = await of(who).put(name, plain, { ServerSideEncryption: "aws:kms", SSEKMSKeyId: KeyId });
    assert.equal(put.ServerSideEncryption, "aws:kms");
    assert.equal(put.SSEKMSKeyId, KeyId);
  };

  await run.check("story/create-key", async () => {
    const Statement = [allow("Administrators", env.ada, ADMINISTRATION), allow("Users", env.alice, USE)];
    const made = await ada(CreateKeyCommand, { Policy: JSON.stringify({ Version: "2012-10-17", Statement }) });
    KeyId = made.KeyMetadata.Arn;
    const AliasName = "alias/javascript-story";
    await env.ada.kms.send(new CreateAliasCommand({ AliasName, TargetKeyId: KeyId }));
    assert.equal((await alice(DescribeKeyCommand, { KeyId: AliasName })).KeyMetadata.Arn, KeyId);
  });

  await run.check("story/alice-writes-and-reads", async () => {
    await env.s3("https").send(new CreateBucketCommand({ Bucket: bucket }));
    await write(env.alice, "one");
    await write(env.alice, "two");
    await read(env.alice, "one");
  });

  await run.check("story/bob-with-full-s3-is-refused", () =>
    refused(read(env.bob, "one"), 403, "AccessDenied", "kms:Decrypt"),
  );

  // She administers; she does not read.
  await run.check("story/administrator-is-refused", async () => {
    const asked = ada(GenerateDataKeyCommand, { KeySpec: "AES_256" });
    await refused(asked, 400, "AccessDeniedException", "kms:GenerateDataKey");
    await refused(read(env.ada, "one"), 403, "AccessDenied", "kms:Decrypt");
  });

  await run.check("story/grant-for-one-context", async () => {
    ({ GrantId } = await ada(CreateGrantCommand, {
      GranteePrincipal: env.bob.arn,
      Operations: ["Decrypt"],
      Constraints: { EncryptionContextSubset: { "aws:s3:arn": `arn:aws:s3:::${bucket}/one` } },
    }));
    await read(env.bob, "one");
    await refused(read(env.bob, "two"), 403, "AccessDenied");
    const { Grants } = await ada(ListGrantsCommand);
    assert.deepEqual(
      Grants.map((grant) => grant.GrantId),
      [GrantId],
    );
  });

  await run.check("story/rotation-keeps-all-readable", async () => {
    const EncryptionContext = { purpose: "story" };
    const { CiphertextBlob } = await alice(EncryptCommand, { Plaintext: Buffer.from("before"), EncryptionContext });
    await ada(RotateKeyOnDemandCommand);
    const opened = await alice(DecryptCommand, { CiphertextBlob, EncryptionContext });
    assert.equal(Buffer.from(opened.Plaintext).toString(), "before");
    const { Rotations } = await ada(ListKeyRotationsCommand);
    assert.deepEqual(
      Rotations.map((rotation) => rotation.RotationType),
      ["ON_DEMAND"],
    );
    await read(env.alice, "two");
    await read(env.bob, "one");
    await write(env.alice, "three");
    await read(env.alice, "three");
  });

  await run.check("story/revoked-grant", async () => {
    await ada(RevokeGrantCommand, { GrantId });
    await refused(read(env.bob, "one"), 403, "AccessDenied", "kms:Decrypt");
  });

  await run.check("story/disabled", async () => {
    await ada(DisableKeyCommand);
    try {
      await refused(alice(EncryptCommand, { Plaintext: Buffer.from("x") }), 400, "DisabledException");
      await refused(read(env.alice, "one"), 400, "KMS.DisabledException");
    } finally {
      await ada(EnableKeyCommand);
    }
    await read(env.alice, "one");
  });

  await run.check("story/deletion-scheduled-and-cancelled", async () => {
    const scheduled = await ada(ScheduleKeyDeletionCommand, { PendingWindowInDays: 7 });
    try {
      assert.equal(scheduled.KeyState, "PendingDeletion");
      assert(scheduled.DeletionDate > new Date(), "the date of deletion is in the future");
      await refused(alice(EncryptCommand, { Plaintext: Buffer.from("x") }), 400, "KMSInvalidStateException");
      await refused(read(env.alice, "one"), 400, "KMS.KMSInvalidStateException");
    } finally {
      await ada(CancelKeyDeletionCommand);
      await ada(EnableKeyCommand);
    }
    await read(env.alice, "one");
  });

  for (const [event, who, error] of [
    ["CreateKey", env.ada],
    ["GenerateDataKey", env.alice],
    ["Decrypt", env.alice],
    ["Decrypt", env.bob, "AccessDeniedException"],
    ["CreateGrant", env.ada],
    ["Decrypt", env.bob],
    ["RotateKeyOnDemand", env.ada],
    ["RevokeGrant", env.ada],
    ["DisableKey", env.ada],
    ["Decrypt", env.alice, "DisabledException"],
    ["ScheduleKeyDeletion", env.ada],
    ["CancelKeyDeletion", env.ada],
  ]) {
    const outcome = error ? `-${error}` : "";
    const name = who.arn.split("/")[1];
    await run.check(`story/trail-tells-${event}-by-${name}${outcome}`, () => inTrail(env, event, who.arn, error, KeyId));
  }
}

/**
 * Wants a record of the event: who, which key, and how it ended. Uses of keys by S3 are on record within a second,
 * so it asks again for a while.
 */
async function inTrail(env, name, who, outcome, key) {
  const LookupAttributes = [{ AttributeKey: "EventName", AttributeValue: name }];
  for (const deadline = Date.now() + 20_000; ; await pause(100)) {
    for await (const page of paginateLookupEvents({ client: env.trail }, { LookupAttributes })) {
      for (const { CloudTrailEvent } of page.Events) {
        const { errorCode, userIdentity, resources } = JSON.parse(CloudTrailEvent);
        const about = resources?.some((resource) => resource.ARN === key);
        if (about && userIdentity.arn === who && errorCode === outcome) return;
      }
    }
    assert(Date.now() < deadline, `no record of ${name} by ${who} that ended in ${outcome ?? "success"}`);
  }
}
