//! Groups, roles, tags, providers, and the account as a whole.

use super::*;
use crate::{
    Detail, DetailKind, EntityPath, GroupName, IamError, NewRole, OidcArn, OidcUrl, Paging,
    RoleName, Taggable, parse_tags,
};

pub const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"sts:AssumeRole"}]}"#;

pub fn group(text: &str) -> GroupName {
    GroupName::parse(text).unwrap()
}

pub fn role(text: &str) -> RoleName {
    RoleName::parse(text).unwrap()
}

fn tags(pairs: &[(&str, &str)]) -> crate::Tags {
    let given = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    parse_tags(given.collect()).unwrap()
}

#[tokio::test]
async fn a_group_has_members_until_they_leave() {
    let world = World::new().await;
    let iam = &world.iam;
    let alice = world.user("alice").await;
    let made = iam
        .create_group(ACCOUNT, &group("Devs"), &EntityPath::root())
        .await
        .unwrap();
    assert!(made.id.starts_with("AGPA"));
    assert_eq!(made.arn(), "arn:aws:iam::111111111111:group/Devs");
    let again = iam
        .create_group(ACCOUNT, &group("devs"), &EntityPath::root())
        .await;
    assert_eq!(again.unwrap_err().code(), "EntityAlreadyExists");
    for _ in 0..2 {
        iam.add_user_to_group(ACCOUNT, &group("Devs"), &alice)
            .await
            .unwrap();
    }
    let delete = iam.delete_group(ACCOUNT, &group("Devs")).await;
    assert_eq!(
        delete.unwrap_err().message(),
        "Cannot delete entity, must remove users from group first."
    );
    assert_eq!(
        iam.delete_user(ACCOUNT, &alice).await.unwrap_err().code(),
        "DeleteConflict"
    );
    // Both may get other names; the membership stays.
    iam.update_group(ACCOUNT, &group("Devs"), Some(&group("ops")), None)
        .await
        .unwrap();
    iam.update_user(ACCOUNT, &alice, Some(&name("carol")), None)
        .await
        .unwrap();
    let members = iam
        .group_members(ACCOUNT, &group("ops"), &Paging::default())
        .await
        .unwrap();
    assert_eq!(members.items.len(), 1);
    assert_eq!(members.items[0].name, "carol");
    let groups = iam
        .groups_of_user(ACCOUNT, &name("carol"), &Paging::default())
        .await
        .unwrap();
    assert_eq!(groups.items[0].name, "ops");
    iam.remove_user_from_group(ACCOUNT, &group("ops"), &name("carol"))
        .await
        .unwrap();
    let twice = iam
        .remove_user_from_group(ACCOUNT, &group("ops"), &name("carol"))
        .await;
    assert_eq!(twice.unwrap_err().code(), "NoSuchEntity");
    iam.delete_group(ACCOUNT, &group("ops")).await.unwrap();
    iam.delete_user(ACCOUNT, &name("carol")).await.unwrap();
}

#[tokio::test]
async fn a_user_is_in_ten_groups_at_most() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    for number in 0..11 {
        let group = group(&format!("g{number}"));
        world
            .iam
            .create_group(ACCOUNT, &group, &EntityPath::root())
            .await
            .unwrap();
        let added = world.iam.add_user_to_group(ACCOUNT, &group, &alice).await;
        match added {
            Ok(()) => assert!(number < 10),
            Err(error) => assert_eq!(
                error,
                IamError::LimitExceeded("Cannot exceed quota for GroupsPerUser: 10".into())
            ),
        }
    }
}

