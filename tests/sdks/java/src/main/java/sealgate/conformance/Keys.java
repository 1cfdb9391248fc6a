package sealgate.conformance;

import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Map;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kms.KmsClient;
import software.amazon.awssdk.services.kms.model.DataKeySpec;
import software.amazon.awssdk.services.kms.model.KeySpec;
import software.amazon.awssdk.services.kms.model.KeyUsageType;
import software.amazon.awssdk.services.kms.model.MessageType;
import software.amazon.awssdk.services.kms.model.SigningAlgorithmSpec;

/** Keys used directly: data keys, and signatures that Java's own library verifies. */
final class Keys {
    private Keys() {}

    static void check(Run run, Environment env) {
        KmsClient kms = env.kms(env.owner);

        run.check(
                "kms/data-key",
                () -> {
                    String id = kms.createKey().keyMetadata().keyId();
                    Map<String, String> one = Map.of("tenant", "one");
                    var made = kms.generateDataKey(r -> r.keyId(id).keySpec(DataKeySpec.AES_256).encryptionContext(one));
                    var opened = kms.decrypt(r -> r.ciphertextBlob(made.ciphertextBlob()).encryptionContext(one));
                    Run.same(made.plaintext().asByteArray().length, 32);
                    Run.same(opened.plaintext(), made.plaintext());
                    Map<String, String> two = Map.of("tenant", "two");
                    Run.refused(
                            400,
                            "InvalidCiphertextException",
                            () -> kms.decrypt(r -> r.ciphertextBlob(made.ciphertextBlob()).encryptionContext(two)));
                });

        var pss = new PSSParameterSpec("SHA-256", "MGF1", MGF1ParameterSpec.SHA256, 32, 1);
        run.check(
                "kms/rsa-signature",
                () -> sign(kms, KeySpec.RSA_2048, SigningAlgorithmSpec.RSASSA_PSS_SHA_256, "RSA", "RSASSA-PSS", pss));
        run.check(
                "kms/ec-signature",
                () -> sign(kms, KeySpec.ECC_NIST_P256, SigningAlgorithmSpec.ECDSA_SHA_256, "EC", "SHA256withECDSA", null));
    }

    private static void sign(
            KmsClient kms,
            KeySpec spec,
            SigningAlgorithmSpec algorithm,
            String kind,
            String name,
            AlgorithmParameterSpec parameters)
            throws Exception {
        String id = kms.createKey(r -> r.keySpec(spec).keyUsage(KeyUsageType.SIGN_VERIFY)).keyMetadata().keyId();
        SdkBytes message = SdkBytes.fromUtf8String("a message");
        SdkBytes signature = kms.sign(r -> r.keyId(id).message(message).signingAlgorithm(algorithm)).signature();

        byte[] encoded = kms.getPublicKey(r -> r.keyId(id)).publicKey().asByteArray();
        PublicKey key = KeyFactory.getInstance(kind).generatePublic(new X509EncodedKeySpec(encoded));
        Signature verifier = Signature.getInstance(name);
        if (parameters != null) {
            verifier.setParameter(parameters);
        }
        verifier.initVerify(key);
        verifier.update(message.asByteArray());
        Run.truth("Java verifies the signature", verifier.verify(signature.asByteArray()));

        SdkBytes digest = SdkBytes.fromByteArray(Run.digest("SHA-256", message.asByteArray()));
        var verified =
                kms.verify(
                        r ->
                                r.keyId(id)
                                        .message(digest)
                                        .messageType(MessageType.DIGEST)
                                        .signature(signature)
                                        .signingAlgorithm(algorithm));
        Run.truth("the signature is valid", verified.signatureValid());
        SdkBytes altered = SdkBytes.fromUtf8String("A message");
        Run.refused(
                400,
                "KMSInvalidSignatureException",
                () -> kms.verify(r -> r.keyId(id).message(altered).signature(signature).signingAlgorithm(algorithm)));
    }
}
