package sealgate.conformance;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import software.amazon.awssdk.core.async.AsyncRequestBody;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.model.ChecksumAlgorithm;
import software.amazon.awssdk.services.s3.model.ChecksumType;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.model.GetObjectRequest;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;
import software.amazon.awssdk.transfer.s3.S3TransferManager;

/** Large objects by the transfer manager, over the Netty client and over the CRT's, and multipart uploads by hand. */
final class Transfers {
    private static final int MIB = 1 << 20;
    private static final byte[] LARGE = Run.noise(20 * MIB + 1, 4);

    private Transfers() {}

    static void check(Bench b) {
        b.check(
                "transfer-manager",
                () -> {
                    transfer(b, "managed", write -> {}, read -> {});
                    var part = b.s3.getObjectAsBytes(r -> r.bucket(b.bucket).key("managed").partNumber(3));
                    Run.sameBytes(part.asByteArray(), Arrays.copyOfRange(LARGE, 16 * MIB, LARGE.length));
                    Run.same(part.response().partsCount(), 3);
                });
        b.check(
                "transfer-manager-checksum",
                () -> {
                    transfer(b, "managed-sum", write -> write.checksumAlgorithm(ChecksumAlgorithm.SHA256), read -> {});
                    var head = b.head("managed-sum");
                    Run.same(head.checksumType(), ChecksumType.COMPOSITE);
                    Run.truth("a composite SHA-256", head.checksumSHA256() != null);
                });
        // The CRT's client cannot be told of an authority: over plain HTTP only.
        if (b.scheme.equals("http")) {
            b.check(
                    "transfer-manager-crt",
                    () -> {
                        try (S3AsyncClient client =
                                S3AsyncClient.crtBuilder()
                                        .endpointOverride(b.env.http)
                                        .minimumPartSizeInBytes(8L * MIB)
                                        .build()) {
                            transfer(b, client, "managed-crt", write -> {}, read -> {});
                        }
                    });
        }
        b.check("multipart-by-hand", () -> byHand(b));
    }

    /** Uploads a large object in parts, and reads it back. */
    static void transfer(
            Bench b, String key, Consumer<PutObjectRequest.Builder> write, Consumer<GetObjectRequest.Builder> read)
            throws Exception {
        try (S3AsyncClient client =
                S3AsyncClient.builder()
                        .httpClient(b.env.asyncClient)
                        .endpointOverride(b.env.endpoint(b.scheme))
                        .multipartEnabled(true)
                        .multipartConfiguration(c -> c.minimumPartSizeInBytes(8L * MIB).thresholdInBytes(8L * MIB))
                        .build()) {
            transfer(b, client, key, write, read);
        }
    }

    private static void transfer(
            Bench b,
            S3AsyncClient client,
            String key,
            Consumer<PutObjectRequest.Builder> write,
            Consumer<GetObjectRequest.Builder> read)
            throws Exception {
        Path file = Files.createTempFile("conformance", null);
        try (S3TransferManager manager = S3TransferManager.builder().s3Client(client).build()) {
            var up =
                    manager.upload(
                            u ->
                                    u.requestBody(AsyncRequestBody.fromBytes(LARGE))
                                            .putObjectRequest(r -> write.accept(r.bucket(b.bucket).key(key))));
            String etag = up.completionFuture().join().response().eTag();
            Run.truth("three parts: " + etag, etag.endsWith("-3\""));
            manager.downloadFile(
                            d -> d.destination(file).getObjectRequest(r -> read.accept(r.bucket(b.bucket).key(key))))
                    .completionFuture()
                    .join();
            Run.sameBytes(Files.readAllBytes(file), LARGE);
        } finally {
            Files.deleteIfExists(file);
        }
    }

    private static void byHand(Bench b) throws Exception {
        String key = "by-hand";
        byte[] body = Arrays.copyOf(LARGE, 6 * MIB);
        String id =
                b.s3.createMultipartUpload(
                                r ->
                                        r.bucket(b.bucket)
                                                .key(key)
                                                .checksumAlgorithm(ChecksumAlgorithm.CRC64_NVME)
                                                .checksumType(ChecksumType.FULL_OBJECT))
                        .uploadId();
        List<CompletedPart> parts =
                Stream.of(1, 2)
                        .map(
                                number -> {
                                    byte[] piece =
                                            Arrays.copyOfRange(
                                                    body, (number - 1) * 5 * MIB, Math.min(number * 5 * MIB, body.length));
                                    var part =
                                            b.s3.uploadPart(
                                                    r ->
                                                            r.bucket(b.bucket)
                                                                    .key(key)
                                                                    .uploadId(id)
                                                                    .partNumber(number)
                                                                    .checksumAlgorithm(ChecksumAlgorithm.CRC64_NVME),
                                                    RequestBody.fromBytes(piece));
                                    return CompletedPart.builder()
                                            .partNumber(number)
                                            .eTag(part.eTag())
                                            .checksumCRC64NVME(part.checksumCRC64NVME())
                                            .build();
                                })
                        .toList();
        Run.same(b.s3.listParts(r -> r.bucket(b.bucket).key(key).uploadId(id)).parts().size(), 2);
        b.s3.completeMultipartUpload(
                r -> r.bucket(b.bucket).key(key).uploadId(id).ifNoneMatch("*").multipartUpload(m -> m.parts(parts)));
        b.holds(key, body);
        String aborted = b.s3.createMultipartUpload(r -> r.bucket(b.bucket).key(key)).uploadId();
        b.s3.abortMultipartUpload(r -> r.bucket(b.bucket).key(key).uploadId(aborted));
        Run.refused(
                404, "NoSuchUpload", () -> b.s3.listParts(r -> r.bucket(b.bucket).key(key).uploadId(aborted)));
    }
}