#[tokio::test]
async fn the_life_of_a_role() {
    let world = World::new().await;
    let iam = &world.iam;
    let made = iam
        .create_role(ACCOUNT, &NewRole::named(role("App"), TRUST))
        .await
        .unwrap();
    assert!(made.id.starts_with("AROA"));
    assert_eq!(made.max_session_duration, 3600);
    let again = iam
        .create_role(ACCOUNT, &NewRole::named(role("app"), TRUST))
        .await;
    assert_eq!(again.unwrap_err().code(), "EntityAlreadyExists");
    let changed = iam
        .update_role(ACCOUNT, &role("App"), Some("for the app"), Some(43_200))
        .await
        .unwrap();
    assert_eq!(changed.description.as_deref(), Some("for the app"));
    for bad in [3599, 43_201] {
        let refused = iam.update_role(ACCOUNT, &role("App"), None, Some(bad)).await;
        assert_eq!(refused.unwrap_err().code(), "ValidationError");
    }
    for bad in ["{}", ALLOW_ALL] {
        let refused = iam.update_trust_policy(ACCOUNT, &role("App"), bad).await;
        assert_eq!(refused.unwrap_err().code(), "MalformedPolicyDocument", "{bad}");
    }
    assert!(iam.role(ACCOUNT, "app").await.unwrap().is_none());
    let holder = Holder::Role(role("App"));
    iam.put_inline_policy(ACCOUNT, &holder, &policy("p"), ALLOW_ALL)
        .await
        .unwrap();
    let delete = iam.delete_role(ACCOUNT, &role("App")).await;
    assert_eq!(delete.unwrap_err().code(), "DeleteConflict");
    iam.delete_inline_policy(ACCOUNT, &holder, &policy("p"))
        .await
        .unwrap();
    iam.delete_role(ACCOUNT, &role("App")).await.unwrap();
    assert!(iam.role(ACCOUNT, "App").await.unwrap().is_none());
}

#[tokio::test]
async fn tags_of_users_are_one_whatever_their_case_those_of_providers_are_not() {
    let world = World::new().await;
    let iam = &world.iam;
    let alice = Taggable::User(world.user("alice").await);
    iam.tag(ACCOUNT, &alice, &tags(&[("Team", "a"), ("x", "1")]))
        .await
        .unwrap();
    iam.tag(ACCOUNT, &alice, &tags(&[("team", "b")]))
        .await
        .unwrap();
    iam.untag(ACCOUNT, &alice, &["X".into(), "absent".into()])
        .await
        .unwrap();
    let left = iam.tags(ACCOUNT, &alice).await.unwrap();
    assert_eq!(left, tags(&[("team", "b")]));

    let url = OidcUrl::parse("https://idp.example.com/tenant").unwrap();
    let made = iam
        .create_oidc_provider(ACCOUNT, &url, vec!["app".into()], vec![], tags(&[]))
        .await
        .unwrap();
    assert_eq!(
        made.arn(),
        "arn:aws:iam::111111111111:oidc-provider/idp.example.com/tenant"
    );
    let provider = Taggable::Oidc(OidcArn::parse(&made.arn()).unwrap());
    for key in ["Team", "team"] {
        iam.tag(ACCOUNT, &provider, &tags(&[(key, "a")])).await.unwrap();
    }
    assert_eq!(iam.tags(ACCOUNT, &provider).await.unwrap().len(), 2);
    let many: Vec<_> = (0..50).map(|n| (format!("k{n}"), String::new())).collect();
    let full = iam.tag(ACCOUNT, &alice, &parse_tags(many).unwrap()).await;
    assert_eq!(full.unwrap_err().code(), "LimitExceeded");
}

