package sealgate.conformance;

import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import java.util.concurrent.CompletionException;
import software.amazon.awssdk.awscore.exception.AwsServiceException;

/** How checks are run and told: {@code ok NAME}, {@code FAILED NAME: why}, {@code skipped NAME: why}. */
final class Run {
    /** A check, or a call that may be refused. */
    interface Body {
        void run() throws Exception;
    }

    /** The endpoint does not have what a check is about. */
    static final class NotThere extends Exception {
        private static final long serialVersionUID = 1;

        NotThere(String why) {
            super(why);
        }
    }

    private int passed;
    private int failed;
    private int skipped;

    void check(String name, Body body) {
        try {
            body.run();
            passed++;
            System.out.println("ok " + name);
        } catch (NotThere absent) {
            skipped++;
            System.out.println("skipped " + name + ": " + absent.getMessage());
        } catch (Exception | AssertionError error) {
            failed++;
            System.out.println("FAILED " + name + ": " + error.toString().replaceAll("\\s+", " "));
        }
    }

    int summary() {
        System.out.printf("java: %d passed, %d failed, %d skipped%n", passed, failed, skipped);
        return failed > 0 || passed == 0 ? 1 : 0;
    }

    /** Wants an error with this status and code (null: any), whose message has these words. */
    static void refused(int status, String code, Body body, String... words) throws Exception {
        AwsServiceException refusal = null;
        try {
            body.run();
        } catch (AwsServiceException error) {
            refusal = error;
        } catch (CompletionException error) {
            if (!(error.getCause() instanceof AwsServiceException cause)) {
                throw error;
            }
            refusal = cause;
        }
        if (refusal == null) {
            throw new AssertionError("was answered, not refused with " + code);
        }
        String told = refusal.statusCode() + " " + refusal.getMessage();
        truth(status + " " + code + " expected: " + told, refusal.statusCode() == status);
        truth(code + " expected: " + told, code == null || code.equals(refusal.awsErrorDetails().errorCode()));
        for (String word : words) {
            truth(word + " expected in: " + told, told.contains(word));
        }
    }

    static void truth(String what, boolean holds) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    static void same(Object got, Object want) {
        truth(got + " is not " + want, want.equals(got));
    }

    /** Compares without printing a large body. */
    static void sameBytes(byte[] got, byte[] want) {
        truth(got.length + " bytes that are not the " + want.length + " expected", Arrays.equals(got, want));
    }

    /** Bytes that look like none others, the same ones for the same seed. */
    static byte[] noise(int length, long seed) {
        byte[] made = new byte[length];
        new Random(seed).nextBytes(made);
        return made;
    }

    static byte[] digest(String algorithm, byte[] of) throws Exception {
        return MessageDigest.getInstance(algorithm).digest(of);
    }

    static String etag(byte[] body) throws Exception {
        return '"' + HexFormat.of().formatHex(digest("MD5", body)) + '"';
    }
}
