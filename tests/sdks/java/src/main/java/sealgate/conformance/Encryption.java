package sealgate.conformance;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.model.ServerSideEncryption;
import software.amazon.awssdk.services.s3.model.ServerSideEncryptionRule;

/** SSE-KMS, the default of a bucket, and SSE-C. */
final class Encryption {
    private static final byte[] BODY = Run.noise(100_000, 6);

    private Encryption() {}

    /** A customer's key as the headers of SSE-C have it. */
    private record Customer(String key, String md5) {
        static Customer of(long seed) throws Exception {
            byte[] key = Run.noise(32, seed);
            Base64.Encoder base64 = Base64.getEncoder();
            return new Customer(base64.encodeToString(key), base64.encodeToString(Run.digest("MD5", key)));
        }
    }

    static void check(Bench b) throws Exception {
        String key = b.env.kms(b.env.owner).createKey().keyMetadata().arn();
        b.check("sse-kms", () -> kms(b, key));
        b.check(
                "sse-kms-transfer-manager",
                () ->
                        Transfers.transfer(
                                b,
                                "kms-managed",
                                write -> write.serverSideEncryption(ServerSideEncryption.AWS_KMS).ssekmsKeyId(key),
                                read -> {}));
        b.check("bucket-default-encryption", () -> bucketDefault(b.in(b.bucket + "-default"), key));
        // The SDKs do not send a customer's key over plain HTTP.
        if (b.scheme.equals("https")) {
            Customer own = Customer.of(7);
            Customer other = Customer.of(8);
            b.check("sse-c", () -> customer(b, own, other));
            b.check(
                    "sse-c-transfer-manager",
                    () ->
                            Transfers.transfer(
                                    b,
                                    "customer-managed",
                                    write ->
                                            write.sseCustomerAlgorithm("AES256")
                                                    .sseCustomerKey(own.key)
                                                    .sseCustomerKeyMD5(own.md5),
                                    read ->
                                            read.sseCustomerAlgorithm("AES256")
                                                    .sseCustomerKey(own.key)
                                                    .sseCustomerKeyMD5(own.md5)));
        }
    }

    private static void kms(Bench b, String key) throws Exception {
        String context =
                Base64.getEncoder().encodeToString("{\"tenant\":\"one\"}".getBytes(StandardCharsets.UTF_8));
        var put =
                b.s3.putObject(
                        r ->
                                r.bucket(b.bucket)
                                        .key("kms")
                                        .serverSideEncryption(ServerSideEncryption.AWS_KMS)
                                        .ssekmsKeyId(key)
                                        .ssekmsEncryptionContext(context)
                                        .bucketKeyEnabled(true),
                        RequestBody.fromBytes(BODY));
        var head = b.head("kms");
        Run.same(put.serverSideEncryption(), ServerSideEncryption.AWS_KMS);
        Run.same(head.ssekmsKeyId(), key);
        Run.same(head.bucketKeyEnabled(), true);
        Run.truth("the ETag is no MD5", !put.eTag().equals(Run.etag(BODY)));
        b.holds("kms", BODY);
    }

    private static void bucketDefault(Bench b, String key) {
        b.s3.createBucket(r -> r.bucket(b.bucket));
        ServerSideEncryptionRule rule =
                ServerSideEncryptionRule.builder()
                        .applyServerSideEncryptionByDefault(
                                d -> d.sseAlgorithm(ServerSideEncryption.AWS_KMS).kmsMasterKeyID(key))
                        .build();
        b.s3.putBucketEncryption(
                r -> r.bucket(b.bucket).serverSideEncryptionConfiguration(c -> c.rules(rule)));
        Run.same(b.put("x", BODY).ssekmsKeyId(), key);
    }

    private static byte[] read(Bench b, Customer customer) {
        return b.s3.getObjectAsBytes(
                        r ->
                                r.bucket(b.bucket)
                                        .key("customer")
                                        .sseCustomerAlgorithm("AES256")
                                        .sseCustomerKey(customer.key)
                                        .sseCustomerKeyMD5(customer.md5))
                .asByteArray();
    }

    private static void customer(Bench b, Customer own, Customer other) throws Exception {
        var put =
                b.s3.putObject(
                        r ->
                                r.bucket(b.bucket)
                                        .key("customer")
                                        .sseCustomerAlgorithm("AES256")
                                        .sseCustomerKey(own.key)
                                        .sseCustomerKeyMD5(own.md5),
                        RequestBody.fromBytes(BODY));
        Run.same(put.sseCustomerKeyMD5(), own.md5);
        Run.sameBytes(read(b, own), BODY);
        Run.refused(403, "AccessDenied", () -> read(b, other));
        Run.refused(400, "InvalidRequest", () -> b.get("customer"));
    }
}