#[tokio::test]
async fn an_oidc_provider_is_found_by_arn_and_by_address() {
    let world = World::new().await;
    let iam = &world.iam;
    let url = OidcUrl::parse("https://idp.example.com").unwrap();
    let made = iam
        .create_oidc_provider(ACCOUNT, &url, vec!["a".into()], vec!["0".repeat(40)], tags(&[]))
        .await
        .unwrap();
    for name in [made.arn().as_str(), "https://idp.example.com", "idp.example.com"] {
        let found = iam.oidc_provider(ACCOUNT, name).await.unwrap();
        assert_eq!(found.as_ref(), Some(&made), "{name}");
        assert!(iam.oidc_provider(OTHER, name).await.unwrap().is_none());
    }
    let arn = OidcArn::parse(&made.arn()).unwrap();
    iam.add_client_id(ACCOUNT, &arn, "b").await.unwrap();
    iam.remove_client_id(ACCOUNT, &arn, "a").await.unwrap();
    let bad = iam.update_thumbprints(ACCOUNT, &arn, vec!["short".into()]).await;
    assert_eq!(bad.unwrap_err().code(), "ValidationError");
    let now = iam.get_oidc_provider(ACCOUNT, &arn).await.unwrap();
    assert_eq!(now.client_ids, ["b"]);
    iam.delete_oidc_provider(ACCOUNT, &arn).await.unwrap();
    let gone = iam.get_oidc_provider(ACCOUNT, &arn).await;
    assert_eq!(gone.unwrap_err().code(), "NoSuchEntity");
    for bad in ["http://idp.example.com", "https://", "https://a?b=c"] {
        assert!(OidcUrl::parse(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn an_alias_belongs_to_one_account() {
    let world = World::new().await;
    let iam = &world.iam;
    iam.create_account_alias(ACCOUNT, "first").await.unwrap();
    let taken = iam.create_account_alias(OTHER, "first").await;
    assert_eq!(
        taken.unwrap_err().message(),
        "The account alias first already exists."
    );
    iam.create_account_alias(ACCOUNT, "second").await.unwrap();
    iam.create_account_alias(OTHER, "first").await.unwrap();
    let account = iam.account(ACCOUNT).await.unwrap().unwrap();
    assert_eq!(account.alias.as_deref(), Some("second"));
    let missing = iam.delete_account_alias(ACCOUNT, "first").await;
    assert_eq!(missing.unwrap_err().code(), "NoSuchEntity");
    iam.delete_account_alias(ACCOUNT, "second").await.unwrap();
    for bad in ["ab", "-ab", "ab-", "a--b", "Abc"] {
        let refused = iam.create_account_alias(ACCOUNT, bad).await;
        assert_eq!(refused.unwrap_err().code(), "ValidationError", "{bad}");
    }
}

#[tokio::test]
async fn a_credential_report_tells_of_every_user() {
    let world = World::new().await;
    let iam = &world.iam;
    world.user("a,b").await;
    iam.create_access_key(ACCOUNT, &owner("a,b")).await.unwrap();
    let before = iam.credential_report(ACCOUNT).await;
    assert_eq!(before.unwrap_err(), IamError::ReportNotPresent);
    iam.generate_credential_report(ACCOUNT).await.unwrap();
    let report = iam.credential_report(ACCOUNT).await.unwrap();
    let lines: Vec<&str> = report.csv.lines().collect();
    assert_eq!(lines.len(), 3);
    let columns = lines[0].split(',').count();
    assert_eq!(columns, 22);
    assert_eq!(lines[1].split(',').count(), columns);
    assert!(lines[1].starts_with("<root_account>,arn:aws:iam::111111111111:root,"));
    assert!(lines[2].starts_with("\"a,b\",\"arn:aws:iam::111111111111:user/a,b\","));
    assert!(lines[2].contains(",false,N/A,N/A,N/A,false,true,"), "{}", lines[2]);
}

#[tokio::test]
async fn an_account_is_shown_whole_page_by_page() {
    let world = World::new().await;
    let iam = &world.iam;
    let alice = world.user("alice").await;
    iam.create_group(ACCOUNT, &group("g"), &EntityPath::root())
        .await
        .unwrap();
    iam.add_user_to_group(ACCOUNT, &group("g"), &alice)
        .await
        .unwrap();
    iam.create_role(ACCOUNT, &NewRole::named(role("r"), TRUST))
        .await
        .unwrap();
    let (mut seen, mut marker) = (Vec::new(), None);
    loop {
        let paging = Paging {
            marker,
            limit: Some(1),
        };
        let page = iam
            .account_details(ACCOUNT, &DetailKind::ALL, &paging)
            .await
            .unwrap();
        seen.extend(page.items);
        marker = page.marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 3);
    assert!(matches!(&seen[0], Detail::User(_, _, groups) if groups == &["g"]));
    assert!(matches!(&seen[2], Detail::Role(role, _) if role.name == "r"));
    let summary = iam.account_summary(ACCOUNT).await.unwrap();
    for expected in [("Users", 1), ("Groups", 1), ("Roles", 1), ("AccountAccessKeysPresent", 1)] {
        assert!(summary.contains(&expected), "{expected:?}");
    }
}

#[tokio::test]
async fn accounts_are_listed_and_are_worlds_of_their_own() {
    let world = World::new().await;
    let page = world.iam.list_accounts(&Paging::default()).await.unwrap();
    let ids: Vec<_> = page.items.iter().map(|account| account.id.as_str()).collect();
    assert_eq!(ids, [ACCOUNT, OTHER]);
    world
        .iam
        .create_role(ACCOUNT, &NewRole::named(role("r"), TRUST))
        .await
        .unwrap();
    assert!(world.iam.role(OTHER, "r").await.unwrap().is_none());
}
