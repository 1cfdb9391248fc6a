// Who the checks act as, and their clients. The account's owner and the endpoint come from the SDK's own
// environment variables, the other users from CONFORMANCE_….

import { CloudTrailClient } from "@aws-sdk/client-cloudtrail";
import { KMSClient } from "@aws-sdk/client-kms";
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { refused, sameBytes } from "./run.js";

function variable(name) {
  const value = process.env[name];
  if (!value) {
    console.error(`${name} is not set; see ../README.md`);
    process.exit(2);
  }
  return value;
}

/** A user from "ACCESS_KEY SECRET ARN". */
function user(name) {
  const [accessKeyId, secretAccessKey, arn] = variable(name).split(/\s+/);
  return {
    arn,
    s3: new S3Client({ credentials: { accessKeyId, secretAccessKey } }),
    kms: new KMSClient({ credentials: { accessKeyId, secretAccessKey } }),
  };
}

export function environment() {
  const http = variable("CONFORMANCE_HTTP_URL");
  return {
    ada: user("CONFORMANCE_ADA"),
    alice: user("CONFORMANCE_ALICE"),
    bob: user("CONFORMANCE_BOB"),
    kms: new KMSClient(),
    trail: new CloudTrailClient(),
    /** The owner's client over one scheme. */
    s3: (scheme, options = {}) => new S3Client(scheme === "http" ? { endpoint: http, ...options } : options),
  };
}

/** A bucket and a client for it, over one scheme. */
export class Bench {
  constructor(run, env, scheme, client, bucket) {
    Object.assign(this, { run, env, scheme, client, bucket });
  }

  static async open(run, env, scheme) {
    const bench = new Bench(run, env, scheme, env.s3(scheme), `javascript-${scheme}`);
    await bench.check("create-bucket", () => bench.send(CreateBucketCommand));
    return bench;
  }

  /** The same by another client, or in another bucket. */
  with(changes) {
    return Object.assign(new Bench(), this, changes);
  }

  check(name, body) {
    return this.run.check(`${this.scheme}/${name}`, body);
  }

  send(Command, input = {}) {
    return this.client.send(new Command({ Bucket: this.bucket, ...input }));
  }

  put(Key, Body, more = {}) {
    return this.send(PutObjectCommand, { Key, Body, ...more });
  }

  head(Key, more = {}) {
    return this.send(HeadObjectCommand, { Key, ...more });
  }

  async get(Key, more = {}) {
    const got = await this.send(GetObjectCommand, { Key, ...more });
    return { ...got, bytes: await got.Body.transformToByteArray() };
  }

  async holds(key, want, more = {}) {
    sameBytes((await this.get(key, more)).bytes, want, key);
  }

  delete(Key, more = {}) {
    return this.send(DeleteObjectCommand, { Key, ...more });
  }

  absent(key) {
    return refused(this.get(key), 404, "NoSuchKey");
  }
}
