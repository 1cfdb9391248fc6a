//! One attempt of one operation. It gathers what the trail shall show and ends in exactly one event,
//! whatever comes of it; this is the only place that makes events of calls.

use sealgate_audit::{Event, Resource};
use sealgate_policy::{Caller, Context, Denial, PrincipalKind};
use sealgate_trust::xks::RequestMetadata;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::arn::{AccountId, KeyId};
use crate::error::KmsError;
use crate::operation::Operation;
use crate::types::Call;
use crate::usage::KeyUse;

/// The service as the trail names it.
pub(crate) const EVENT_SOURCE: &str = "kms.amazonaws.com";
/// CloudTrail has one type for keys and aliases.
const RESOURCE_TYPE: &str = "AWS::KMS::Key";
/// A text of the client that is longer is cut in the trail: it was refused for its length.
const MAX_TEXT: usize = 32_768;

/// An attempt. It owns what it needs, so that a change can go on when its caller is gone.
pub(crate) struct Attempt {
    pub operation: Operation,
    pub caller: Caller,
    request_id: String,
    via: Option<String>,
    parameters: Map<String, Value>,
    response: Map<String, Value>,
    additional: Map<String, Value>,
    resources: Vec<Resource>,
}

impl Attempt {
    pub(crate) fn begin(call: &Call<'_>, operation: Operation) -> Attempt {
        Attempt {
            operation,
            caller: call.caller.clone(),
            request_id: call.request_id.to_owned(),
            via: call.via.map(str::to_owned),
            parameters: Map::new(),
            response: Map::new(),
            additional: Map::new(),
            resources: Vec::new(),
        }
    }

    /// The time that counts for this attempt.
    pub(crate) fn now(&self) -> OffsetDateTime {
        self.caller.environment.now
    }

    /// The caller's account. Nobody calls the KMS without one.
    pub(crate) fn account(&self) -> Result<AccountId, KmsError> {
        let principal = &self.caller.principal;
        match principal.kind {
            PrincipalKind::Anonymous => Err(KmsError::AccessDenied(format!(
                "Anonymous callers are not authorized to perform: {}",
                self.operation.action()
            ))),
            _ => principal.account_id.parse().map_err(|()| {
                KmsError::Internal("the caller's account id does not have 12 digits".to_owned())
            }),
        }
    }

    /// The condition keys that every operation supplies.
    pub(crate) fn context(&self) -> Context {
        let mut context = Context::new();
        context.insert(
            "kms:CallerAccount",
            self.caller.principal.account_id.as_str(),
        );
        if let Some(via) = &self.via {
            context.insert("kms:ViaService", via.as_str());
        }
        if let Some(source) = &self.caller.source {
            context.insert("aws:SourceArn", source.arn.as_str());
            context.insert("aws:SourceAccount", source.account_id.as_str());
        }
        context
    }

    /// Notes a parameter of the request.
    pub(crate) fn parameter(&mut self, name: &str, value: impl Into<Value>) {
        let mut value = value.into();
        if let Value::String(text) = &mut value
            && text.len() > MAX_TEXT
        {
            text.truncate(text.floor_char_boundary(MAX_TEXT));
        }
        self.parameters.insert(name.to_owned(), value);
    }

