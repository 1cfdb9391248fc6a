//! May this caller do this in that bucket? The caller's policies, the bucket's policy, the lists of bucket and
//! object, and what is blocked, put together as S3 does.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-s3-evaluates-access-control.html>

use std::borrow::Cow;

use sealgate_policy::{Access, Authority, Caller, Context, Decision, PrincipalKind, authorize};

use super::Sharing;
use super::acl::{Acl, Asker, Permission};
use super::context;
use super::object::ObjectAccess;
use crate::error::{Code, S3Error};

/// A question about a bucket or an object in it.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) asker: Asker<'a>,
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    /// The account of the bucket's owner.
    pub(crate) owner: &'a str,
    pub(crate) context: &'a Context,
    /// How the bucket is shared; `None` where there is no bucket yet.
    pub(crate) sharing: Option<&'a Sharing>,
    /// The object that it is about, where that counts and there is one.
    pub(crate) object: Option<&'a ObjectAccess>,
}

/// What an access control list is called where it allows.
const ACL: &str = "access control list";

/// Actions on a bucket's policy. The owner's root user has them whatever the policy says, so that nobody is
/// locked out of the bucket for good.
const POLICY_ACTIONS: [&str; 3] = [
    "s3:DeleteBucketPolicy",
    "s3:GetBucketPolicy",
    "s3:PutBucketPolicy",
];

impl<'a> Question<'a> {
    /// Decide.
    pub(crate) fn answer(&self) -> Result<(), S3Error> {
        let Some(sharing) = self.sharing else {
            return self.ask(true, false);
        };
        let owns = self.caller.principal.account_id == self.owner;
        if sharing.block.restrict_public_buckets
            && !owns
            && !matches!(self.caller.principal.kind, PrincipalKind::Service { .. })
            && sharing.policy.as_ref().is_some_and(|it| it.is_public)
        {
            return Err(Code::AccessDenied.into());
        }
        let is_root = owns && matches!(self.caller.principal.kind, PrincipalKind::Root);
        if is_root && POLICY_ACTIONS.contains(&self.action) {
            return self.ask(false, false);
        }
        let granted = self.granted(sharing);
        match self.object {
            Some(object) if sharing.ownership.has_acls() && object.owner.is_some() => {
                self.ask_of_stranger(owns, granted)
            }
            // Within the owner's account a list gives nothing that the account does not have.
            _ => self.ask(true, granted && !owns),
        }
    }

    /// About an object in the bucket that is somebody else's: the bucket's owner can forbid, but what the
    /// bucket's policy allows does not count for the object, nor does being the bucket's owner.
    fn ask_of_stranger(&self, owns: bool, granted: bool) -> Result<(), S3Error> {
        // Deleting, and whatever else no list knows of, is for the bucket's owner.
        if Permission::of_object(self.action).is_none() {
            return self.ask(true, false);
        }
        if let Decision::Denied(denial) = self.policies(true, granted)
            && denial.explicit()
        {
            return Err(self.refusal(denial));
        }
        if owns && granted {
            self.ask(true, false)
        } else if granted {
            self.ask(false, true)
        } else {
            Err(Code::AccessDenied.into())
        }
    }

    /// Whether a list grants this.
    fn granted(&self, sharing: &Sharing) -> bool {
        let ignore = sharing.block.ignore_public_acls;
        let grants = |acl: &Acl, wanted| acl.grants(self.asker, wanted, ignore);
        if !sharing.ownership.has_acls() {
            return false;
        }
        if let Some(wanted) = Permission::of_object(self.action) {
            return self.object.is_some_and(|object| match &object.acl {
                Some(acl) => grants(acl, wanted),
                None => {
                    !self.asker.anonymous
                        && object.owner.as_deref() == Some(self.asker.canonical_id)
                }
            });
        }
        match (Permission::of_bucket(self.action), sharing.acl()) {
            (Some(wanted), Some(acl)) => grants(acl, wanted),
            _ => false,
        }
    }

    fn policies(&self, with_bucket: bool, granted: bool) -> Decision {
        let policy = self.sharing.and_then(|it| it.policy.as_ref());
        let mut context = Cow::Borrowed(self.context);
        if let Some(sharing) = self.sharing.filter(|it| it.tags.is_some()) {
            context::insert_bucket_tags(context.to_mut(), sharing);
        }
        authorize(&Access {
            caller: self.caller,
            action: self.action,
            resource: self.resource,
            resource_account: self.owner,
            context: &context,
            resource_policy: policy.filter(|_| with_bucket).map(|it| &it.policy),
            authority: Authority::Account,
            grant: granted.then_some(ACL),
        })
    }

