package sealgate.conformance;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import software.amazon.awssdk.awscore.presigner.PresignedRequest;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;

/** URLs for a client that has no credentials. */
final class Presigned {
    private static final String KEY = "presigned/a b+c//d%2Fé";
    private static final Duration VALID = Duration.ofMinutes(5);

    private Presigned() {}

    private static HttpResponse<String> send(Bench b, PresignedRequest signed, String url, String body) throws Exception {
        HttpClient client =
                HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).sslContext(b.env.tls).build();
        HttpRequest.Builder request =
                HttpRequest.newBuilder(URI.create(url))
                        .method(
                                signed.httpRequest().method().name(),
                                body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
        signed.signedHeaders()
                .forEach(
                        (name, values) -> {
                            // Both are the client's own.
                            if (!name.equalsIgnoreCase("host") && !name.equalsIgnoreCase("content-length")) {
                                values.forEach(value -> request.header(name, value));
                            }
                        });
        return client.send(request.build(), BodyHandlers.ofString());
    }

    static void check(Bench b) {
        try (S3Presigner signer = S3Presigner.builder().endpointOverride(b.env.endpoint(b.scheme)).build()) {
            b.check(
                    "presigned-put",
                    () -> {
                        var signed =
                                signer.presignPutObject(
                                        p ->
                                                p.signatureDuration(VALID)
                                                        .putObjectRequest(r -> r.bucket(b.bucket).key(KEY)));
                        var answer = send(b, signed, signed.url().toString(), "by URL");
                        Run.truth(answer.body(), answer.statusCode() == 200);
                        b.holds(KEY, "by URL".getBytes(StandardCharsets.UTF_8));
                    });
            b.check(
                    "presigned-get",
                    () -> {
                        var signed =
                                signer.presignGetObject(
                                        p ->
                                                p.signatureDuration(VALID)
                                                        .getObjectRequest(
                                                                r ->
                                                                        r.bucket(b.bucket)
                                                                                .key(KEY)
                                                                                .responseContentType("text/x-own")));
                        var answer = send(b, signed, signed.url().toString(), null);
                        Run.same(answer.body(), "by URL");
                        Run.same(answer.headers().firstValue("content-type").orElse(""), "text/x-own");
                    });
            b.check(
                    "presigned-altered-is-refused",
                    () -> {
                        var signed =
                                signer.presignGetObject(
                                        p ->
                                                p.signatureDuration(VALID)
                                                        .getObjectRequest(r -> r.bucket(b.bucket).key(KEY)));
                        String altered = signed.url().toString().replace("presigned", "presignee");
                        var answer = send(b, signed, altered, null);
                        Run.same(answer.statusCode(), 403);
                        Run.truth(answer.body(), answer.body().contains("SignatureDoesNotMatch"));
                    });
        }
    }
}
