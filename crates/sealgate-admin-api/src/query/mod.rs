//! The Query protocol of IAM and STS: a form in, XML out.

pub mod form;
pub mod iam;
pub mod sts;
pub mod xml;

use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Method, StatusCode};
use sealgate_iam::{AuthFault, Authenticated, IamError, Service};
use sealgate_wire::Connection;
use serde_json::Value;

use crate::audit::CallRecord;
use crate::operations::{IAM, Known, STS};
use crate::reply::{Reply, reply};
use crate::{AdminApi, words};
use form::Form;
use xml::Xml;

const XML: &str = "text/xml";

/// Why an operation failed, in the words of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The HTTP status.
    pub status: u16,
    /// The code of the answer.
    pub code: String,
    /// The sentence for the client.
    pub message: String,
}

impl Failure {
    /// No policy allows it, or one forbids it.
    pub fn access_denied(message: String) -> Failure {
        Failure {
            status: 403,
            code: "AccessDenied".into(),
            message,
        }
    }

    /// An operation of AWS that is not implemented.
    pub fn not_implemented(api: &str, operation: &str) -> Failure {
        Failure::unsupported(&words::not_implemented(api, operation))
    }

    /// A part of an operation that is not implemented.
    pub fn unsupported(message: &str) -> Failure {
        Failure {
            status: 501,
            code: "NotImplemented".into(),
            message: message.to_owned(),
        }
    }

    /// There is no signature, and the operation needs one.
    fn unsigned() -> Failure {
        let words = words::auth(&AuthFault::MissingAuthenticationToken);
        Failure {
            status: words.query_status,
            code: words.query_code.to_owned(),
            message: words.message,
        }
    }

    fn internal() -> Failure {
        IamError::Internal(String::new()).into()
    }

    /// The code as CloudTrail shows it: IAM's own errors by the name of their exception.
    fn trail_code(&self) -> String {
        match self.code.as_str() {
            "NoSuchEntity"
            | "EntityAlreadyExists"
            | "LimitExceeded"
            | "DeleteConflict"
            | "MalformedPolicyDocument"
            | "InvalidInput"
            | "ConcurrentModification"
            | "PolicyNotAttachable"
            | "PasswordPolicyViolation"
            | "InvalidUserType"
            | "InvalidAuthenticationCode"
            | "ServiceFailure"
            | "PackedPolicyTooLarge"
            | "InvalidIdentityToken"
            | "IDPRejectedClaim"
            | "IDPCommunicationError" => format!("{}Exception", self.code),
            _ => self.code.clone(),
        }
    }
}

impl From<IamError> for Failure {
    fn from(error: IamError) -> Failure {
        if let Some(detail) = error.detail().filter(|detail| !detail.is_empty()) {
            tracing::error!(detail, "an identity operation failed");
        }
        Failure {
            status: error.status(),
            code: error.code().to_owned(),
            message: error.message(),
        }
    }
}

fn namespace(service: Service) -> &'static str {
    match service {
        Service::Sts => sts::NAMESPACE,
        _ => iam::NAMESPACE,
    }
}

fn refuse(service: Service, failure: &Failure, request_id: &str) -> Reply {
    let body = xml::failure(
        namespace(service),
        failure.status,
        &failure.code,
        &failure.message,
        request_id,
    );
    reply(failure.status, XML, body, request_id)
}

/// Answers a request of IAM or STS.
pub async fn handle(
    api: &AdminApi,
    parts: &Parts,
    body: &[u8],
    auth: &Authenticated,
    conn: &Connection,
    request_id: &str,
) -> Reply {
    let service = auth.service;
    match run(api, parts, body, auth, conn, request_id).await {
        Ok((operation, result)) => {
            let body = xml::success(namespace(service), operation, result, request_id);
            reply(StatusCode::OK.as_u16(), XML, body, request_id)
        }
        Err(failure) => refuse(service, &failure, request_id),
    }
}

