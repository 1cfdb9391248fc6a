package sealgate.conformance;

import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.http.SdkHttpClient;
import software.amazon.awssdk.http.apache5.Apache5HttpClient;
import software.amazon.awssdk.http.async.SdkAsyncHttpClient;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.services.cloudtrail.CloudTrailClient;
import software.amazon.awssdk.services.kms.KmsClient;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3ClientBuilder;

/**
 * Who the checks act as, and their clients. The account's owner and the endpoint come from the SDK's own environment
 * variables, the other users from CONFORMANCE_…; this SDK does not read AWS_CA_BUNDLE, so that is done here.
 */
final class Environment {
    /** Somebody with an access key. */
    record User(String name, String arn, AwsCredentialsProvider credentials) {}

    final URI https = URI.create(variable("AWS_ENDPOINT_URL"));
    final URI http = URI.create(variable("CONFORMANCE_HTTP_URL"));
    final User ada = user("CONFORMANCE_ADA");
    final User alice = user("CONFORMANCE_ALICE");
    final User bob = user("CONFORMANCE_BOB");
    final User owner = new User("owner", "", DefaultCredentialsProvider.builder().build());
    final SdkHttpClient client;
    final SdkAsyncHttpClient asyncClient;
    final SSLContext tls;

    Environment() throws Exception {
        TrustManagerFactory trust = trust(Path.of(variable("AWS_CA_BUNDLE")));
        client = Apache5HttpClient.builder().tlsTrustManagersProvider(trust::getTrustManagers).build();
        asyncClient = NettyNioAsyncHttpClient.builder().tlsTrustManagersProvider(trust::getTrustManagers).build();
        tls = SSLContext.getInstance("TLS");
        tls.init(null, trust.getTrustManagers(), null);
    }

    private static TrustManagerFactory trust(Path bundle) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream pem = Files.newInputStream(bundle)) {
            for (Certificate certificate : CertificateFactory.getInstance("X.509").generateCertificates(pem)) {
                store.setCertificateEntry("authority-" + store.size(), certificate);
            }
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        return trust;
    }

    private static String variable(String name) {
        String value = System.getenv(name);
        if (value == null || value.isEmpty()) {
            System.err.println(name + " is not set; see ../README.md");
            System.exit(2);
        }
        return value;
    }

    /** A user from {@code ACCESS_KEY SECRET ARN}. */
    private static User user(String variable) {
        String[] words = variable(variable).split(" ");
        String name = words[2].substring(words[2].indexOf('/') + 1);
        return new User(name, words[2], StaticCredentialsProvider.create(AwsBasicCredentials.create(words[0], words[1])));
    }

    URI endpoint(String scheme) {
        return scheme.equals("http") ? http : https;
    }

    KmsClient kms(User who) {
        return KmsClient.builder().httpClient(client).credentialsProvider(who.credentials()).build();
    }

    CloudTrailClient trail() {
        return CloudTrailClient.builder().httpClient(client).build();
    }

    S3Client s3(User who) {
        return S3Client.builder().httpClient(client).credentialsProvider(who.credentials()).build();
    }

    S3ClientBuilder s3Builder(String scheme) {
        S3ClientBuilder builder = S3Client.builder().httpClient(client);
        return scheme.equals("http") ? builder.endpointOverride(http) : builder;
    }

    S3Client s3(String scheme) {
        return s3Builder(scheme).build();
    }
}
