//! AssumeRoleWithWebIdentity, with a provider that these tests start.

use proptest::prelude::*;
use sealgate_policy::PrincipalKind;
use serde_json::{Value, json};
use time::Duration;

use super::issuer::*;
use super::sts_world::*;
use super::*;
use crate::oidc_token::MAX_TOKEN;
use crate::providers::OidcUrl;
use crate::sts::{AssumeRoleWithWebIdentity, RoleArn, RoleSessionName, SessionPolicyRequest};
use crate::{AssumedRole, StsError, Tags, WebIdentity};

const CLIENT: &str = "client-1";

struct Federation {
    world: World,
    issuer: IssuerServer,
    key: Key,
}

impl Federation {
    async fn new(key: Key) -> Federation {
        let issuer = IssuerServer::start(vec![key.jwk("k1")]).await;
        Federation::with(issuer, key, &[]).await
    }

    async fn with(issuer: IssuerServer, key: Key, thumbprints: &[String]) -> Federation {
        let world = World::new().await;
        let federation = Federation { world, issuer, key };
        let url = OidcUrl::parse(&format!("https://{}", federation.name())).unwrap();
        let clients = vec![CLIENT.to_owned(), "client-2".to_owned()];
        federation
            .world
            .iam
            .create_oidc_provider(ACCOUNT, &url, clients, thumbprints.to_vec(), Tags::new())
            .await
            .unwrap();
        federation
    }

    fn name(&self) -> &str {
        self.issuer.url.split_once("://").unwrap().1
    }

    fn arn(&self) -> String {
        format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{}", self.name())
    }

    /// Claims that are accepted.
    fn claims(&self) -> Value {
        let now = NOW.unix_timestamp();
        json!({
            "iss": self.issuer.url, "aud": CLIENT, "sub": "repo:acme/app",
            "iat": now - 10, "exp": now + 300, "email": "a@example.com", "amr": ["pwd", "otp"],
        })
    }

    fn with_claim(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        claims[name] = value;
        claims
    }

    fn sign(&self, claims: &Value) -> String {
        self.key.token("RS256", "k1", claims)
    }

    async fn check(&self, token: &str) -> Result<WebIdentity, StsError> {
        self.world
            .iam
            .web_identity(ACCOUNT, token, environment(NOW))
            .await
    }

    async fn fault(&self, token: &str) -> (&'static str, String) {
        let error = self.check(token).await.err().unwrap();
        (error.code(), error.message())
    }

    async fn code(&self, claims: &Value) -> &'static str {
        self.fault(&self.sign(claims)).await.0
    }

    /// A role that trusts the provider, under a condition.
    async fn role(&self, name: &str, actions: &str, condition: &str) {
        let principal = format!(r#"{{"Federated":"{}"}}"#, self.arn());
        let condition = condition.replace("HOST", self.name());
        let trusting = trust(&principal, actions, &condition);
        self.world
            .role(ACCOUNT, name, &trusting, &[&allow("s3:Get*", "*")])
            .await;
    }

    async fn assume(&self, role: &str, claims: &Value) -> Result<AssumedRole, StsError> {
        let identity = self.check(&self.sign(claims)).await?;
        let request = AssumeRoleWithWebIdentity {
            role: RoleArn::parse(&role_arn(ACCOUNT, role)).unwrap(),
            session_name: RoleSessionName::parse("s1").unwrap(),
            duration: None,
            policies: SessionPolicyRequest::default(),
        };
        self.world
            .iam
            .assume_role_with_web_identity(&identity, &request)
            .await
    }
}

const ASSUME: &str = r#""sts:AssumeRoleWithWebIdentity""#;

