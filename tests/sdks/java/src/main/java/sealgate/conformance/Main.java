package sealgate.conformance;

/**
 * Runs the story of a key and the S3 conformance checks against the endpoint that the environment names, by the AWS
 * SDK for Java v2. It prints one line for each check; see ../README.md.
 */
final class Main {
    private Main() {}

    public static void main(String[] arguments) throws Exception {
        Run run = new Run();
        Environment env = new Environment();
        new Story(run, env).tell();
        Keys.check(run, env);
        for (String scheme : new String[] {"https", "http"}) {
            Bench bench = new Bench(run, env, scheme, env.s3(scheme), "java-" + scheme);
            bench.check("create-bucket", () -> bench.s3.createBucket(r -> r.bucket(bench.bucket)));
            Objects.check(bench);
            Names.check(bench);
            Conditions.check(bench);
            Checksums.check(bench);
            Transfers.check(bench);
            Presigned.check(bench);
            Encryption.check(bench);
            Versions.check(bench);
        }
        System.exit(run.summary());
    }
}
