//! The story of a key: who administers it, who uses it, who may not, and what the trail says of each.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, GrantConstraints, GrantOperation, KeyState, RotationType};
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use serde_json::{Value, json};

use crate::environment::{Environment, User, read};
use crate::run::{Run, noise, refused, same, same_bytes};

const ADMINISTRATION: [&str; 11] = [
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
    "kms:RevokeGrant",
];
const USE: [&str; 5] = [
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncrypt*",
    "kms:GenerateDataKey*",
    "kms:DescribeKey",
];
const BUCKET: &str = "rust-story";
const ALIAS: &str = "alias/rust-story";

fn allow(sid: &str, who: &User, actions: &[&str]) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Principal": {"AWS": who.arn}, "Action": actions, "Resource": "*"})
}

/// The key of the story, and what was stored under it.
struct Story<'a> {
    env: &'a Environment,
    plain: Vec<u8>,
    key: String,
    grant: String,
}

impl Story<'_> {
    fn ada(&self) -> &aws_sdk_kms::Client {
        &self.env.ada.kms
    }

    async fn write(&self, who: &User, name: &str) -> Result<()> {
        let put = who.s3.put_object().bucket(BUCKET).key(name);
        let put = put
            .body(ByteStream::from(self.plain.clone()))
            .server_side_encryption(ServerSideEncryption::AwsKms)
            .ssekms_key_id(&self.key)
            .send()
            .await?;
        same(
            put.server_side_encryption(),
            Some(&ServerSideEncryption::AwsKms),
        )?;
        same(put.ssekms_key_id(), Some(self.key.as_str()))
    }

    async fn get(
        &self,
        who: &User,
        name: &str,
    ) -> Result<GetObjectOutput, SdkError<GetObjectError>> {
        who.s3.get_object().bucket(BUCKET).key(name).send().await
    }

    async fn read(&self, who: &User, name: &str) -> Result<()> {
        same_bytes(read(self.get(who, name).await?).await?, &self.plain)
    }

    async fn not_read(
        &self,
        who: &User,
        name: &str,
        status: u16,
        code: &str,
        words: &[&str],
    ) -> Result<()> {
        refused(self.get(who, name).await, status, Some(code), words)
    }

    async fn create_key(&mut self) -> Result<()> {
        let statements = [
            allow("Administrators", &self.env.ada, &ADMINISTRATION),
            allow("Users", &self.env.alice, &USE),
        ];
        let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let made = self.ada().create_key().policy(policy).send().await?;
        self.key = made
            .key_metadata()
            .and_then(|key| key.arn())
            .context("an ARN")?
            .to_owned();
        self.ada()
            .create_alias()
            .alias_name(ALIAS)
            .target_key_id(&self.key)
            .send()
            .await?;
        let seen = self
            .env
            .alice
            .kms
            .describe_key()
            .key_id(ALIAS)
            .send()
            .await?;
        same(
            seen.key_metadata().and_then(|key| key.arn()),
            Some(self.key.as_str()),
        )
    }

    async fn alice_writes_and_reads(&self) -> Result<()> {
        let owner = aws_sdk_s3::Client::new(&self.env.config);
        owner.create_bucket().bucket(BUCKET).send().await?;
        self.write(&self.env.alice, "one").await?;
        self.write(&self.env.alice, "two").await?;
        self.read(&self.env.alice, "one").await
    }

    /// She administers; she does not read.
    async fn administrator_is_refused(&self) -> Result<()> {
        let asked = self
            .ada()
            .generate_data_key()
            .key_id(&self.key)
            .key_spec(DataKeySpec::Aes256);
        refused(
            asked.send().await,
            400,
            Some("AccessDeniedException"),
            &["kms:GenerateDataKey"],
        )?;
        self.not_read(&self.env.ada, "one", 403, "AccessDenied", &["kms:Decrypt"])
            .await
    }

    async fn grant_for_one_context(&mut self) -> Result<()> {
        let arn = format!("arn:aws:s3:::{BUCKET}/one");
        let constraints = GrantConstraints::builder()
            .encryption_context_subset("aws:s3:arn", arn)
            .build();
        let made = self
            .ada()
            .create_grant()
            .key_id(&self.key)
            .grantee_principal(&self.env.bob.arn)
            .operations(GrantOperation::Decrypt)
            .constraints(constraints)
            .send()
            .await?;
        self.grant = made.grant_id().context("a grant id")?.to_owned();
        self.read(&self.env.bob, "one").await?;
        self.not_read(&self.env.bob, "two", 403, "AccessDenied", &[])
            .await?;
        let listed = self.ada().list_grants().key_id(&self.key).send().await?;
        let listed: Vec<_> = listed
            .grants()
            .iter()
            .filter_map(|grant| grant.grant_id())
            .collect();
        same(listed, [self.grant.as_str()])
    }

    async fn rotation_keeps_all_readable(&self) -> Result<()> {
        let alice = &self.env.alice.kms;
        let old = alice
            .encrypt()
            .key_id(&self.key)
            .plaintext(Blob::new("before"));
        let old = old.encryption_context("purpose", "story").send().await?;
        self.ada()
            .rotate_key_on_demand()
            .key_id(&self.key)
            .send()
            .await?;
        let opened = alice.decrypt().set_ciphertext_blob(old.ciphertext_blob);
        let opened = opened.encryption_context("purpose", "story").send().await?;
        same(opened.plaintext(), Some(&Blob::new("before")))?;
        let listed = self
            .ada()
            .list_key_rotations()
            .key_id(&self.key)
            .send()
            .await?;
        let kinds: Vec<_> = listed
            .rotations()
            .iter()
            .filter_map(|rotation| rotation.rotation_type())
            .collect();
        same(kinds, [&RotationType::OnDemand])?;
        self.read(&self.env.alice, "two").await?;
        self.read(&self.env.bob, "one").await?;
        self.write(&self.env.alice, "three").await?;
        self.read(&self.env.alice, "three").await
    }

    async fn revoked_grant(&self) -> Result<()> {
        self.ada()
            .revoke_grant()
            .key_id(&self.key)
            .grant_id(&self.grant)
            .send()
            .await?;
        self.not_read(&self.env.bob, "one", 403, "AccessDenied", &["kms:Decrypt"])
            .await
    }

    /// Neither the KMS nor S3 uses the key; each says so with a code of its own.
    async fn unusable(&self, kms: &str, s3: &str) -> Result<()> {
        let encrypt = self
            .env
            .alice
            .kms
            .encrypt()
            .key_id(&self.key)
            .plaintext(Blob::new("x"));
        refused(encrypt.send().await, 400, Some(kms), &[])?;
        self.not_read(&self.env.alice, "one", 400, s3, &[]).await
    }

    async fn disabled(&self) -> Result<()> {
        self.ada().disable_key().key_id(&self.key).send().await?;
        let outcome = self
            .unusable("DisabledException", "KMS.DisabledException")
            .await;
        self.ada().enable_key().key_id(&self.key).send().await?;
        outcome?;
        self.read(&self.env.alice, "one").await
    }

    async fn deletion_scheduled_and_cancelled(&self) -> Result<()> {
        let schedule = self.ada().schedule_key_deletion().key_id(&self.key);
        let scheduled = schedule.pending_window_in_days(7).send().await?;
        let outcome = self
            .unusable("KMSInvalidStateException", "KMS.KMSInvalidStateException")
            .await;
        self.ada()
            .cancel_key_deletion()
            .key_id(&self.key)
            .send()
            .await?;
        self.ada().enable_key().key_id(&self.key).send().await?;
        outcome?;
        same(scheduled.key_state(), Some(&KeyState::PendingDeletion))?;
        let date = SystemTime::try_from(*scheduled.deletion_date().context("a date")?)?;
        ensure!(
            date > SystemTime::now(),
            "the date of deletion is in the future"
        );
        self.read(&self.env.alice, "one").await
    }

    /// Wants a record of the event: who, which key, and how it ended. Uses of keys by S3 are on record within a
    /// second, so it asks again for a while.
    async fn told(&self, event: &str, who: &User, outcome: Option<&str>) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        let tells = |record: &Value| {
            let resources = record["resources"].as_array();
            record["userIdentity"]["arn"] == who.arn.as_str()
                && record["errorCode"].as_str() == outcome
                && resources.is_some_and(|all| {
                    all.iter()
                        .any(|resource| resource["ARN"] == self.key.as_str())
                })
        };
        loop {
            let attribute = LookupAttribute::builder()
                .attribute_key(LookupAttributeKey::EventName)
                .attribute_value(event)
                .build()?;
            let lookup = self.env.trail.lookup_events().lookup_attributes(attribute);
            let mut events = lookup.into_paginator().items().send();
            while let Some(found) = events.next().await {
                let found = found?;
                if tells(&serde_json::from_str(
                    found.cloud_trail_event().unwrap_or_default(),
                )?) {
                    return Ok(());
                }
            }
            ensure!(Instant::now() < deadline, "no such record");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

pub async fn tell(run: &Run, env: &Environment) {
    let mut story = Story {
        env,
        plain: noise(100_000, 1),
        key: String::new(),
        grant: String::new(),
    };
    run.check("story/create-key", story.create_key()).await;
    run.check(
        "story/alice-writes-and-reads",
        story.alice_writes_and_reads(),
    )
    .await;
    let refusal = story.not_read(&env.bob, "one", 403, "AccessDenied", &["kms:Decrypt"]);
    run.check("story/bob-with-full-s3-is-refused", refusal)
        .await;
    run.check(
        "story/administrator-is-refused",
        story.administrator_is_refused(),
    )
    .await;
    run.check("story/grant-for-one-context", story.grant_for_one_context())
        .await;
    run.check(
        "story/rotation-keeps-all-readable",
        story.rotation_keeps_all_readable(),
    )
    .await;
    run.check("story/revoked-grant", story.revoked_grant())
        .await;
    run.check("story/disabled", story.disabled()).await;
    run.check(
        "story/deletion-scheduled-and-cancelled",
        story.deletion_scheduled_and_cancelled(),
    )
    .await;
    for (event, who, error) in [
        ("CreateKey", &env.ada, None),
        ("GenerateDataKey", &env.alice, None),
        ("Decrypt", &env.alice, None),
        ("Decrypt", &env.bob, Some("AccessDeniedException")),
        ("CreateGrant", &env.ada, None),
        ("Decrypt", &env.bob, None),
        ("RotateKeyOnDemand", &env.ada, None),
        ("RevokeGrant", &env.ada, None),
        ("DisableKey", &env.ada, None),
        ("Decrypt", &env.alice, Some("DisabledException")),
        ("ScheduleKeyDeletion", &env.ada, None),
        ("CancelKeyDeletion", &env.ada, None),
    ] {
        let outcome = error.map(|error| format!("-{error}")).unwrap_or_default();
        let name = format!("story/trail-tells-{event}-by-{}{outcome}", who.name);
        run.check(name, story.told(event, who, error)).await;
    }
}
