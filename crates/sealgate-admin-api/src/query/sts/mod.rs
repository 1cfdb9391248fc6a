//! STS over the Query protocol.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html>

mod answers;
mod parameters;

use sealgate_audit::Resource;
use sealgate_iam::{Authenticated, Iam, RoleArn, StsError};
use sealgate_policy::Caller;
use serde_json::json;

use super::Failure;
use super::form::Form;
use super::xml::Xml;
use crate::audit::CallRecord;
use crate::words;

/// The namespace of the answers.
pub const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
/// The version of the API.
pub const VERSION: &str = "2011-06-15";

/// Operations whose proof is a token or an assertion in the form.
const UNSIGNED: [&str; 2] = ["AssumeRoleWithWebIdentity", "AssumeRoleWithSAML"];

impl From<StsError> for Failure {
    fn from(error: StsError) -> Failure {
        if let Some(detail) = error.detail().filter(|detail| !detail.is_empty()) {
            tracing::error!(detail, "an operation of STS failed");
        }
        Failure {
            status: error.status(),
            code: error.code().to_owned(),
            message: error.message(),
        }
    }
}

/// May this operation be asked for without a signature?
pub fn is_unsigned(operation: &str) -> bool {
    UNSIGNED.contains(&operation)
}

/// An operation of AWS that is not implemented, and why.
pub fn not_implemented(operation: &str) -> Failure {
    let why = match operation {
        "AssumeRoleWithSAML" => "SAML assertions are not checked; use AssumeRoleWithWebIdentity.",
        "AssumeRoot" => "There are no organizations whose members' root users could be assumed.",
        "DecodeAuthorizationMessage" => {
            "Refusals say in clear what was refused and why; there are no encoded messages."
        }
        "GetDelegatedAccessToken" => "There are no delegation requests.",
        "GetWebIdentityToken" => "Sealgate is no identity provider to others.",
        _ => return Failure::not_implemented("STS", operation),
    };
    Failure::unsupported(&format!(
        "{} {why}",
        words::not_implemented("STS", operation)
    ))
}

/// One request.
pub struct Call<'a> {
    /// The identities.
    pub iam: &'a Iam,
    /// Who asks.
    pub auth: &'a Authenticated,
    /// The parameters.
    pub form: &'a Form,
    /// May secrets travel over this connection?
    pub may_show_secrets: bool,
}

impl Call<'_> {
    /// Runs the operation of this name, one of [`crate::operations::STS`]. What the trail shall keep
    /// goes into `record` as soon as it is known.
    pub async fn run(&self, operation: &str, record: &mut CallRecord) -> Result<Xml, Failure> {
        record.request_parameters = parameters::recorded(self.form);
        match operation {
            "GetCallerIdentity" => Ok(answers::caller_identity(self.caller())),
            "GetAccessKeyInfo" => self.get_access_key_info().await,
            "AssumeRole" => self.assume_role(record).await,
            "AssumeRoleWithWebIdentity" => self.assume_role_with_web_identity(record).await,
            "GetSessionToken" => self.get_session_token(record).await,
            "GetFederationToken" => self.get_federation_token(record).await,
            other => Err(not_implemented(other)),
        }
    }

    fn caller(&self) -> &Caller {
        &self.auth.caller
    }

    /// Credentials are shown only where nobody else sees them.
    fn with_credentials(&self) -> Result<(), Failure> {
        if self.may_show_secrets {
            return Ok(());
        }
        Err(Failure {
            status: 400,
            code: "InvalidRequest".into(),
            message: words::CLEARTEXT.into(),
        })
    }

    async fn get_access_key_info(&self) -> Result<Xml, Failure> {
        let id = parameters::access_key_id(self.form)?;
        let account = self.iam.access_key_account(self.caller(), &id).await?;
        let mut xml = Xml::new();
        xml.text("Account", &account);
        Ok(xml)
    }

    async fn assume_role(&self, record: &mut CallRecord) -> Result<Xml, Failure> {
        self.with_credentials()?;
        let request = parameters::assume_role(self.form)?;
        // The account of the role sees as well who came in; one that does not exist sees nothing.
        if request.role.account_id() != self.caller().principal.account_id
            && self.account_exists(&request.role).await?
        {
            record
                .shared_with
                .push(request.role.account_id().to_owned());
        }
        record.resources.push(role_resource(&request.role));
        let done = self
            .iam
            .assume_role(self.caller(), &self.auth.transitive_tags, &request)
            .await?;
        record.response_elements = answers::recorded_role(&done);
        Ok(answers::assumed_role(&done, |_| {}))
    }

    async fn assume_role_with_web_identity(&self, record: &mut CallRecord) -> Result<Xml, Failure> {
        self.with_credentials()?;
        let (request, token) = parameters::assume_role_with_web_identity(self.form)?;
        // Nobody's call, until the token says whose: it is told to the account that it concerns.
        if self.account_exists(&request.role).await? {
            record.recipient = Some(request.role.account_id().to_owned());
        }
        record.resources.push(role_resource(&request.role));
        let environment = self.caller().environment.clone();
        let identity = self
            .iam
            .web_identity(request.role.account_id(), token, environment)
            .await?;
        record.caller = Some(identity.caller.clone());
        let done = self
            .iam
            .assume_role_with_web_identity(&identity, &request)
            .await?;
        let mut recorded = answers::recorded_role(&done);
        if let Some(fields) = recorded.as_object_mut() {
            fields.insert(
                "subjectFromWebIdentityToken".into(),
                identity.subject().into(),
            );
            fields.insert("provider".into(), identity.provider.as_str().into());
            fields.insert("audience".into(), identity.audience().into());
        }
        record.response_elements = recorded;
        Ok(answers::assumed_role(&done, |xml| {
            xml.text("SubjectFromWebIdentityToken", identity.subject());
            xml.text("Provider", &identity.provider);
            xml.text("Audience", identity.audience());
        }))
    }

    async fn get_session_token(&self, record: &mut CallRecord) -> Result<Xml, Failure> {
        self.with_credentials()?;
        let duration = parameters::session_token(self.form)?;
        let credentials = self.iam.session_token(self.caller(), duration).await?;
        record.response_elements =
            json!({ "credentials": answers::recorded_credentials(&credentials) });
        let mut xml = Xml::new();
        answers::credentials(&mut xml, &credentials);
        Ok(xml)
    }

    async fn get_federation_token(&self, record: &mut CallRecord) -> Result<Xml, Failure> {
        self.with_credentials()?;
        let request = parameters::federation_token(self.form)?;
        let done = self.iam.federation_token(self.caller(), &request).await?;
        record.response_elements = answers::recorded_federation(&done);
        Ok(answers::federation_token(&done))
    }

    async fn account_exists(&self, role: &RoleArn) -> Result<bool, Failure> {
        Ok(self.iam.account(role.account_id()).await?.is_some())
    }
}

fn role_resource(role: &RoleArn) -> Resource {
    Resource {
        account_id: role.account_id().to_owned(),
        kind: "AWS::IAM::Role".into(),
        arn: role.as_str().to_owned(),
    }
}