async fn run(
    api: &AdminApi,
    parts: &Parts,
    body: &[u8],
    auth: &Authenticated,
    conn: &Connection,
    request_id: &str,
) -> Result<(&'static str, Option<Xml>), Failure> {
    let form = read_form(parts, body)?;
    let (operations, name, version, source) = match auth.service {
        Service::Sts => (&STS, "STS", sts::VERSION, "sts.amazonaws.com"),
        _ => (&IAM, "IAM", iam::VERSION, "iam.amazonaws.com"),
    };
    let Some(action) = form.get("Action").filter(|action| !action.is_empty()) else {
        return Err(Failure {
            status: 400,
            code: "MissingAction".into(),
            message: "The request is missing an action or a required parameter.".into(),
        });
    };
    let mut record = CallRecord::new(source, action);
    // Each API has one version, and knows no operation of another.
    let known = match form.get("Version") {
        Some(asked) if asked == version => operations.find(action),
        _ => Known::Unknown,
    };
    let (operation, outcome) = match known {
        Known::Unknown => {
            return Err(Failure {
                status: 400,
                code: "InvalidAction".into(),
                message: format!(
                    "Could not find operation {action} for version {}",
                    form.get("Version").unwrap_or("NO_VERSION_SPECIFIED")
                ),
            });
        }
        // Authentication lets nobody else through without a signature.
        Known::Implemented(operation) | Known::NotImplemented(operation)
            if auth.anonymous && !sts::is_unsigned(operation) =>
        {
            return Err(Failure::unsigned());
        }
        Known::NotImplemented(operation) if auth.service == Service::Sts => {
            record.read_only = true;
            (operation, Err(sts::not_implemented(operation)))
        }
        Known::NotImplemented(operation) => {
            record.read_only = iam::is_read_only(operation);
            (operation, Err(Failure::not_implemented(name, operation)))
        }
        Known::Implemented(operation) if auth.service == Service::Sts => {
            // As CloudTrail has it: nothing that is kept changes.
            record.read_only = true;
            let call = sts::Call {
                iam: &api.iam,
                auth,
                form: &form,
                may_show_secrets: api.cleartext.permits(conn),
            };
            let outcome = call.run(operation, &mut record).await;
            (operation, outcome.map(Some))
        }
        Known::Implemented(operation) => {
            record.read_only = iam::is_read_only(operation);
            record.request_parameters = iam::recorded_parameters(&form);
            let call = iam::Call {
                iam: &api.iam,
                caller: &auth.caller,
                form: &form,
                operation,
            };
            let outcome = if iam::carries_secrets(operation) && !api.cleartext.permits(conn) {
                Err(Failure {
                    status: 400,
                    code: "InvalidRequest".into(),
                    message: words::CLEARTEXT.into(),
                })
            } else {
                call.run().await
            };
            let outcome = outcome.map(|done| {
                record.response_elements = done.recorded;
                done.result
            });
            (operation, outcome)
        }
    };
    if let Err(failure) = &outcome {
        record.response_elements = Value::Null;
        record.error = Some((failure.trail_code(), failure.message.clone()));
    }
    // Durable before it is answered: a change that the trail does not know of must not look done.
    if api.record(record, &auth.caller, request_id).await.is_err() {
        return Err(Failure::internal());
    }
    outcome.map(|result| (operation, result))
}

fn read_form(parts: &Parts, body: &[u8]) -> Result<Form, Failure> {
    let malformed = |message: &str| Failure {
        status: 400,
        code: "MalformedInput".into(),
        message: message.into(),
    };
    if parts.method != Method::POST && parts.method != Method::GET {
        return Err(Failure {
            status: 405,
            code: "InvalidAction".into(),
            message: format!(
                "The method {} is not allowed: use POST or GET.",
                parts.method
            ),
        });
    }
    let form = parts.headers.get(CONTENT_TYPE).is_none_or(|value| {
        value
            .as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    if !body.is_empty() && !form {
        return Err(malformed(
            "The body must be application/x-www-form-urlencoded.",
        ));
    }
    let text = std::str::from_utf8(body).map_err(|_| malformed("The body is not text."))?;
    Ok(Form::parse(text, parts.uri.query()))
}

/// Answers a request whose sender is not known.
pub fn auth_error(service: Service, fault: &AuthFault, request_id: &str) -> Reply {
    let words = words::auth(fault);
    let failure = Failure {
        status: words.query_status,
        code: words.query_code.to_owned(),
        message: words.message,
    };
    refuse(service, &failure, request_id)
}

/// Answers a request whose body was not taken.
pub fn body_error(service: Service, status: u16, message: &str, request_id: &str) -> Reply {
    let failure = Failure {
        status,
        code: if status == 413 {
            "RequestEntityTooLarge"
        } else {
            "MalformedInput"
        }
        .into(),
        message: message.to_owned(),
    };
    refuse(service, &failure, request_id)
}
