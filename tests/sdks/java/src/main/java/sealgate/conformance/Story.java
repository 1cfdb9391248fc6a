package sealgate.conformance;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import sealgate.conformance.Environment.User;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.protocols.jsoncore.JsonNode;
import software.amazon.awssdk.services.cloudtrail.model.Event;
import software.amazon.awssdk.services.cloudtrail.model.LookupAttribute;
import software.amazon.awssdk.services.cloudtrail.model.LookupAttributeKey;
import software.amazon.awssdk.services.kms.KmsClient;
import software.amazon.awssdk.services.kms.model.DataKeySpec;
import software.amazon.awssdk.services.kms.model.GrantListEntry;
import software.amazon.awssdk.services.kms.model.GrantOperation;
import software.amazon.awssdk.services.kms.model.KeyState;
import software.amazon.awssdk.services.kms.model.RotationType;
import software.amazon.awssdk.services.kms.model.RotationsListEntry;
import software.amazon.awssdk.services.s3.model.PutObjectResponse;
import software.amazon.awssdk.services.s3.model.ServerSideEncryption;

/** The story of a key: who administers it, who uses it, who may not, and what the trail says of each. */
final class Story {
    private static final List<String> ADMINISTRATION =
            List.of(
                    "kms:Create*",
                    "kms:Describe*",
                    "kms:Enable*",
                    "kms:List*",
                    "kms:Put*",
                    "kms:Get*",
                    "kms:Disable*",
                    "kms:RotateKeyOnDemand",
                    "kms:ScheduleKeyDeletion",
                    "kms:CancelKeyDeletion",
                    "kms:RevokeGrant");
    private static final List<String> USE =
            List.of("kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey");
    private static final String BUCKET = "java-story";

    private final Run run;
    private final Environment env;
    private final KmsClient ada;
    private final KmsClient alice;
    private final byte[] plain = Run.noise(100_000, 1);
    private String key;
    private String grant;

    Story(Run run, Environment env) {
        this.run = run;
        this.env = env;
        ada = env.kms(env.ada);
        alice = env.kms(env.alice);
    }

    void tell() {
        run.check("story/create-key", this::createKey);
        run.check("story/alice-writes-and-reads", this::aliceWritesAndReads);
        run.check("story/bob-with-full-s3-is-refused", () -> notRead(env.bob, "one", 403, "AccessDenied", "kms:Decrypt"));
        run.check("story/administrator-is-refused", this::administratorIsRefused);
        run.check("story/grant-for-one-context", this::grantForOneContext);
        run.check("story/rotation-keeps-all-readable", this::rotationKeepsAllReadable);
        run.check("story/revoked-grant", this::revokedGrant);
        run.check("story/disabled", this::disabled);
        run.check("story/deletion-scheduled-and-cancelled", this::deletionScheduledAndCancelled);
        told("CreateKey", env.ada, null);
        told("GenerateDataKey", env.alice, null);
        told("Decrypt", env.alice, null);
        told("Decrypt", env.bob, "AccessDeniedException");
        told("CreateGrant", env.ada, null);
        told("Decrypt", env.bob, null);
        told("RotateKeyOnDemand", env.ada, null);
        told("RevokeGrant", env.ada, null);
        told("DisableKey", env.ada, null);
        told("Decrypt", env.alice, "DisabledException");
        told("ScheduleKeyDeletion", env.ada, null);
        told("CancelKeyDeletion", env.ada, null);
    }

    private static String allow(String sid, User who, List<String> actions) {
        String words = actions.stream().map(action -> '"' + action + '"').collect(Collectors.joining(","));
        return """
               {"Sid":"%s","Effect":"Allow","Principal":{"AWS":"%s"},"Action":[%s],"Resource":"*"}"""
                .formatted(sid, who.arn(), words);
    }

    private void write(User who, String name) {
        PutObjectResponse put =
                env.s3(who)
                        .putObject(
                                r ->
                                        r.bucket(BUCKET)
                                                .key(name)
                                                .serverSideEncryption(ServerSideEncryption.AWS_KMS)
                                                .ssekmsKeyId(key),
                                RequestBody.fromBytes(plain));
        Run.same(put.serverSideEncryption(), ServerSideEncryption.AWS_KMS);
        Run.same(put.ssekmsKeyId(), key);
    }

    private byte[] get(User who, String name) {
        return env.s3(who).getObjectAsBytes(r -> r.bucket(BUCKET).key(name)).asByteArray();
    }

    private void read(User who, String name) {
        Run.sameBytes(get(who, name), plain);
    }

    private void notRead(User who, String name, int status, String code, String... words) throws Exception {
        Run.refused(status, code, () -> get(who, name), words);
    }

    private void createKey() {
        String policy =
                "{\"Version\":\"2012-10-17\",\"Statement\":["
                        + allow("Administrators", env.ada, ADMINISTRATION)
                        + ","
                        + allow("Users", env.alice, USE)
                        + "]}";
        key = ada.createKey(r -> r.policy(policy)).keyMetadata().arn();
        ada.createAlias(r -> r.aliasName("alias/java-story").targetKeyId(key));
        Run.same(alice.describeKey(r -> r.keyId("alias/java-story")).keyMetadata().arn(), key);
    }

