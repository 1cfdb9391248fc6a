//! Signing in at the console, and what holds afterwards.

use http::Request;
use http::request::Parts;
use sealgate_wire::Connection;
use time::OffsetDateTime;
use time::macros::datetime;

use super::*;
use crate::{AuthFault, Authenticated, KeyStatus, Service, SignIn, SignatureVersion};

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
        let (request, conn) = (parts(), conn());
        self.iam
            .in_console(key, Service::Kms, &request, &conn, NOW)
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
