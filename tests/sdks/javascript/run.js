// How checks are run and told: `ok NAME`, `FAILED NAME: why`, `skipped NAME: why`.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";

/** The endpoint does not have what a check is about. */
export class NotThere extends Error {}

export class Run {
  passed = 0;
  failed = 0;
  skipped = 0;

  async check(name, body) {
    try {
      await body();
      this.passed++;
      console.log(`ok ${name}`);
    } catch (error) {
      const why = `${error.name}: ${error.message}`.replaceAll(/\s+/g, " ");
      if (error instanceof NotThere) {
        this.skipped++;
        console.log(`skipped ${name}: ${error.message}`);
      } else {
        this.failed++;
        console.log(`FAILED ${name}: ${why}`);
      }
    }
  }

  summary() {
    console.log(`javascript: ${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped`);
    return this.failed || !this.passed ? 1 : 0;
  }
}

/** Wants an error with this status and code, whose message has these words. */
export async function refused(promise, status, code, ...words) {
  let error;
  try {
    await promise;
  } catch (thrown) {
    error = thrown;
  }
  assert(error, `was answered, not refused with ${code}`);
  const told = `${error.$metadata?.httpStatusCode} ${error.name}: ${error.message}`;
  assert.equal(error.$metadata?.httpStatusCode, status, told);
  // The answers to HEAD and 304 have no body that could tell a code.
  if (code) assert.equal(error.name, code, told);
  for (const word of words) assert(error.message.includes(word), `"${word}" expected in: ${told}`);
}

/** Compares without printing a large body. */
export function sameBytes(got, want, what = "the body") {
  assert(Buffer.from(got).equals(Buffer.from(want)), `${what}: ${got.length} bytes that are not the ${want.length} expected`);
}

/** Bytes that look like none others, the same ones for the same seed. */
export function noise(length, seed) {
  return createHash("shake256", { outputLength: length }).update(`${seed}/${length}`).digest();
}

export const etag = (body) => `"${createHash("md5").update(body).digest("hex")}"`;
