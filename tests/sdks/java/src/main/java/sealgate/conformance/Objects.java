package sealgate.conformance;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.model.CommonPrefix;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.MetadataDirective;
import software.amazon.awssdk.services.s3.model.ObjectIdentifier;
import software.amazon.awssdk.services.s3.model.S3Object;
import software.amazon.awssdk.services.s3.model.ServerSideEncryption;

/** Objects: put, get, ranges, copies, listings, deletes. */
final class Objects {
    private static final byte[] BODY = Run.noise(200_000, 2);

    private Objects() {}

    static void check(Bench b) {
        b.check("put-get-head-delete", () -> putGetHeadDelete(b));
        b.check("range", () -> range(b));
        b.check("copy", () -> copy(b));
        b.check("list-and-delete-objects", () -> listAndDelete(b));
    }

    private static void putGetHeadDelete(Bench b) throws Exception {
        var put =
                b.s3.putObject(
                        r ->
                                r.bucket(b.bucket)
                                        .key("object")
                                        .contentType("text/x-test")
                                        .cacheControl("no-store")
                                        .metadata(Map.of("colour", "blue and  green")),
                        RequestBody.fromBytes(BODY));
        HeadObjectResponse head = b.head("object");
        Run.same(put.eTag(), Run.etag(BODY));
        Run.same(head.eTag(), Run.etag(BODY));
        Run.same(head.contentLength(), (long) BODY.length);
        Run.same(head.contentType(), "text/x-test");
        Run.same(head.cacheControl(), "no-store");
        Run.same(head.metadata(), Map.of("colour", "blue and  green"));
        Run.same(head.serverSideEncryption(), ServerSideEncryption.AES256);
        b.holds("object", BODY);
        b.delete("object");
        b.absent("object");
        Run.refused(404, null, () -> b.head("object"));
        b.put("empty", new byte[0]);
        b.holds("empty", new byte[0]);
    }

    private static void range(Bench b) throws Exception {
        b.put("ranged", BODY);
        for (var expected :
                Map.of(
                                "bytes=0-0", Arrays.copyOfRange(BODY, 0, 1),
                                "bytes=65530-65545", Arrays.copyOfRange(BODY, 65530, 65546),
                                "bytes=199990-", Arrays.copyOfRange(BODY, 199990, BODY.length),
                                "bytes=-7", Arrays.copyOfRange(BODY, BODY.length - 7, BODY.length))
                        .entrySet()) {
            var got = b.s3.getObjectAsBytes(r -> r.bucket(b.bucket).key("ranged").range(expected.getKey()));
            Run.sameBytes(got.asByteArray(), expected.getValue());
            Run.truth(got.response().contentRange(), got.response().contentRange().endsWith("/200000"));
        }
        Run.refused(
                416,
                "InvalidRange",
                () -> b.s3.getObjectAsBytes(r -> r.bucket(b.bucket).key("ranged").range("bytes=200000-")));
    }

    private static void copy(Bench b) throws Exception {
        b.put("a source+", BODY);
        var copied =
                b.s3.copyObject(
                        r ->
                                r.sourceBucket(b.bucket)
                                        .sourceKey("a source+")
                                        .destinationBucket(b.bucket)
                                        .destinationKey("copy")
                                        .metadataDirective(MetadataDirective.REPLACE)
                                        .metadata(Map.of("made", "by copy")));
        Run.same(copied.copyObjectResult().eTag(), Run.etag(BODY));
        Run.same(b.head("copy").metadata(), Map.of("made", "by copy"));
        b.holds("copy", BODY);
    }

    private static void listAndDelete(Bench b) {
        List<String> want = IntStream.range(0, 5).mapToObj(number -> "list/" + number).toList();
        List<String> all = Stream.concat(want.stream(), Stream.of("list/below/x")).toList();
        all.forEach(key -> b.put(key, new byte[1]));
        List<String> got = new ArrayList<>();
        List<String> prefixes = new ArrayList<>();
        int pages = 0;
        for (var page : b.s3.listObjectsV2Paginator(r -> r.bucket(b.bucket).prefix("list/").delimiter("/").maxKeys(2))) {
            pages++;
            page.contents().stream().map(S3Object::key).forEach(got::add);
            page.commonPrefixes().stream().map(CommonPrefix::prefix).forEach(prefixes::add);
        }
        Run.same(got, want);
        Run.same(prefixes, List.of("list/below/"));
        Run.same(pages, 3);
        var identifiers = all.stream().map(key -> ObjectIdentifier.builder().key(key).build()).toList();
        var deleted = b.s3.deleteObjects(r -> r.bucket(b.bucket).delete(d -> d.objects(identifiers)));
        Run.same(deleted.deleted().size(), 6);
        Run.same(deleted.errors().size(), 0);
        Run.same(b.s3.listObjectsV2(r -> r.bucket(b.bucket).prefix("list/")).keyCount(), 0);
    }
}
