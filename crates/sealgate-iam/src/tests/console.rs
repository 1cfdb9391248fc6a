//! Signing in at the console, and what holds afterwards.

use std::time::Duration as StdDuration;

use http::Request;
use http::request::Parts;
use sealgate_wire::Connection;
use time::OffsetDateTime;
use time::macros::datetime;

use super::*;
use crate::{
    AuthFault, Authenticated, ConsoleCredential, ConsoleSession, KeyStatus, Link, Password,
    PasswordPolicy, PasswordSignIn, Presentation, Service, SignIn, SignatureVersion,
};

const NOW: OffsetDateTime = datetime!(2026-03-01 12:00:00 UTC);
const KEY: &str = "AKIAALICEALICEALICEA";
const SECRET: &str = "aliceSecretaliceSecretaliceSecretaliceSe";

fn parts() -> Parts {
    Request::new(()).into_parts().0
}

fn conn() -> Connection {
    Connection::direct("127.0.0.1:1".parse().unwrap(), true)
}

impl World {
    async fn with_alice() -> World {
        let world = World::new().await;
        world.user("alice").await;
        world
            .iam
            .put_inline_policy(ACCOUNT, &user("alice"), &policy("all"), ALLOW_ALL)
            .await
            .unwrap();
        world
            .iam
            .add_access_key(ACCOUNT, &owner("alice"), credential(KEY, SECRET))
            .await
            .unwrap();
        world
    }

    async fn sign_in(&self, key: &str, secret: &str) -> SignIn {
        let (request, conn) = (parts(), conn());
        let sign_in = self.iam.sign_in(key, secret, &request, &conn, NOW);
        sign_in.await.unwrap()
    }

    async fn in_console(&self, key: &str) -> Result<Authenticated, AuthFault> {
        let id = key.to_owned();
        self.in_session(ConsoleCredential::AccessKey { id }, None)
            .await
    }

    async fn in_session(
        &self,
        credential: ConsoleCredential,
        mfa_at: Option<OffsetDateTime>,
    ) -> Result<Authenticated, AuthFault> {
        let session = ConsoleSession {
            credential,
            since: NOW,
            expires: NOW,
            mfa_at,
        };
        let (request, conn) = (parts(), conn());
        self.iam
            .in_console(&session, Service::Kms, &request, &conn, NOW)
            .await
    }
}

#[tokio::test]
async fn the_secret_of_an_active_key_signs_in() {
    let world = World::with_alice().await;
    for (key, secret, arn) in [
        (KEY, SECRET, "arn:aws:iam::111111111111:user/alice"),
        (ROOT_KEY, ROOT_SECRET, "arn:aws:iam::111111111111:root"),
    ] {
        let SignIn::Accepted(caller) = world.sign_in(key, secret).await else {
            panic!("{key} was refused");
        };
        assert_eq!(caller.principal.arn, arn);
    }
}

#[tokio::test]
async fn whatever_else_is_refused_and_belongs_to_the_keys_owner_if_there_is_one() {
    let world = World::with_alice().await;
    for secret in ["", "x", ROOT_SECRET, &SECRET[1..]] {
        let refused = world.sign_in(KEY, secret).await;
        let SignIn::Refused(Some(caller)) = refused else {
            panic!("{secret:?} was not refused as alice's");
        };
        assert_eq!(caller.principal.account_id, ACCOUNT);
    }
    for key in ["", "AKIANOBODYNOBODYNOBO", "ASIAALICEALICEALICEA"] {
        let refused = world.sign_in(key, SECRET).await;
        assert!(matches!(refused, SignIn::Refused(None)), "{key}");
    }
}

