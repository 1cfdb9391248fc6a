package sealgate.conformance;

import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.model.GetObjectRequest;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;

/** Writes and reads on conditions. */
final class Conditions {
    private static final byte[] ONE = "one".getBytes(StandardCharsets.UTF_8);
    private static final byte[] TWO = "two".getBytes(StandardCharsets.UTF_8);

    private Conditions() {}

    private static void write(Bench b, byte[] body, Consumer<PutObjectRequest.Builder> condition) {
        b.s3.putObject(r -> condition.accept(r.bucket(b.bucket).key("condition")), RequestBody.fromBytes(body));
    }

    private static byte[] read(Bench b, Consumer<GetObjectRequest.Builder> condition) {
        return b.s3.getObjectAsBytes(r -> condition.accept(r.bucket(b.bucket).key("read"))).asByteArray();
    }

    static void check(Bench b) throws Exception {
        String one = Run.etag(ONE);
        String two = Run.etag(TWO);
        b.check(
                "conditional-writes",
                () -> {
                    Run.refused(404, "NoSuchKey", () -> write(b, ONE, r -> r.ifMatch(one)));
                    write(b, ONE, r -> r.ifNoneMatch("*"));
                    Run.refused(412, "PreconditionFailed", () -> write(b, TWO, r -> r.ifNoneMatch("*")));
                    Run.refused(412, "PreconditionFailed", () -> write(b, TWO, r -> r.ifMatch(two)));
                    b.holds("condition", ONE);
                    write(b, TWO, r -> r.ifMatch(one));
                    b.holds("condition", TWO);
                });
        b.check(
                "conditional-reads",
                () -> {
                    b.put("read", ONE);
                    Run.sameBytes(read(b, r -> r.ifMatch(one)), ONE);
                    Run.refused(412, "PreconditionFailed", () -> read(b, r -> r.ifMatch(two)));
                    Run.refused(304, null, () -> read(b, r -> r.ifNoneMatch(one)));
                    Run.sameBytes(read(b, r -> r.ifNoneMatch(two)), ONE);
                });
    }
}
