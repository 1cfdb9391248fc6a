// Runs the story of a key and the S3 conformance checks against the endpoint that the environment names, by the
// AWS SDK for JavaScript v3. It prints one line for each check; see ../README.md.

import { Bench, environment } from "./environment.js";
import { encryption } from "./encryption.js";
import { keys } from "./keys.js";
import { conditions, names, objects } from "./objects.js";
import { checksums } from "./checksums.js";
import { Run } from "./run.js";
import { story } from "./story.js";
import { presigned, transfers } from "./transfers.js";
import { versions } from "./versions.js";

const run = new Run();
const env = environment();
await story(run, env);
await keys(run, env);
for (const scheme of ["https", "http"]) {
  const bench = await Bench.open(run, env, scheme);
  for (const part of [objects, names, conditions, checksums, transfers, presigned, encryption, versions]) {
    await part(bench);
  }
}
process.exit(run.summary());
