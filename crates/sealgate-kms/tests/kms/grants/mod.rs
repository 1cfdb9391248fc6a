//! Grants: what they permit, to whom, under which contexts, and who makes and ends them.

mod ends;
mod making;
mod permits;

use std::sync::Arc;

use sealgate_kms::{
    CreateGrantRequest, CreatedGrant, CryptoOptions, EncryptionContext, GrantConstraints,
    GrantListEntry, KmsError, ListGrantsRequest, PutKeyPolicyRequest, RetireGrantRequest,
};
use sealgate_policy::{AttachedPolicy, Caller, Policy, PrincipalKind, Session};
use time::Duration;

use crate::world::{ACCOUNT, World, call, code, pairs};

const DENIED: &str = "AccessDeniedException";
/// An id of valid form that is no grant's.
const NO_GRANT: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn user(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:user/{name}")
}

fn to(grantee: &str, operations: &[&str]) -> CreateGrantRequest {
    CreateGrantRequest {
        grantee_principal: grantee.to_owned(),
        operations: operations.iter().map(|&it| it.to_owned()).collect(),
        ..Default::default()
    }
}

fn equals(context: &[(&str, &str)]) -> GrantConstraints {
    GrantConstraints {
        encryption_context_equals: pairs(context),
        ..Default::default()
    }
}

fn subset(context: &[(&str, &str)]) -> GrantConstraints {
    GrantConstraints {
        encryption_context_subset: pairs(context),
        ..Default::default()
    }
}

/// A session of the role `backup`.
fn session(world: &World, session_policy: Option<&str>) -> Caller {
    let mut caller = world.user("backup", &[]);
    caller.principal.arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/backup/run-1");
    caller.principal.kind = PrincipalKind::AssumedRole {
        role_name: "backup".to_owned(),
        role_arn: format!("arn:aws:iam::{ACCOUNT}:role/jobs/backup"),
        session_name: "run-1".to_owned(),
    };
    let policies = session_policy.map(|text| {
        Arc::from([AttachedPolicy::new(
            "session",
            Policy::parse_identity(text).unwrap(),
        )])
    });
    caller.session = Some(Arc::new(Session {
        issued: world.now(),
        expires: world.now() + Duration::hours(1),
        mfa_at: None,
        source_identity: None,
        federated_provider: None,
        policies,
    }));
    caller
}

impl World {
    async fn grant(&self, key: &str, request: CreateGrantRequest) -> CreatedGrant {
        self.grant_as(&self.root(), key, request).await.unwrap()
    }

    async fn grant_as(
        &self,
        caller: &Caller,
        key: &str,
        request: CreateGrantRequest,
    ) -> Result<CreatedGrant, KmsError> {
        self.kms.create_grant(&call(caller), key, request).await
    }

    async fn grants(&self, key: &str) -> Vec<GrantListEntry> {
        let listed = self
            .kms
            .list_grants(&call(&self.root()), key, ListGrantsRequest::default())
            .await;
        listed.unwrap().items
    }

    async fn encrypt_under(
        &self,
        caller: &Caller,
        key: &str,
        context: &EncryptionContext,
    ) -> &'static str {
        let options = CryptoOptions::default();
        code(
            self.kms
                .encrypt(&call(caller), key, b"x", context, &options)
                .await,
        )
    }

    async fn retire(&self, caller: &Caller, key: &str, grant: &CreatedGrant) -> &'static str {
        let request = RetireGrantRequest {
            key_id: Some(key.to_owned()),
            grant_id: Some(grant.grant_id.clone()),
            ..Default::default()
        };
        code(self.kms.retire_grant(&call(caller), request).await)
    }

    async fn put_policy(&self, key: &str, statement: &str) {
        let policy = format!(
            r#"{{ "Version": "2012-10-17", "Statement": [
                {{ "Effect": "Allow", "Principal": {{ "AWS": "arn:aws:iam::{ACCOUNT}:root" }},
                   "Action": "kms:*", "Resource": "*" }}, {statement} ] }}"#
        );
        let request = PutKeyPolicyRequest {
            policy,
            ..Default::default()
        };
        self.kms
            .put_key_policy(&call(&self.root()), key, request)
            .await
            .unwrap();
    }
}
