//! Who the checks act as, and their clients. The account's owner and the endpoint come from the SDK's own
//! environment variables, the other users from `CONFORMANCE_…`; this SDK does not read `AWS_CA_BUNDLE`, so that is
//! done here.

use std::env;

use anyhow::{Context as _, Result};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::config::Credentials;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::operation::head_object::{HeadObjectError, HeadObjectOutput};
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumMode;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

use crate::run::{Run, refused, same_bytes};

/// Somebody with an access key.
pub struct User {
    pub name: String,
    pub arn: String,
    pub s3: aws_sdk_s3::Client,
    pub kms: aws_sdk_kms::Client,
}

/// The endpoint and the users of it. The clients here act as the account's owner.
pub struct Environment {
    pub config: SdkConfig,
    http: String,
    /// The endpoint's authority, in PEM.
    pub authority: Vec<u8>,
    pub ada: User,
    pub alice: User,
    pub bob: User,
    pub kms: aws_sdk_kms::Client,
    pub trail: aws_sdk_cloudtrail::Client,
}

impl Environment {
    pub async fn load() -> Result<Self> {
        let bundle = variable("AWS_CA_BUNDLE")?;
        let authority = std::fs::read(&bundle).context(bundle)?;
        let trust = TrustStore::empty().with_pem_certificate(authority.clone());
        let client = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(TlsContext::builder().with_trust_store(trust).build()?)
            .build_https();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(client)
            .load()
            .await;
        Ok(Self {
            http: variable("CONFORMANCE_HTTP_URL")?,
            authority,
            ada: user(&config, "CONFORMANCE_ADA")?,
            alice: user(&config, "CONFORMANCE_ALICE")?,
            bob: user(&config, "CONFORMANCE_BOB")?,
            kms: aws_sdk_kms::Client::new(&config),
            trail: aws_sdk_cloudtrail::Client::new(&config),
            config,
        })
    }

    /// What a client of S3 over one scheme is made from.
    pub fn s3_config(&self, scheme: &str) -> aws_sdk_s3::config::Builder {
        let builder = aws_sdk_s3::config::Builder::from(&self.config);
        if scheme == "http" {
            builder.endpoint_url(&self.http)
        } else {
            builder
        }
    }
}

fn variable(name: &str) -> Result<String> {
    env::var(name).with_context(|| format!("{name}; see ../README.md"))
}

/// A user from `ACCESS_KEY SECRET ARN`.
fn user(config: &SdkConfig, name: &str) -> Result<User> {
    let words = variable(name)?;
    let mut words = words.split_whitespace();
    let mut word = || words.next().with_context(|| format!("{name} is too short"));
    let credentials = Credentials::new(word()?, word()?, None, None, "conformance");
    let arn = word()?;
    let s3 = aws_sdk_s3::config::Builder::from(config).credentials_provider(credentials.clone());
    let kms = aws_sdk_kms::config::Builder::from(config).credentials_provider(credentials);
    Ok(User {
        name: arn.rsplit('/').next().unwrap_or_default().to_owned(),
        arn: arn.to_owned(),
        s3: aws_sdk_s3::Client::from_conf(s3.build()),
        kms: aws_sdk_kms::Client::from_conf(kms.build()),
    })
}

/// A bucket and a client for it, over one scheme.
#[derive(Clone)]
pub struct Bench<'a> {
    pub run: &'a Run,
    pub env: &'a Environment,
    pub scheme: &'a str,
    pub s3: aws_sdk_s3::Client,
    pub bucket: String,
}

impl<'a> Bench<'a> {
    pub async fn open(run: &'a Run, env: &'a Environment, scheme: &'a str) -> Self {
        let s3 = aws_sdk_s3::Client::from_conf(env.s3_config(scheme).build());
        let bench = Self {
            run,
            env,
            scheme,
            s3,
            bucket: format!("rust-{scheme}"),
        };
        bench
            .check("create-bucket", async {
                bench
                    .s3
                    .create_bucket()
                    .bucket(&bench.bucket)
                    .send()
                    .await?;
                Ok(())
            })
            .await;
        bench
    }

    pub async fn check(&self, name: &str, body: impl Future<Output = Result<()>>) {
        self.run
            .check(format_args!("{}/{name}", self.scheme), body)
            .await;
    }

    pub async fn put(
        &self,
        key: &str,
        body: &[u8],
    ) -> Result<PutObjectOutput, SdkError<PutObjectError>> {
        let body = ByteStream::from(body.to_vec());
        self.s3
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .body(body)
            .send()
            .await
    }

    pub async fn get(&self, key: &str) -> Result<GetObjectOutput, SdkError<GetObjectError>> {
        self.s3
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await
    }

    pub async fn head(&self, key: &str) -> Result<HeadObjectOutput, SdkError<HeadObjectError>> {
        let head = self.s3.head_object().bucket(&self.bucket).key(key);
        head.checksum_mode(ChecksumMode::Enabled).send().await
    }

    pub async fn delete(&self, key: &str) -> Result<()> {
        self.s3
            .delete_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await?;
        Ok(())
    }

    pub async fn holds(&self, key: &str, want: impl AsRef<[u8]>) -> Result<()> {
        same_bytes(read(self.get(key).await?).await?, want)
    }

    pub async fn absent(&self, key: &str) -> Result<()> {
        refused(self.get(key).await, 404, Some("NoSuchKey"), &[])
    }
}

/// The whole body; the SDK checks its checksum on the way.
pub async fn read(got: GetObjectOutput) -> Result<Vec<u8>> {
    Ok(got.body.collect().await?.to_vec())
}