    /// Notes a parameter of the request, if it was given.
    pub(crate) fn optional(&mut self, name: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.parameter(name, value);
        }
    }

    /// Notes an element of the answer to a change.
    pub(crate) fn responds(&mut self, name: &str, value: impl Into<Value>) {
        self.response.insert(name.to_owned(), value.into());
    }

    /// True where a service calls on the caller's behalf.
    pub(crate) fn is_for_service(&self) -> bool {
        self.via.is_some()
    }

    /// Notes something that is neither of the request nor of the answer.
    pub(crate) fn notes(&mut self, field: &str, value: impl Into<Value>) {
        self.additional.insert(field.to_owned(), value.into());
    }

    /// Notes what decided a refusal: the Deny statement, or the kind of policy that allowed nothing. The
    /// trail is for those who look after the policies, so it names what the answer to the caller does not.
    pub(crate) fn refused_by(&mut self, denial: &Denial) {
        let mut decided_by = json!({ "policyType": denial.policy_type().to_string() });
        if let Some(members) = decided_by.as_object_mut() {
            match denial.statement() {
                Some(statement) => {
                    members.insert("effect".to_owned(), "Deny".into());
                    members.insert(
                        "policyName".to_owned(),
                        statement.policy_name.as_str().into(),
                    );
                    members.insert("statement".to_owned(), (statement.index + 1).into());
                    if let Some(sid) = &statement.sid {
                        members.insert("sid".to_owned(), sid.as_str().into());
                    }
                }
                None => {
                    members.insert("effect".to_owned(), "NoAllow".into());
                }
            }
        }
        self.notes("decidedBy", decided_by);
    }

    /// Notes which key material was used.
    pub(crate) fn used_material(&mut self, field: &str, id: &str) {
        self.additional.insert(field.to_owned(), id.into());
    }

    /// The keys that the operation used, if it was one of the cryptographic ones and succeeded: those that it
    /// was allowed to touch, with the material that it noted for them.
    pub(crate) fn uses(&self) -> Vec<KeyUse> {
        let fields: &[&str] = match self.operation {
            Operation::ReEncrypt => &["sourceKeyMaterialId", "destinationKeyMaterialId"],
            _ => &["keyMaterialId"],
        };
        let last = self.resources.len().saturating_sub(1);
        let used = |(at, field): (usize, &&str)| {
            // Source and destination may be the same key, which is touched once.
            let resource = self.resources.get(at.min(last))?;
            let (_, key) = resource.arn.rsplit_once('/')?;
            Some(KeyUse {
                account: resource.account_id.parse().ok()?,
                key: KeyId::parse(key)?.uuid(),
                material: self
                    .additional
                    .get(*field)
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            })
        };
        fields.iter().enumerate().filter_map(used).collect()
    }

    /// Notes a key or alias that the attempt is about.
    pub(crate) fn touched(&mut self, account: AccountId, arn: &str) {
        if self.resources.iter().all(|resource| resource.arn != arn) {
            self.resources.push(Resource {
                account_id: account.to_string(),
                kind: RESOURCE_TYPE.to_owned(),
                arn: arn.to_owned(),
            });
        }
    }

    /// True where the event of a success may be batched: a key was used, and nothing changed. These come at
    /// high rates; a commit for each would make the disk's latency that of every use.
    pub(crate) fn may_batch(&self) -> bool {
        self.operation.is_crypto()
    }

    pub(crate) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// What the proxy of an external key store is told of this attempt.
    pub(crate) fn told(&self, key_arn: Option<&str>) -> RequestMetadata {
        RequestMetadata {
            aws_principal_arn: self.caller.principal.arn.clone(),
            kms_key_arn: key_arn.map(str::to_owned),
            kms_operation: self.operation.name().to_owned(),
            kms_request_id: self.request_id.clone(),
            kms_via_service: self.via.clone(),
        }
    }

    /// The event of this attempt.
    pub(crate) fn into_event(self, error: Option<&KmsError>) -> Event {
        let mut event = Event::of(
            EVENT_SOURCE,
            self.operation.name(),
            self.caller,
            self.request_id,
        );
        if let Some(via) = &self.via {
            event.set_invoked_by(&service_principal(via));
        }
        event.request_parameters = object_or_null(self.parameters);
        event.additional = object_or_null(self.additional);
        event.resources = self.resources;
        event.share_with_owners();
        event.read_only = self.operation.is_read_only();
        match error {
            Some(error) => event.error = Some((error.code().to_owned(), error.message())),
            None => event.response_elements = object_or_null(self.response),
        }
        event
    }
}

/// `s3.us-east-1.amazonaws.com` calls itself `s3.amazonaws.com`.
fn service_principal(via: &str) -> String {
    let service = via.split('.').next().unwrap_or(via);
    format!("{service}.amazonaws.com")
}

fn object_or_null(fields: Map<String, Value>) -> Value {
    if fields.is_empty() {
        Value::Null
    } else {
        Value::Object(fields)
    }
}
