package sealgate.conformance;

import java.nio.charset.StandardCharsets;
import java.util.List;
import software.amazon.awssdk.services.s3.model.BucketVersioningStatus;
import software.amazon.awssdk.services.s3.model.ObjectVersion;
import software.amazon.awssdk.services.s3.model.S3Exception;

/** Versions. Where the endpoint answers 501 to PutBucketVersioning they are skipped. */
final class Versions {
    private static final String KEY = "versioned";

    private final Bench b;
    private String first;
    private String second;

    private Versions(Bench b) {
        this.b = b;
    }

    static void check(Bench bench) {
        Versions versions = new Versions(bench.in(bench.bucket + "-versions"));
        bench.check("versions-enabled", versions::enabled);
        bench.check("versions-delete-marker", versions::deleteMarker);
        bench.check("versions-suspended", versions::suspended);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private void turn(BucketVersioningStatus status) throws Run.NotThere {
        try {
            b.s3.putBucketVersioning(r -> r.bucket(b.bucket).versioningConfiguration(c -> c.status(status)));
        } catch (S3Exception error) {
            if (error.statusCode() == 501) {
                throw new Run.NotThere("PutBucketVersioning answers 501");
            }
            throw error;
        }
    }

    private String put(String body) {
        return b.put(KEY, bytes(body)).versionId();
    }

    private void holds(String version, String want) {
        var got = b.s3.getObjectAsBytes(r -> r.bucket(b.bucket).key(KEY).versionId(version));
        Run.sameBytes(got.asByteArray(), bytes(want));
        Run.same(got.response().versionId(), version);
    }

    private List<ObjectVersion> listed() {
        return b.s3.listObjectVersions(r -> r.bucket(b.bucket)).versions();
    }

    private void enabled() throws Exception {
        b.s3.createBucket(r -> r.bucket(b.bucket));
        turn(BucketVersioningStatus.ENABLED);
        Run.same(b.s3.getBucketVersioning(r -> r.bucket(b.bucket)).status(), BucketVersioningStatus.ENABLED);
        first = put("one");
        second = put("two");
        Run.truth("two writes have two version ids", first != null && second != null && !first.equals(second));
        Run.same(listed().stream().map(ObjectVersion::versionId).toList(), List.of(second, first));
        Run.same(listed().stream().map(ObjectVersion::isLatest).toList(), List.of(true, false));
        holds(first, "one");
        holds(second, "two");
        b.holds(KEY, bytes("two"));
    }

    private void deleteMarker() throws Exception {
        turn(BucketVersioningStatus.ENABLED);
        var marked = b.s3.deleteObject(r -> r.bucket(b.bucket).key(KEY));
        Run.same(marked.deleteMarker(), true);
        String marker = marked.versionId();
        Run.truth("the marker has a version id", marker != null);
        b.absent(KEY);
        holds(second, "two");
        Run.refused(405, "MethodNotAllowed", () -> holds(marker, ""));
        b.s3.deleteObject(r -> r.bucket(b.bucket).key(KEY).versionId(marker));
        b.holds(KEY, bytes("two"));
        b.s3.deleteObject(r -> r.bucket(b.bucket).key(KEY).versionId(second));
        Run.refused(404, "NoSuchVersion", () -> holds(second, ""));
        b.holds(KEY, bytes("one"));
    }

    private void suspended() throws Exception {
        turn(BucketVersioningStatus.SUSPENDED);
        put("two");
        String id = put("three");
        Run.truth("the id is null: " + id, id == null || id.equals("null"));
        Run.same(listed().size(), 2);
        holds("null", "three");
        holds(first, "one");
        b.holds(KEY, bytes("three"));
    }
}