#[tokio::test]
async fn a_session_is_what_its_key_is_now() {
    let world = World::with_alice().await;
    let auth = world.in_console(KEY).await.unwrap();
    assert_eq!(auth.signature, SignatureVersion::Console);
    assert!(!auth.anonymous && auth.service == Service::Kms);
    assert_eq!(auth.caller.identity_policies.len(), 1);

    world
        .iam
        .delete_inline_policy(ACCOUNT, &user("alice"), &policy("all"))
        .await
        .unwrap();
    let auth = world.in_console(KEY).await.unwrap();
    assert!(auth.caller.identity_policies.is_empty());

    world
        .iam
        .update_access_key(ACCOUNT, &owner("alice"), KEY, KeyStatus::Inactive)
        .await
        .unwrap();
    assert!(matches!(
        world.in_console(KEY).await,
        Err(AuthFault::Refused(_))
    ));
    let refused = world.sign_in(KEY, SECRET).await;
    assert!(matches!(refused, SignIn::Refused(Some(_))));

    world
        .iam
        .delete_access_key(ACCOUNT, &owner("alice"), KEY)
        .await
        .unwrap();
    assert!(world.in_console(KEY).await.is_err());
    let refused = world.sign_in(KEY, SECRET).await;
    assert!(matches!(refused, SignIn::Refused(None)));
}

const PASSWORD: &str = "Correct-horse-1";

fn password(text: &str) -> Password {
    Password::parse(text, "password").unwrap()
}

impl World {
    async fn with_password(
        account: &str,
        user: &str,
        text: &str,
        now: OffsetDateTime,
    ) -> (World, PasswordSignIn) {
        let world = World::with_alice().await;
        let (alice, first) = (name("alice"), password(PASSWORD));
        world
            .iam
            .create_login_profile(ACCOUNT, &alice, &first, false)
            .await
            .unwrap();
        let outcome = world.by_password(account, user, text, now).await;
        (world, outcome)
    }

