package sealgate.conformance;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.model.ChecksumAlgorithm;
import software.amazon.awssdk.services.s3.model.ChecksumType;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.ObjectIdentifier;

/** Checksums: what the SDK does by default, each algorithm, when_required, and bodies that are streams. */
final class Checksums {
    /** The check values of the algorithms: their sums of these digits. */
    private static final byte[] DIGITS = "123456789".getBytes(StandardCharsets.UTF_8);

    private static final Map<ChecksumAlgorithm, String> SUMS =
            Map.of(
                    ChecksumAlgorithm.CRC32, "y/Q5Jg==",
                    ChecksumAlgorithm.CRC32_C, "4waSgw==",
                    ChecksumAlgorithm.CRC64_NVME, "rosUhgp5mIg=",
                    ChecksumAlgorithm.SHA1, "98O8HYCOBHMq32eZZczDTKeuNEE=",
                    ChecksumAlgorithm.SHA256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=");

    private Checksums() {}

    private static String sum(HeadObjectResponse head, ChecksumAlgorithm algorithm) {
        return switch (algorithm) {
            case CRC32 -> head.checksumCRC32();
            case CRC32_C -> head.checksumCRC32C();
            case CRC64_NVME -> head.checksumCRC64NVME();
            case SHA1 -> head.checksumSHA1();
            case SHA256 -> head.checksumSHA256();
            default -> throw new IllegalArgumentException(algorithm.toString());
        };
    }

    static void check(Bench b) {
        b.check(
                "checksum-default",
                () -> {
                    b.put("default", DIGITS);
                    HeadObjectResponse head = b.head("default");
                    Run.same(head.checksumCRC32(), SUMS.get(ChecksumAlgorithm.CRC32));
                    Run.same(head.checksumType(), ChecksumType.FULL_OBJECT);
                    b.holds("default", DIGITS);
                });
        SUMS.forEach(
                (algorithm, want) ->
                        b.check(
                                "checksum-" + algorithm,
                                () -> {
                                    String key = "sum-" + algorithm;
                                    b.s3.putObject(
                                            r -> r.bucket(b.bucket).key(key).checksumAlgorithm(algorithm),
                                            RequestBody.fromBytes(DIGITS));
                                    Run.same(sum(b.head(key), algorithm), want);
                                    b.holds(key, DIGITS);
                                }));
        b.check(
                "checksum-wrong-is-refused",
                () -> {
                    Run.refused(
                            400,
                            "BadDigest",
                            () ->
                                    b.s3.putObject(
                                            r -> r.bucket(b.bucket).key("wrong").checksumCRC32("AAAAAA=="),
                                            RequestBody.fromBytes(DIGITS)));
                    b.absent("wrong");
                });
        b.check("checksum-when-required", () -> whenRequired(b));
        b.check("stream-with-trailing-checksum", () -> stream(b));
    }

    private static void whenRequired(Bench b) throws Exception {
        var client =
                b.env.s3Builder(b.scheme)
                        .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
                        .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
                        .build();
        Bench lean = new Bench(b.run, b.env, b.scheme, client, b.bucket);
        lean.put("lean", DIGITS);
        lean.holds("lean", DIGITS);
        Run.same(lean.head("lean").checksumCRC64NVME(), SUMS.get(ChecksumAlgorithm.CRC64_NVME));
        // An operation that requires a checksum has one all the same.
        ObjectIdentifier gone = ObjectIdentifier.builder().key("lean").build();
        lean.s3.deleteObjects(r -> r.bucket(b.bucket).delete(d -> d.objects(gone)));
        b.absent("lean");
    }

    /** aws-chunked with a trailing checksum; over plain HTTP its chunks are signed. */
    private static void stream(Bench b) {
        byte[] body = Run.noise(300_000, 3);
        b.s3.putObject(
                r -> r.bucket(b.bucket).key("stream").checksumAlgorithm(ChecksumAlgorithm.SHA256),
                RequestBody.fromInputStream(new ByteArrayInputStream(body), body.length));
        HeadObjectResponse head = b.head("stream");
        Run.truth("the trailer's sum is kept", head.checksumSHA256() != null);
        Run.truth("aws-chunked is not kept", head.contentEncoding() == null || head.contentEncoding().isEmpty());
        b.holds("stream", body);
    }
}
