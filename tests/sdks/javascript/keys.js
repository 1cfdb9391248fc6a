// Keys used directly: data keys, and signatures that Node's own library verifies.

import assert from "node:assert/strict";
import { constants, createHash, createPublicKey, verify } from "node:crypto";
import {
  CreateKeyCommand,
  DecryptCommand,
  GenerateDataKeyCommand,
  GetPublicKeyCommand,
  SignCommand,
  VerifyCommand,
} from "@aws-sdk/client-kms";
import { refused, sameBytes } from "./run.js";

export async function keys(run, env) {
  const send = (Command, input) => env.kms.send(new Command(input));
  const create = async (input) => (await send(CreateKeyCommand, input)).KeyMetadata.KeyId;

  await run.check("kms/data-key", async () => {
    const KeyId = await create({});
    const EncryptionContext = { tenant: "one" };
    const made = await send(GenerateDataKeyCommand, { KeyId, KeySpec: "AES_256", EncryptionContext });
    assert.equal(made.Plaintext.length, 32);
    const { CiphertextBlob } = made;
    sameBytes((await send(DecryptCommand, { CiphertextBlob, EncryptionContext })).Plaintext, made.Plaintext);
    const other = send(DecryptCommand, { CiphertextBlob, EncryptionContext: { tenant: "two" } });
    await refused(other, 400, "InvalidCiphertextException");
  });

  for (const [name, KeySpec, SigningAlgorithm, padding] of [
    ["rsa", "RSA_2048", "RSASSA_PSS_SHA_256", { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }],
    ["ec", "ECC_NIST_P256", "ECDSA_SHA_256", {}],
  ]) {
    await run.check(`kms/${name}-signature`, async () => {
      const KeyId = await create({ KeySpec, KeyUsage: "SIGN_VERIFY" });
      const Message = Buffer.from("a message");
      const { Signature } = await send(SignCommand, { KeyId, Message, SigningAlgorithm });
      const { PublicKey } = await send(GetPublicKeyCommand, { KeyId });
      const key = createPublicKey({ key: Buffer.from(PublicKey), format: "der", type: "spki" });
      assert(verify("sha256", Message, { key, ...padding }, Signature), "Node verifies the signature");
      const digest = createHash("sha256").update(Message).digest();
      const input = { KeyId, Message: digest, MessageType: "DIGEST", Signature, SigningAlgorithm };
      assert((await send(VerifyCommand, input)).SignatureValid);
      const altered = send(VerifyCommand, { KeyId, Message: Buffer.from("A message"), Signature, SigningAlgorithm });
      await refused(altered, 400, "KMSInvalidSignatureException");
    });
  }
}