#[tokio::test]
async fn a_token_of_a_registered_provider_opens_a_role_that_trusts_it() {
    let federation = Federation::new(Key::rsa()).await;
    let condition = r#","Condition":{"StringEquals":{"HOST:aud":"client-1","HOST:sub":"repo:acme/app","HOST:email":"a@example.com"},"ForAnyValue:StringEquals":{"HOST:amr":"otp"}}"#;
    federation.role("ci", ASSUME, condition).await;
    let done = federation.assume("ci", &federation.claims()).await.unwrap();
    assert_eq!(done.arn, "arn:aws:sts::111111111111:assumed-role/ci/s1");
    let (caller, _) = federation
        .world
        .caller_with(&done.credentials, NOW)
        .await
        .unwrap();
    assert!(may(&caller, "s3:GetObject", "arn:aws:s3:::b/k"));
    let session = caller.session.clone().unwrap();
    assert_eq!(session.federated_provider.as_ref(), Some(&federation.arn()));

    let identity = federation
        .check(&federation.sign(&federation.claims()))
        .await
        .unwrap();
    assert_eq!(
        (identity.subject(), identity.audience()),
        ("repo:acme/app", CLIENT)
    );
    assert_eq!(
        identity.caller.principal.kind,
        PrincipalKind::WebIdentity {
            provider: federation.arn(),
            subject: "repo:acme/app".into()
        }
    );
    let id = format!("{}:{CLIENT}:repo:acme/app", federation.name());
    assert_eq!(identity.caller.principal.id, id);

    for (name, value) in [
        ("sub", json!("repo:acme/other")),
        ("email", json!("b@example.com")),
        ("amr", json!(["pwd"])),
        ("aud", json!("client-2")),
    ] {
        let refused = federation
            .assume("ci", &federation.with_claim(name, value))
            .await;
        let error = refused.err().unwrap();
        assert_eq!(error.code(), "AccessDenied", "{name}");
        assert_eq!(
            error.message(),
            "Not authorized to perform sts:AssumeRoleWithWebIdentity"
        );
    }
    let absent = federation
        .assume("absent", &federation.claims())
        .await
        .err()
        .unwrap();
    assert_eq!(
        absent.message(),
        "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    );
    // `*` is everybody of AWS, and nobody of a provider.
    let everybody = trust(r#""*""#, r#""sts:AssumeRoleWithWebIdentity""#, "");
    federation
        .world
        .role(ACCOUNT, "open", &everybody, &[])
        .await;
    let open = federation
        .assume("open", &federation.claims())
        .await
        .err()
        .unwrap();
    assert_eq!(open.code(), "AccessDenied");
}

#[tokio::test]
async fn every_algorithm_of_a_provider_is_checked() {
    for alg in [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    ] {
        let key = match &alg[..2] {
            "ES" => Key::ec(alg),
            "Ed" => Key::ed(),
            _ => Key::rsa(),
        };
        let federation = Federation::new(key).await;
        let token = federation.key.token(alg, "k1", &federation.claims());
        assert!(federation.check(&token).await.is_ok(), "{alg}");
        // The same claims under another key, or a signature that was cut.
        let forger = match &alg[..2] {
            "ES" => Key::ec(alg),
            "Ed" => Key::ed(),
            _ => Key::rsa(),
        };
        let forged = forger.token(alg, "k1", &federation.claims());
        assert_eq!(
            federation.fault(&forged).await.0,
            "InvalidIdentityToken",
            "{alg}"
        );
        let cut = &token[..token.len() - 4];
        assert_eq!(
            federation.fault(cut).await.0,
            "InvalidIdentityToken",
            "{alg}"
        );
    }
}

#[tokio::test]
async fn no_header_makes_a_token_signed() {
    let federation = Federation::new(Key::rsa()).await;
    let claims = base64url(federation.claims().to_string());
    let good = federation.sign(&federation.claims());
    let signature = good.rsplit_once('.').unwrap().1;
    let jwk = federation.key.jwk("k1");
    let secrets = [
        jwk["n"].as_str().unwrap().as_bytes().to_vec(),
        jwk.to_string().into_bytes(),
    ];
    let mut tokens = Vec::new();
    for alg in [
        "none", "None", "NONE", "", "HS256", "hs256", "RS256 ", "ES256", "EdDSA", "PS256",
    ] {
        let header = base64url(json!({ "alg": alg, "kid": "k1" }).to_string());
        tokens.push(format!("{header}.{claims}."));
        tokens.push(format!("{header}.{claims}.{signature}"));
    }
    // The public key as the secret of an HMAC.
    for secret in &secrets {
        let header = base64url(json!({ "alg": "HS256", "kid": "k1" }).to_string());
        let message = format!("{header}.{claims}");
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
        let tag = aws_lc_rs::hmac::sign(&key, message.as_bytes());
        tokens.push(format!("{message}.{}", base64url(tag)));
    }
    // Keys that come along, and extensions that nobody understands.
    let forger = Key::rsa();
    for header in [
        json!({ "alg": "RS256", "kid": "k2", "jwk": forger.jwk("k2") }),
        json!({ "alg": "RS256", "kid": "k1", "jwk": forger.jwk("k1") }),
        json!({ "alg": "RS256", "kid": "k1", "jku": "http://127.0.0.1:1/keys" }),
        json!({ "alg": "RS256", "jwk": forger.jwk("k1") }),
    ] {
        let message = format!("{}.{claims}", base64url(header.to_string()));
        let signature = forger.sign("RS256", message.as_bytes());
        tokens.push(format!("{message}.{}", base64url(signature)));
    }
    let header = json!({ "alg": "RS256", "kid": "k1", "crit": ["exp"] });
    let message = format!("{}.{claims}", base64url(header.to_string()));
    let critical = federation.key.sign("RS256", message.as_bytes());
    tokens.push(format!("{message}.{}", base64url(critical)));
    for token in tokens {
        assert_eq!(
            federation.fault(&token).await.0,
            "InvalidIdentityToken",
            "{token}"
        );
    }
    assert!(federation.check(&good).await.is_ok());
}

#[tokio::test]
async fn what_is_no_token_is_said_to_be_none() {
    let federation = Federation::new(Key::rsa()).await;
    let long = "a".repeat(MAX_TOKEN + 1);
    for text in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "e30.e30.e30",
        "ya29.access-token",
        &long,
    ] {
        let (code, message) = federation.fault(text).await;
        assert_eq!(code, "InvalidIdentityToken");
        assert!(message.contains("not a valid JWT"), "{message}");
    }
    assert_eq!(federation.issuer.documents.lock().asked, 0);
}

#[tokio::test]
async fn a_token_is_for_us_and_of_now() {
    let federation = Federation::new(Key::rsa()).await;
    let now = NOW.unix_timestamp();
    for (name, value, code) in [
        ("aud", json!("client-3"), "InvalidIdentityToken"),
        ("aud", json!([]), "InvalidIdentityToken"),
        ("aud", json!(["client-3"]), "InvalidIdentityToken"),
        ("aud", json!([CLIENT, 7]), "InvalidIdentityToken"),
        ("aud", json!([CLIENT, "client-2"]), "InvalidIdentityToken"),
        ("aud", Value::Null, "InvalidIdentityToken"),
        ("azp", json!("client-3"), "IDPRejectedClaim"),
        ("azp", json!(7), "IDPRejectedClaim"),
        ("sub", Value::Null, "InvalidIdentityToken"),
        ("sub", json!(""), "InvalidIdentityToken"),
        ("sub", json!("x".repeat(256)), "InvalidIdentityToken"),
        ("exp", json!(now), "ExpiredTokenException"),
        ("exp", json!(now - 1), "ExpiredTokenException"),
        ("exp", json!("soon"), "InvalidIdentityToken"),
        ("exp", json!(1e300), "InvalidIdentityToken"),
        ("exp", Value::Null, "InvalidIdentityToken"),
        ("iat", Value::Null, "InvalidIdentityToken"),
        ("iat", json!(now + 301), "IDPRejectedClaim"),
        ("iat", json!(now - 86_401), "ExpiredTokenException"),
        ("nbf", json!(now + 301), "IDPRejectedClaim"),
        ("nbf", json!("later"), "InvalidIdentityToken"),
        (
            "https://aws.amazon.com/tags",
            json!("x"),
            "IDPRejectedClaim",
        ),
        (
            "https://aws.amazon.com/tags",
            json!({ "principal_tags": { "team": ["a", "b"] } }),
            "IDPRejectedClaim",
        ),
        (
            "https://aws.amazon.com/tags",
            json!({ "principal_tags": { "aws:x": ["a"] } }),
            "IDPRejectedClaim",
        ),
        (
            "https://aws.amazon.com/tags",
            json!({ "transitive_tag_keys": ["team"] }),
            "IDPRejectedClaim",
        ),
    ] {
        let claims = federation.with_claim(name, value.clone());
        assert_eq!(federation.code(&claims).await, code, "{name} {value}");
    }
    for (name, value) in [
        ("exp", json!(now as f64 + 0.5 + 1.0)),
        ("nbf", json!(now + 299)),
        ("iat", json!(now - 86_400)),
        ("aud", json!([CLIENT])),
        ("azp", json!("client-2")),
    ] {
        let claims = federation.with_claim(name, value.clone());
        assert!(
            federation.check(&federation.sign(&claims)).await.is_ok(),
            "{name} {value}"
        );
    }
    let mut both = federation.with_claim("aud", json!(["other", CLIENT]));
    both["azp"] = json!("client-2");
    let identity = federation.check(&federation.sign(&both)).await.unwrap();
    assert_eq!(identity.audience(), "client-2");
}

#[tokio::test]
async fn only_issuers_that_the_account_registered_are_asked() {
    let federation = Federation::new(Key::rsa()).await;
    let stranger = IssuerServer::start(vec![federation.key.jwk("k1")]).await;
    let claims = federation.with_claim("iss", json!(stranger.url));
    let (code, message) = federation.fault(&federation.sign(&claims)).await;
    assert_eq!(code, "InvalidIdentityToken");
    assert_eq!(
        message,
        format!(
            "No OpenIDConnect provider found in your account for {}",
            stranger.url
        )
    );
    assert_eq!(stranger.documents.lock().asked, 0);
    for issuer in ["http://10.0.0.1", "file:///etc/passwd", "x", ""] {
        let claims = federation.with_claim("iss", json!(issuer));
        assert_eq!(
            federation.code(&claims).await,
            "InvalidIdentityToken",
            "{issuer}"
        );
    }
    // The provider of one account is nothing to another.
    let token = federation.sign(&federation.claims());
    let other = federation
        .world
        .iam
        .web_identity(OTHER, &token, environment(NOW))
        .await;
    assert_eq!(other.err().unwrap().code(), "InvalidIdentityToken");
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_for_a_new_one_but_not_at_will() {
    let federation = Federation::new(Key::rsa()).await;
    let asked = || federation.issuer.documents.lock().asked;
    let token = federation.sign(&federation.claims());
    for _ in 0..3 {
        federation.check(&token).await.unwrap();
    }
    assert_eq!(asked(), 1);
    // An unknown key is not looked for again so soon, and the known one still serves.
    for at in 0..5 {
        let token = federation
            .key
            .token("RS256", &format!("unknown-{at}"), &federation.claims());
        assert_eq!(federation.fault(&token).await.0, "InvalidIdentityToken");
    }
    assert_eq!(asked(), 1);
    assert!(federation.check(&token).await.is_ok());
    let late = environment(NOW + Duration::seconds(301));
    let late = federation
        .world
        .iam
        .web_identity(ACCOUNT, &token, late)
        .await;
    assert_eq!(late.err().unwrap().code(), "ExpiredTokenException");
}

#[tokio::test]
async fn a_provider_that_misbehaves_is_unreachable() {
    for case in 0..6 {
        let federation = Federation::new(Key::rsa()).await;
        let stranger = IssuerServer::start(vec![federation.key.jwk("k1")]).await;
        {
            let mut documents = federation.issuer.documents.lock();
            match case {
                0 => documents.status = Some("302 Found"),
                1 => documents.status = Some("500 Oops"),
                2 => documents.issuer = Some("https://idp.example.com".into()),
                3 => documents.jwks_uri = Some(format!("{}/keys", stranger.url)),
                4 => documents.padding = 300 * 1024,
                _ => documents.keys = vec![federation.key.jwk("k1"); 101],
            }
        }
        let token = federation.sign(&federation.claims());
        assert_eq!(
            federation.fault(&token).await.0,
            "IDPCommunicationError",
            "{case}"
        );
        assert_eq!(stranger.documents.lock().asked, 0);
        // Not asked again at once, also if it would do now.
        *federation.issuer.documents.lock() = Documents {
            keys: vec![federation.key.jwk("k1")],
            ..Documents::default()
        };
        assert_eq!(
            federation.fault(&token).await.0,
            "IDPCommunicationError",
            "{case}"
        );
        assert_eq!(federation.issuer.documents.lock().asked, 0);
    }
}

#[tokio::test]
async fn over_tls_the_thumbprint_of_the_authority_counts() {
    let key = Key::ec("ES256");
    let issuer = IssuerServer::start_tls(vec![key.jwk("k1")]).await;
    let thumbprints = [issuer.thumbprint.clone().unwrap()];
    let federation = Federation::with(issuer, key, &thumbprints).await;
    let token = federation.key.token("ES256", "k1", &federation.claims());
    federation.check(&token).await.unwrap();

    let key = Key::ec("ES256");
    let issuer = IssuerServer::start_tls(vec![key.jwk("k1")]).await;
    let federation = Federation::with(issuer, key, &["00".repeat(20)]).await;
    let token = federation.key.token("ES256", "k1", &federation.claims());
    assert_eq!(federation.fault(&token).await.0, "IDPCommunicationError");
}

#[tokio::test]
async fn tags_and_source_identity_of_a_token_need_the_trust_of_the_role() {
    let federation = Federation::new(Key::rsa()).await;
    federation.role("plain", ASSUME, "").await;
    let actions = r#"["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"]"#;
    federation.role("tagged", actions, "").await;
    let tags = json!({ "principal_tags": { "team": ["blue"] }, "transitive_tag_keys": ["team"] });
    let claims = federation.with_claim("https://aws.amazon.com/tags", tags);
    let refused = federation.assume("plain", &claims).await.err().unwrap();
    assert_eq!(
        refused.message(),
        "Not authorized to perform sts:TagSession"
    );
    let done = federation.assume("tagged", &claims).await.unwrap();
    let (caller, inherited) = federation
        .world
        .caller_with(&done.credentials, NOW)
        .await
        .unwrap();
    assert_eq!(caller.tags["team"], "blue");
    assert_eq!(inherited, Tags::from([("team".into(), "blue".into())]));

    let claims = federation.with_claim("https://aws.amazon.com/source_identity", json!("alice"));
    let refused = federation.assume("plain", &claims).await.err().unwrap();
    assert_eq!(
        refused.message(),
        "Not authorized to perform sts:SetSourceIdentity"
    );
    let done = federation.assume("tagged", &claims).await.unwrap();
    assert_eq!(done.source_identity.as_deref(), Some("alice"));
    let claims = federation.with_claim("https://aws.amazon.com/source_identity", json!("a b"));
    let refused = federation.assume("tagged", &claims).await.err().unwrap();
    assert_eq!(refused.code(), "IDPRejectedClaim");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_makes_the_check_panic(text in "[A-Za-z0-9_.{}\":,-]{0,200}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::empty().await;
            let checked = world.iam.web_identity(ACCOUNT, &text, environment(NOW)).await;
            assert!(checked.is_err());
        });
    }
}

#[tokio::test]
async fn a_token_with_any_bit_flipped_is_refused() {
    let federation = Federation::new(Key::ec("ES256")).await;
    let token = federation.key.token("ES256", "k1", &federation.claims());
    federation.check(&token).await.unwrap();
    for at in 0..token.len() {
        for bit in [0, 3, 5] {
            let mut bytes = token.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let flipped = String::from_utf8(bytes).unwrap();
            assert!(
                federation.check(&flipped).await.is_err(),
                "byte {at} bit {bit}"
            );
        }
    }
}