    fn ask(&self, with_bucket: bool, granted: bool) -> Result<(), S3Error> {
        match self.policies(with_bucket, granted) {
            Decision::Allowed => Ok(()),
            Decision::Denied(denial) => Err(self.refusal(denial)),
        }
    }

    /// AWS explains a refusal only to those of the bucket's own account.
    fn refusal(&self, denial: sealgate_policy::Denial) -> S3Error {
        let principal = &self.caller.principal;
        if principal.account_id == self.owner && !matches!(principal.kind, PrincipalKind::Anonymous)
        {
            S3Error::new(Code::AccessDenied, denial.message())
        } else {
            Code::AccessDenied.into()
        }
    }
}

/// Whether an action is about an object that exists, so that its owner, its list and its tags count.
pub(crate) fn is_about_existing(action: &str) -> bool {
    Permission::of_object(action).is_some()
        || matches!(
            action,
            "s3:DeleteObjectTagging"
                | "s3:DeleteObjectVersionTagging"
                | "s3:GetObjectAttributes"
                | "s3:GetObjectTagging"
                | "s3:GetObjectVersionAttributes"
                | "s3:GetObjectVersionTagging"
                | "s3:PutObjectTagging"
                | "s3:PutObjectVersionTagging"
                | "s3:UpdateObjectEncryption"
        )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use bytes::Bytes;
    use sealgate_index::Bucket;
    use sealgate_policy::{AttachedPolicy, Environment, Policy, Principal};
    use serde_json::{Value, json};
    use time::OffsetDateTime;

    use super::super::SharingCache;
    use super::super::acl::{Grant, Grantee, Group};
    use super::super::ownership::{Controls, Ownership};
    use super::super::public_access_block::Setting;
    use super::*;
    use crate::document::Document;

    const OWNER: &str = "111111111111";
    const OTHER: &str = "222222222222";

    fn caller(account: &str, kind: PrincipalKind, policy: Option<Value>) -> Caller {
        let name = match &kind {
            PrincipalKind::User { name } => format!("user/{name}"),
            _ => "root".to_owned(),
        };
        let principal = Principal {
            account_id: account.to_owned(),
            kind,
            arn: format!("arn:aws:iam::{account}:{name}"),
            id: "id".to_owned(),
            access_key_id: None,
        };
        let environment = Environment {
            source_ip: None,
            secure_transport: false,
            user_agent: None,
            now: OffsetDateTime::UNIX_EPOCH,
            region: "us-east-1".to_owned(),
        };
        let mut caller = Caller::new(principal, environment);
        caller.identity_policies = policy
            .map(|statement| {
                let text = json!({ "Statement": statement }).to_string();
                AttachedPolicy::new("own", Policy::parse_identity(&text).unwrap())
            })
            .into_iter()
            .collect();
        caller
    }

    fn root(account: &str) -> Caller {
        caller(account, PrincipalKind::Root, None)
    }

    fn user(account: &str, policy: Option<Value>) -> Caller {
        let name = "u".to_owned();
        caller(account, PrincipalKind::User { name }, policy)
    }

    fn anonymous() -> Caller {
        caller("", PrincipalKind::Anonymous, None)
    }

    fn may_read() -> Option<Value> {
        Some(json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}))
    }

    /// A bucket of the first account in which nothing is blocked.
    #[derive(Default)]
    struct World {
        policy: Option<Value>,
        ownership: Option<Ownership>,
        acl: Option<Acl>,
        restrict: bool,
        ignore: bool,
    }

    impl World {
        fn sharing(&self) -> Arc<Sharing> {
            let mut config: BTreeMap<String, Bytes> = BTreeMap::new();
            let mut block = Setting(None);
            if self.restrict || self.ignore {
                let text = format!(
                    "<B><RestrictPublicBuckets>{}</RestrictPublicBuckets><IgnorePublicAcls>{}</IgnorePublicAcls></B>",
                    self.restrict, self.ignore
                );
                let root = crate::xml::Element::parse(text.as_bytes(), "B").unwrap();
                block = Setting::parse(&root).unwrap();
            }
            config.insert(Setting::KIND.into(), block.to_bytes().unwrap());
            let ownership = Controls(Some(
                self.ownership.unwrap_or(Ownership::BucketOwnerEnforced),
            ));
            config.insert(Controls::KIND.into(), ownership.to_bytes().unwrap());
            if let Some(statement) = &self.policy {
                let text = json!({ "Statement": statement }).to_string();
                config.insert("policy".into(), text.into());
            }
            if let Some(acl) = &self.acl {
                config.insert(Acl::KIND.into(), acl.to_bytes().unwrap());
            }
            let bucket = Bucket { config, ..bucket() };
            SharingCache::default()
                .get(&Arc::new(bucket), None)
                .unwrap()
        }

        fn allows(&self, caller: &Caller, action: &str, object: Option<&ObjectAccess>) -> bool {
            let sharing = self.sharing();
            let account = caller.principal.account_id.as_str();
            let canonical_id = match account {
                OWNER => "owner",
                OTHER => "other",
                _ => "",
            };
            let objects = action.contains("Object");
            Question {
                caller,
                asker: Asker {
                    canonical_id,
                    anonymous: account.is_empty(),
                },
                action,
                resource: if objects {
                    "arn:aws:s3:::mine/k"
                } else {
                    "arn:aws:s3:::mine"
                },
                owner: OWNER,
                context: &Context::new(),
                sharing: Some(&sharing),
                object,
            }
            .answer()
            .is_ok()
        }
    }

    fn bucket() -> Bucket {
        crate::access::tests::bucket("mine", OWNER)
    }

    fn statement(effect: &str, principal: Value) -> Option<Value> {
        Some(json!({
            "Effect": effect, "Principal": principal, "Action": "s3:*",
            "Resource": ["arn:aws:s3:::mine", "arn:aws:s3:::mine/*"],
        }))
    }

    fn acl(owner: &str, grantee: Grantee, permission: Permission) -> Acl {
        let mut acl = Acl::private(owner);
        acl.grants.push(Grant {
            grantee,
            permission,
        });
        acl
    }

    #[test]
    fn without_a_policy_a_bucket_is_its_accounts() {
        let world = World::default();
        for (caller, allowed) in [
            (root(OWNER), true),
            (user(OWNER, may_read()), true),
            (user(OWNER, None), false),
            (root(OTHER), false),
            (user(OTHER, may_read()), false),
            (anonymous(), false),
        ] {
            assert_eq!(world.allows(&caller, "s3:GetObject", None), allowed);
        }
    }

    #[test]
    fn a_policy_allows_across_accounts_only_with_the_identity() {
        let world = World {
            policy: statement("Allow", json!({ "AWS": OTHER })),
            ..World::default()
        };
        assert!(world.allows(&root(OTHER), "s3:GetObject", None));
        assert!(world.allows(&user(OTHER, may_read()), "s3:GetObject", None));
        assert!(!world.allows(&user(OTHER, None), "s3:GetObject", None));
        assert!(!world.allows(&anonymous(), "s3:GetObject", None));
    }

    #[test]
    fn restricted_public_buckets_are_for_their_own_account() {
        for (principal, others) in [(json!("*"), false), (json!({ "AWS": OTHER }), true)] {
            let world = World {
                policy: statement("Allow", principal),
                restrict: true,
                ..World::default()
            };
            assert_eq!(world.allows(&root(OTHER), "s3:GetObject", None), others);
            assert!(!world.allows(&anonymous(), "s3:GetObject", None));
            assert!(world.allows(&root(OWNER), "s3:GetObject", None));
        }
    }

    #[test]
    fn only_the_owners_root_user_keeps_the_policy_whatever_it_says() {
        let world = World {
            policy: statement("Deny", json!("*")),
            ..World::default()
        };
        for action in POLICY_ACTIONS {
            assert!(world.allows(&root(OWNER), action, None));
            assert!(!world.allows(&user(OWNER, may_read()), action, None));
            assert!(!world.allows(&root(OTHER), action, None));
        }
        assert!(!world.allows(&root(OWNER), "s3:ListBucket", None));
    }

    #[test]
    fn lists_count_unless_ownership_is_enforced_or_they_are_ignored() {
        let public = || {
            Some(acl(
                "owner",
                Grantee::Group(Group::AllUsers),
                Permission::Read,
            ))
        };
        for (ownership, ignore, allowed) in [
            (Ownership::ObjectWriter, false, true),
            (Ownership::BucketOwnerPreferred, false, true),
            (Ownership::ObjectWriter, true, false),
            (Ownership::BucketOwnerEnforced, false, false),
        ] {
            let world = World {
                ownership: Some(ownership),
                acl: public(),
                ignore,
                ..World::default()
            };
            let object = ObjectAccess {
                acl: public(),
                ..ObjectAccess::default()
            };
            for caller in [anonymous(), root(OTHER), user(OTHER, may_read())] {
                assert_eq!(world.allows(&caller, "s3:ListBucket", None), allowed);
                let read = world.allows(&caller, "s3:GetObject", Some(&object));
                assert_eq!(read, allowed);
                // The bucket's list says nothing of objects, and to read is not to write.
                let bare = ObjectAccess::default();
                assert!(!world.allows(&caller, "s3:GetObject", Some(&bare)));
                assert!(!world.allows(&caller, "s3:PutObject", None));
                assert!(!world.allows(&caller, "s3:PutObjectAcl", Some(&object)));
            }
            assert!(!world.allows(&user(OTHER, None), "s3:ListBucket", None));
            assert!(!world.allows(&user(OWNER, None), "s3:ListBucket", None));
        }
    }

    #[test]
    fn a_denial_outweighs_a_list() {
        let world = World {
            ownership: Some(Ownership::ObjectWriter),
            acl: Some(acl(
                "owner",
                Grantee::Group(Group::AllUsers),
                Permission::Write,
            )),
            policy: statement("Deny", json!({ "AWS": OTHER })),
            ..World::default()
        };
        assert!(world.allows(&anonymous(), "s3:PutObject", None));
        assert!(!world.allows(&root(OTHER), "s3:PutObject", None));
    }

    #[test]
    fn an_object_of_somebody_else_is_theirs_to_share() {
        let world = |policy| World {
            ownership: Some(Ownership::ObjectWriter),
            policy,
            ..World::default()
        };
        let open = statement("Allow", json!("*"));
        let theirs = ObjectAccess {
            owner: Some("other".to_owned()),
            ..ObjectAccess::default()
        };
        // The writer, who was never allowed to read, reads; the bucket's owner does not, nor does
        // anybody whom the bucket's policy allows.
        assert!(world(None).allows(&root(OTHER), "s3:GetObject", Some(&theirs)));
        assert!(world(None).allows(&root(OTHER), "s3:PutObjectAcl", Some(&theirs)));
        assert!(!world(None).allows(&root(OWNER), "s3:GetObject", Some(&theirs)));
        assert!(!world(open.clone()).allows(&anonymous(), "s3:GetObject", Some(&theirs)));
        // But the bucket's owner can delete it, and forbid its use.
        assert!(world(None).allows(&root(OWNER), "s3:DeleteObject", Some(&theirs)));
        let denied = world(statement("Deny", json!({ "AWS": OTHER })));
        assert!(!denied.allows(&root(OTHER), "s3:GetObject", Some(&theirs)));
        // What the writer grants counts.
        let shared = ObjectAccess {
            acl: Some(acl(
                "other",
                Grantee::Account("owner".to_owned()),
                Permission::FullControl,
            )),
            ..theirs.clone()
        };
        assert!(world(None).allows(&root(OWNER), "s3:GetObject", Some(&shared)));
        assert!(world(None).allows(&user(OWNER, may_read()), "s3:GetObject", Some(&shared)));
        assert!(!world(None).allows(&user(OWNER, None), "s3:GetObject", Some(&shared)));
        // Once ownership is enforced it is the bucket owner's after all.
        let enforced = World::default();
        assert!(enforced.allows(&root(OWNER), "s3:GetObject", Some(&theirs)));
        assert!(!enforced.allows(&root(OTHER), "s3:GetObject", Some(&theirs)));
    }

    #[test]
    fn damaged_documents_allow_nothing() {
        for (kind, text) in [
            ("policy", "{"),
            ("policy", "\"\""),
            (Setting::KIND, "{}"),
            (Controls::KIND, "\"Nobody\""),
            (Acl::KIND, "[]"),
        ] {
            let bucket = Bucket {
                config: [(kind.to_owned(), Bytes::from_static(text.as_bytes()))].into(),
                ..bucket()
            };
            assert!(
                SharingCache::default()
                    .get(&Arc::new(bucket), None)
                    .is_err()
            );
        }
    }
}