    private void aliceWritesAndReads() {
        env.s3(env.owner).createBucket(r -> r.bucket(BUCKET));
        write(env.alice, "one");
        write(env.alice, "two");
        read(env.alice, "one");
    }

    /** She administers; she does not read. */
    private void administratorIsRefused() throws Exception {
        Run.refused(
                400,
                "AccessDeniedException",
                () -> ada.generateDataKey(r -> r.keyId(key).keySpec(DataKeySpec.AES_256)),
                "kms:GenerateDataKey");
        notRead(env.ada, "one", 403, "AccessDenied", "kms:Decrypt");
    }

    private void grantForOneContext() throws Exception {
        Map<String, String> context = Map.of("aws:s3:arn", "arn:aws:s3:::" + BUCKET + "/one");
        grant =
                ada.createGrant(
                                r ->
                                        r.keyId(key)
                                                .granteePrincipal(env.bob.arn())
                                                .operations(GrantOperation.DECRYPT)
                                                .constraints(c -> c.encryptionContextSubset(context)))
                        .grantId();
        read(env.bob, "one");
        notRead(env.bob, "two", 403, "AccessDenied");
        List<String> listed = ada.listGrants(r -> r.keyId(key)).grants().stream().map(GrantListEntry::grantId).toList();
        Run.same(listed, List.of(grant));
    }

    private void rotationKeepsAllReadable() {
        Map<String, String> context = Map.of("purpose", "story");
        SdkBytes before = SdkBytes.fromUtf8String("before");
        SdkBytes old =
                alice.encrypt(r -> r.keyId(key).plaintext(before).encryptionContext(context)).ciphertextBlob();
        ada.rotateKeyOnDemand(r -> r.keyId(key));
        Run.same(alice.decrypt(r -> r.ciphertextBlob(old).encryptionContext(context)).plaintext(), before);
        List<RotationType> rotations =
                ada.listKeyRotations(r -> r.keyId(key)).rotations().stream()
                        .map(RotationsListEntry::rotationType)
                        .toList();
        Run.same(rotations, List.of(RotationType.ON_DEMAND));
        read(env.alice, "two");
        read(env.bob, "one");
        write(env.alice, "three");
        read(env.alice, "three");
    }

    private void revokedGrant() throws Exception {
        ada.revokeGrant(r -> r.keyId(key).grantId(grant));
        notRead(env.bob, "one", 403, "AccessDenied", "kms:Decrypt");
    }

    private void encrypt() {
        alice.encrypt(r -> r.keyId(key).plaintext(SdkBytes.fromUtf8String("x")));
    }

    private void disabled() throws Exception {
        ada.disableKey(r -> r.keyId(key));
        try {
            Run.refused(400, "DisabledException", this::encrypt);
            notRead(env.alice, "one", 400, "KMS.DisabledException");
        } finally {
            ada.enableKey(r -> r.keyId(key));
        }
        read(env.alice, "one");
    }

    private void deletionScheduledAndCancelled() throws Exception {
        var scheduled = ada.scheduleKeyDeletion(r -> r.keyId(key).pendingWindowInDays(7));
        try {
            Run.same(scheduled.keyState(), KeyState.PENDING_DELETION);
            Run.truth("the date of deletion is in the future", scheduled.deletionDate().isAfter(Instant.now()));
            Run.refused(400, "KMSInvalidStateException", this::encrypt);
            notRead(env.alice, "one", 400, "KMS.KMSInvalidStateException");
        } finally {
            ada.cancelKeyDeletion(r -> r.keyId(key));
            ada.enableKey(r -> r.keyId(key));
        }
        read(env.alice, "one");
    }

    /**
     * Wants a record of the event: who, which key, and how it ended. Uses of keys by S3 are on record within a second,
     * so it asks again for a while.
     */
    private void told(String event, User who, String error) {
        String outcome = error == null ? "" : "-" + error;
        run.check(
                "story/trail-tells-" + event + "-by-" + who.name() + outcome,
                () -> {
                    Instant deadline = Instant.now().plusSeconds(20);
                    while (!events(event).anyMatch(record -> tells(record, who, error))) {
                        Run.truth("no such record", Instant.now().isBefore(deadline));
                        Thread.sleep(100);
                    }
                });
    }

    private Stream<JsonNode> events(String name) {
        LookupAttribute attribute =
                LookupAttribute.builder().attributeKey(LookupAttributeKey.EVENT_NAME).attributeValue(name).build();
        return env.trail().lookupEventsPaginator(r -> r.lookupAttributes(attribute)).events().stream()
                .map(Event::cloudTrailEvent)
                .map(JsonNode.parser()::parse);
    }

    private boolean tells(JsonNode record, User who, String error) {
        String outcome = record.field("errorCode").map(JsonNode::text).orElse(null);
        String arn = record.field("userIdentity").flatMap(identity -> identity.field("arn")).map(JsonNode::text).orElse("");
        boolean about =
                record.field("resources").filter(JsonNode::isArray).map(JsonNode::asArray).orElse(List.of()).stream()
                        .flatMap(resource -> resource.field("ARN").stream())
                        .anyMatch(found -> key.equals(found.text()));
        return about && arn.equals(who.arn()) && java.util.Objects.equals(outcome, error);
    }
}
