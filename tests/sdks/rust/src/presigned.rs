//! URLs for a client that has no credentials.

use std::time::Duration;

use anyhow::{Result, ensure};
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use reqwest::Certificate;

use crate::environment::Bench;
use crate::run::same;

const KEY: &str = "presigned/a b+c//d%2Fé";
const BODY: &str = "by URL";

struct Answer {
    status: u16,
    kind: String,
    body: String,
}

async fn send(
    b: &Bench<'_>,
    signed: &PresignedRequest,
    url: &str,
    body: &'static str,
) -> Result<Answer> {
    let authority = Certificate::from_pem(&b.env.authority)?;
    let client = reqwest::Client::builder()
        .tls_certs_only([authority])
        .build()?;
    let mut request = client.request(signed.method().parse()?, url).body(body);
    for (name, value) in signed.headers() {
        request = request.header(name, value);
    }
    let answer = request.send().await?;
    let kind = answer
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok());
    Ok(Answer {
        status: answer.status().as_u16(),
        kind: kind.unwrap_or_default().to_owned(),
        body: answer.text().await?,
    })
}

async fn get_url(b: &Bench<'_>) -> Result<PresignedRequest> {
    let get =
        b.s3.get_object()
            .bucket(&b.bucket)
            .key(KEY)
            .response_content_type("text/x-own");
    Ok(get
        .presigned(PresigningConfig::expires_in(Duration::from_secs(300))?)
        .await?)
}

pub async fn check(b: &Bench<'_>) {
    b.check("presigned-put", async {
        let put = b.s3.put_object().bucket(&b.bucket).key(KEY);
        let signed = put
            .presigned(PresigningConfig::expires_in(Duration::from_secs(300))?)
            .await?;
        let answer = send(b, &signed, signed.uri(), BODY).await?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.body);
        b.holds(KEY, BODY).await
    })
    .await;
    b.check("presigned-get", async {
        let signed = get_url(b).await?;
        let answer = send(b, &signed, signed.uri(), "").await?;
        same(answer.body, BODY)?;
        same(answer.kind, "text/x-own")
    })
    .await;
    b.check("presigned-altered-is-refused", async {
        let signed = get_url(b).await?;
        let answer = send(
            b,
            &signed,
            &signed.uri().replace("presigned", "presignee"),
            "",
        )
        .await?;
        same(answer.status, 403)?;
        ensure!(
            answer.body.contains("SignatureDoesNotMatch"),
            "{}",
            answer.body
        );
        Ok(())
    })
    .await;
}
