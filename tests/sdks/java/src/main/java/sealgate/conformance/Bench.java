package sealgate.conformance;

import software.amazon.awssdk.core.ResponseBytes;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.ChecksumMode;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.PutObjectResponse;

/** A bucket and a client for it, over one scheme. */
final class Bench {
    final Run run;
    final Environment env;
    final String scheme;
    final S3Client s3;
    final String bucket;

    Bench(Run run, Environment env, String scheme, S3Client s3, String bucket) {
        this.run = run;
        this.env = env;
        this.scheme = scheme;
        this.s3 = s3;
        this.bucket = bucket;
    }

    /** The same in another bucket. */
    Bench in(String other) {
        return new Bench(run, env, scheme, s3, other);
    }

    void check(String name, Run.Body body) {
        run.check(scheme + "/" + name, body);
    }

    PutObjectResponse put(String key, byte[] body) {
        return s3.putObject(r -> r.bucket(bucket).key(key), RequestBody.fromBytes(body));
    }

    ResponseBytes<GetObjectResponse> get(String key) {
        return s3.getObjectAsBytes(r -> r.bucket(bucket).key(key));
    }

    HeadObjectResponse head(String key) {
        return s3.headObject(r -> r.bucket(bucket).key(key).checksumMode(ChecksumMode.ENABLED));
    }

    void holds(String key, byte[] want) {
        Run.sameBytes(get(key).asByteArray(), want);
    }

    void delete(String key) {
        s3.deleteObject(r -> r.bucket(bucket).key(key));
    }

    void absent(String key) throws Exception {
        Run.refused(404, "NoSuchKey", () -> get(key));
    }
}
