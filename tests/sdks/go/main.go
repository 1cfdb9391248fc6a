// Command conformance runs the story of a key and the S3 conformance checks against the endpoint that the
// environment names, by the AWS SDK for Go v2. It prints one line for each check; see ../README.md.
package main

import "os"

func main() {
	env := environment()
	run := &Run{}
	story(run, env)
	keys(run, env)
	for _, scheme := range []string{"https", "http"} {
		bench := newBench(run, env, scheme)
		objects(bench)
		names(bench)
		conditions(bench)
		checksums(bench)
		transfers(bench)
		presigned(bench)
		encryption(bench)
		versions(bench)
	}
	os.Exit(run.summary())
}
