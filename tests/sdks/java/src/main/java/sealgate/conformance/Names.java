package sealgate.conformance;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import software.amazon.awssdk.services.s3.model.S3Object;

/** Keys that a client or a gateway may spell in another way than the other. */
final class Names {
    private static final Map<String, String> KEYS =
            Map.of(
                    "double-slash", "names/a//b",
                    "leading-slash", "/names/a",
                    "only-slashes", "names///",
                    "plus", "names/a+b",
                    "escape", "names/a%2Fb",
                    "space", "names/a b  c",
                    "unicode", "names/é日本🦀",
                    "marks", "names/~!*'();:@&=$,?#[]",
                    "dots", "names/a/../b/./c",
                    "backslash", "names/a\\b|c\"<>^{}`");

    private Names() {}

    static void check(Bench b) {
        KEYS.forEach((name, key) -> b.check("key-" + name, () -> roundTrip(b, key)));
    }

    private static void roundTrip(Bench b, String key) throws Exception {
        byte[] body = key.getBytes(StandardCharsets.UTF_8);
        b.put(key, body);
        b.holds(key, body);
        var listed = b.s3.listObjectsV2(r -> r.bucket(b.bucket).prefix(key)).contents();
        Run.same(listed.stream().map(S3Object::key).toList(), List.of(key));
        b.delete(key);
        b.absent(key);
    }
}
