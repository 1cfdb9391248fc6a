//! Users, roles and callers for the tests of STS.

use sealgate_policy::{Access, Authority, Caller, Context, Decision, Environment, authorize};
use time::OffsetDateTime;
use time::macros::datetime;

use super::*;
use crate::authenticate::AuthFault;
use crate::names::RoleName;
use crate::sts::{AssumeRole, AssumedRole, RoleArn, RoleSessionName, SessionPolicyRequest};
use crate::{
    EntityPath, Holder, NewRole, NewUser, SessionCredentials, SessionTags, StsError, Tags,
};

pub const NOW: OffsetDateTime = datetime!(2026-03-01 12:00:00 UTC);

pub fn environment(now: OffsetDateTime) -> Environment {
    Environment {
        source_ip: Some("10.1.2.3".parse().unwrap()),
        secure_transport: true,
        user_agent: Some("test/1".into()),
        now,
        region: "us-east-1".into(),
    }
}

/// A policy of one statement.
pub fn allow(action: &str, resource: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}]}}"#
    )
}

/// A trust policy of one statement; `further` is a `Condition`, or nothing.
pub fn trust(principal: &str, actions: &str, further: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":{actions}{further}}}]}}"#
    )
}

pub fn role_arn(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role/{name}")
}

pub fn user_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:user/{name}")
}

impl World {
    /// A new user with these policies, as a caller.
    pub async fn calling_user(&self, user: &str, policies: &[&str]) -> Caller {
        let new = NewUser {
            name: name(user),
            path: EntityPath::root(),
            boundary: None,
            tags: Tags::from([("team".into(), "red".into())]),
        };
        self.iam.create_user(ACCOUNT, &new).await.unwrap();
        self.give(ACCOUNT, &Holder::User(name(user)), policies)
            .await;
        let found = self.iam.user_permissions(ACCOUNT, user).await;
        found.unwrap().unwrap().caller(None, environment(NOW))
    }

    pub async fn calling_root(&self) -> Caller {
        let arn = format!("arn:aws:iam::{ACCOUNT}:root");
        let found = self.iam.caller_of(&arn, environment(NOW)).await;
        found.unwrap().unwrap()
    }

    pub async fn role(&self, account: &str, role: &str, trust: &str, policies: &[&str]) {
        let name = RoleName::parse(role).unwrap();
        let new = NewRole {
            max_session_duration: Some(7200),
            tags: Tags::from([
                ("stage".into(), "test".into()),
                ("Team".into(), "green".into()),
            ]),
            ..NewRole::named(name.clone(), trust)
        };
        self.iam.create_role(account, &new).await.unwrap();
        self.give(account, &Holder::Role(name), policies).await;
    }

    async fn give(&self, account: &str, holder: &Holder, policies: &[&str]) {
        for (at, document) in policies.iter().enumerate() {
            let name = policy(&format!("p{at}"));
            self.iam
                .put_inline_policy(account, holder, &name, document)
                .await
                .unwrap();
        }
    }

    /// Who the credentials stand for.
    pub async fn caller_with(
        &self,
        credentials: &SessionCredentials,
        now: OffsetDateTime,
    ) -> Result<(Caller, Tags), AuthFault> {
        let id = &credentials.access_key_id;
        let acting = self
            .iam
            .session(id, &credentials.token, environment(now))
            .await?;
        Ok((acting.caller, acting.transitive_tags))
    }

    pub async fn assume(
        &self,
        caller: &Caller,
        request: &AssumeRole,
    ) -> Result<AssumedRole, StsError> {
        self.iam.assume_role(caller, &Tags::new(), request).await
    }

    /// Code and message of a refusal.
    pub async fn refused(&self, caller: &Caller, request: &AssumeRole) -> (&'static str, String) {
        let error = self.assume(caller, request).await.err().unwrap();
        (error.code(), error.message())
    }
}

pub fn request(account: &str, role: &str) -> AssumeRole {
    AssumeRole {
        role: RoleArn::parse(&role_arn(account, role)).unwrap(),
        session_name: RoleSessionName::parse("s1").unwrap(),
        duration: None,
        policies: SessionPolicyRequest::default(),
        tags: SessionTags::default(),
        external_id: None,
        source_identity: None,
    }
}

/// May the caller do this to something of its own account?
pub fn may(caller: &Caller, action: &str, resource: &str) -> bool {
    let access = Access {
        caller,
        action,
        resource,
        resource_account: &caller.principal.account_id,
        context: &Context::new(),
        resource_policy: None,
        authority: Authority::Account,
        grant: None,
    };
    authorize(&access) == Decision::Allowed
}