    async fn by_password(
        &self,
        account: &str,
        user: &str,
        text: &str,
        now: OffsetDateTime,
    ) -> PasswordSignIn {
        let (request, conn) = (parts(), conn());
        self.iam
            .sign_in_with_password(account, user, text, &request, &conn, now)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_password_signs_in_until_there_is_another() {
    let (world, outcome) = World::with_password(ACCOUNT, "alice", PASSWORD, NOW).await;
    let PasswordSignIn::Accepted {
        caller,
        credential,
        must_change,
    } = outcome
    else {
        panic!("the password was refused");
    };
    assert_eq!(caller.principal.arn, "arn:aws:iam::111111111111:user/alice");
    assert!(!must_change);
    let auth = world.in_session(credential.clone(), None).await.unwrap();
    assert_eq!(auth.caller.identity_policies.len(), 1);
    assert!(auth.caller.session.unwrap().mfa_at.is_none());
    let auth = world
        .in_session(credential.clone(), Some(NOW))
        .await
        .unwrap();
    assert_eq!(auth.caller.session.unwrap().mfa_at, Some(NOW));
    let (user, other) = (name("alice"), password("Battery-staple-2"));
    world
        .iam
        .update_login_profile(ACCOUNT, &user, Some(&other), Some(true))
        .await
        .unwrap();
    assert!(world.in_session(credential, None).await.is_err());
    let again = world
        .by_password(ACCOUNT, "alice", "Battery-staple-2", NOW)
        .await;
    assert!(matches!(
        again,
        PasswordSignIn::Accepted {
            must_change: true,
            ..
        }
    ));
}

#[tokio::test]
async fn what_is_no_users_password_is_refused_in_the_account_that_was_named() {
    for (account, user, text, recorded) in [
        (ACCOUNT, "alice", "Correct-horse-2", Some("alice")),
        (
            ACCOUNT,
            "Alice",
            PASSWORD,
            Some("HIDDEN_DUE_TO_SECURITY_REASONS"),
        ),
        (
            ACCOUNT,
            "nobody",
            PASSWORD,
            Some("HIDDEN_DUE_TO_SECURITY_REASONS"),
        ),
        (
            OTHER,
            "alice",
            PASSWORD,
            Some("HIDDEN_DUE_TO_SECURITY_REASONS"),
        ),
        ("no-alias", "alice", PASSWORD, None),
        (ACCOUNT, "alice", "", Some("alice")),
    ] {
        let (_, outcome) = World::with_password(account, user, text, NOW).await;
        let PasswordSignIn::Refused(caller) = outcome else {
            panic!("{account} {user} {text} was let in");
        };
        let who = caller.map(|caller| match caller.principal.kind {
            sealgate_policy::PrincipalKind::User { name } => name,
            other => panic!("{other:?}"),
        });
        assert_eq!(who.as_deref(), recorded, "{account} {user} {text}");
    }
}

#[tokio::test]
async fn a_password_grows_old() {
    let today = OffsetDateTime::now_utc();
    let (world, _) = World::with_password(ACCOUNT, "alice", PASSWORD, today).await;
    let policy = |hard_expiry| PasswordPolicy {
        minimum_length: 8,
        require_symbols: false,
        require_numbers: false,
        require_uppercase: false,
        require_lowercase: false,
        allow_users_to_change: false,
        max_age: Some(30),
        reuse_prevention: None,
        hard_expiry,
    };
    let later = today + time::Duration::days(31);
    for (hard, when, expected) in [
        (false, today, Some(false)),
        (false, later, Some(true)),
        (true, today, Some(false)),
        (true, later, None),
    ] {
        let update = world.iam.update_password_policy(ACCOUNT, policy(hard));
        update.await.unwrap();
        let must = match world.by_password(ACCOUNT, "alice", PASSWORD, when).await {
            PasswordSignIn::Accepted { must_change, .. } => Some(must_change),
            PasswordSignIn::Refused(_) => None,
        };
        assert_eq!(must, expected, "{hard} {when}");
    }
}

#[tokio::test]
async fn a_link_is_good_for_its_method_and_place_until_it_expires_or_its_key_is_gone() {
    let world = World::with_alice().await;
    let made = async |lifetime| {
        let link = Link {
            method: "GET",
            url: "https://s3.example:9000/bucket/a%20b%2Bc/%C3%A4?response-content-disposition=attachment%3B%20filename%2A%3DUTF-8%27%27x",
            lifetime: StdDuration::from_secs(lifetime),
        };
        let (request, conn) = (parts(), conn());
        world.iam.presign(KEY, &link, &request, &conn, NOW).await
    };
    let used = async |method: &str, link: &str, now| {
        let rest = link.strip_prefix("https://s3.example:9000").unwrap();
        let request = Request::builder()
            .method(method)
            .uri(rest)
            .header("host", "s3.example:9000");
        let parts = request.body(()).unwrap().into_parts().0;
        let presented = Presentation::of(&parts);
        world
            .iam
            .authenticate(&parts, presented, &conn(), now, None)
            .await
            .map(|auth| auth.caller.principal.arn)
            .map_err(|failure| failure.error.code())
    };
    let link = made(60).await.unwrap();
    let arn = "arn:aws:iam::111111111111:user/alice".to_owned();
    assert_eq!(used("GET", &link, NOW).await, Ok(arn.clone()));
    let minute = time::Duration::seconds(60);
    assert_eq!(used("GET", &link, NOW + minute).await, Ok(arn));
    let later = NOW + minute + time::Duration::seconds(1);
    assert_eq!(used("GET", &link, later).await, Err("AccessDenied"));
    // A later date, or another lifetime, is another signature.
    for forged in [
        link.replace("20260301T120000Z", "20260301T120100Z"),
        link.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
        link.replace("filename", "filenama"),
        link.replace("a%20b", "a%20c"),
    ] {
        assert_ne!(forged, link);
        let refused = used("GET", &forged, later).await;
        assert!(matches!(
            refused,
            Err("SignatureDoesNotMatch" | "AccessDenied")
        ));
        assert!(used("GET", &forged, NOW + minute).await.is_err());
    }
    assert_eq!(used("PUT", &link, NOW).await, Err("SignatureDoesNotMatch"));
    world
        .iam
        .update_access_key(ACCOUNT, &owner("alice"), KEY, KeyStatus::Inactive)
        .await
        .unwrap();
    assert_eq!(used("GET", &link, NOW).await, Err("InvalidAccessKeyId"));
    assert!(made(60).await.is_err());
}
