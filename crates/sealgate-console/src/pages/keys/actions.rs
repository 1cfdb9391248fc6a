//! What is done to a key from its page. Each is one operation of the API.

use hyper::body::Incoming;
use serde_json::{Value, json};

use super::detail;
use super::view::{Doing, Draft};
use super::{dependents, grants, material};
use crate::fault::Fault;
use crate::forms::Form;
use crate::pages::finished;
use crate::response::Page;
use crate::visit::Visit;

/// An operation, its input, the tab to come back to, and the words when it is done.
struct Step {
    operation: &'static str,
    input: Value,
    tab: &'static str,
    done: String,
}

/// A form of the page of the key `id` was sent.
pub(crate) async fn act(
    visit: &Visit,
    id: &str,
    action: &str,
    body: Incoming,
) -> Result<Page, Fault> {
    let form = Form::of_session(visit, body).await?;
    match action {
        "policy" => return policy(visit, id, &form).await,
        "import" => return material::import(visit, id, &form).await,
        "grant-create" => return grants::create(visit, id, &form).await,
        "delete" => return dependents::delete(visit, id, &form).await,
        _ => {}
    }
    let step = step(id, action, &form)?;
    let place = match step.tab {
        "" => format!("/console/keys/{id}"),
        tab => format!("/console/keys/{id}?tab={tab}"),
    };
    let actor = visit.actor()?;
    let outcome = async { actor.kms(step.operation, &step.input).await.map(drop) };
    finished(visit, &form, &place, step.done, outcome).await
}

fn step(id: &str, action: &str, form: &Form) -> Result<Step, Fault> {
    let by_id = || json!({ "KeyId": id });
    let (operation, input, tab, done) = match action {
        "enable" => ("EnableKey", by_id(), "", "The key is enabled.".to_owned()),
        "disable" => (
            "DisableKey",
            by_id(),
            "",
            "The key is disabled: nobody can use it until it is enabled again.".to_owned(),
        ),
        "describe" => (
            "UpdateKeyDescription",
            json!({ "KeyId": id, "Description": form.get("description") }),
            "",
            "The description is changed.".to_owned(),
        ),
        "alias-add" => {
            let name = format!("alias/{}", form.get("alias"));
            (
                "CreateAlias",
                json!({ "AliasName": name, "TargetKeyId": id }),
                "",
                format!("{name} is there."),
            )
        }
        "alias-remove" => {
            let name = format!("alias/{}", form.get("alias"));
            (
                "DeleteAlias",
                json!({ "AliasName": name }),
                "",
                format!("{name} is gone. The key is not."),
            )
        }
        "keep" => (
            "CancelKeyDeletion",
            by_id(),
            "",
            "The key stays. It is disabled; enable it to use it.".to_owned(),
        ),
        "tag-add" => (
            "TagResource",
            json!({ "KeyId": id, "Tags": [{ "TagKey": form.get("key"), "TagValue": form.get("value") }] }),
            "tags",
            format!("The tag {} is set.", form.get("key")),
        ),
        "tag-remove" => (
            "UntagResource",
            json!({ "KeyId": id, "TagKeys": [form.raw("key")] }),
            "tags",
            format!("The tag {} is gone.", form.raw("key")),
        ),
        "grant-revoke" => (
            "RevokeGrant",
            json!({ "KeyId": id, "GrantId": form.get("grant") }),
            "grants",
            "The grant is revoked.".to_owned(),
        ),
        "grant-retire" => (
            "RetireGrant",
            // This operation takes no id of a key, but its ARN only.
            json!({ "KeyId": form.get("key_arn"), "GrantId": form.get("grant") }),
            "grants",
            "The grant is retired.".to_owned(),
        ),
        "alias-move" => {
            let name = format!("alias/{}", form.get("alias"));
            (
                "UpdateAlias",
                json!({ "AliasName": name, "TargetKeyId": form.get("target") }),
                "",
                format!("{name} points to {} now.", form.get("target")),
            )
        }
        "material-delete" => {
            let mut input = by_id();
            if !form.get("material").is_empty() {
                input["KeyMaterialId"] = form.get("material").into();
            }
            (
                "DeleteImportedKeyMaterial",
                input,
                "material",
                "The material is deleted here. Import the very same to use the key again."
                    .to_owned(),
            )
        }
        "material-rotate" => (
            "RotateKeyOnDemand",
            by_id(),
            "material",
            "What is sealed from now on is under the new material.".to_owned(),
        ),
        "rotation-on" => {
            let days: u32 = form
                .get("days")
                .parse()
                .map_err(|_| Fault::Form("The number of days is no number."))?;
            (
                "EnableKeyRotation",
                json!({ "KeyId": id, "RotationPeriodInDays": days }),
                "rotation",
                format!("New material is made every {days} days."),
            )
        }
        "rotation-off" => (
            "DisableKeyRotation",
            by_id(),
            "rotation",
            "The key is not rotated by schedule any more.".to_owned(),
        ),
        "rotate" => (
            "RotateKeyOnDemand",
            by_id(),
            "rotation",
            "New material is being made. What is under the old one stays readable.".to_owned(),
        ),
        _ => return Err(Fault::NotFound),
    };
    Ok(Step {
        operation,
        input,
        tab,
        done,
    })
}

/// A policy is first shown as what it changes, and then saved.
async fn policy(visit: &Visit, id: &str, form: &Form) -> Result<Page, Fault> {
    let policy = form.raw("policy").to_owned();
    let problem = match serde_json::from_str::<Value>(&policy) {
        Err(error) => Some(format!("This is not JSON: {error}.")),
        Ok(_) => None,
    };
    if problem.is_some() || form.get("go") != "save" {
        let draft = Doing::Policy(Draft { policy, problem });
        return detail::show(visit, id, Some(draft)).await;
    }
    let actor = visit.actor()?;
    let input = json!({ "KeyId": id, "PolicyName": "default", "Policy": policy });
    match actor.kms("PutKeyPolicy", &input).await {
        Ok(_) => {
            visit.tell(true, "The policy is in force.");
            let place = format!("/console/keys/{id}?tab=policy");
            Ok(crate::response::see_other(&place))
        }
        Err(Fault::Refused(refusal)) => {
            let problem = Some(refusal.words().to_owned());
            let draft = Doing::Policy(Draft { policy, problem });
            detail::show(visit, id, Some(draft)).await
        }
        Err(fault) => Err(fault),
    }
}
