//! What is done to a user, group, role or policy from its page. Each is one operation of the API.

use hyper::body::Incoming;

use super::{Kind, access_key, document, place, policy_place};
use crate::fault::Fault;
use crate::forms::Form;
use crate::pages::{finished, link};
use crate::response::Page;
use crate::visit::Visit;

/// An operation, its parameters, the page to come back to, and the words when it is done.
struct Step {
    operation: String,
    parameters: Vec<(&'static str, String)>,
    place: String,
    done: String,
}

async fn carry_out(visit: &Visit, form: &Form, step: Step) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let parameters: Vec<(&str, &str)> = step
        .parameters
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let outcome = async { actor.iam(&step.operation, &parameters).await.map(drop) };
    finished(visit, form, &step.place, step.done, outcome).await
}

/// A form of the page of a user, group or role was sent.
pub(crate) async fn act(
    visit: &Visit,
    kind: Kind,
    name: &str,
    action: &str,
    body: Incoming,
) -> Result<Page, Fault> {
    let form = Form::of_session(visit, body).await?;
    match (action, kind) {
        ("inline", _) => return document::submit_inline(visit, kind, name, &form).await,
        ("trust", Kind::Role) => return document::submit_trust(visit, name, &form).await,
        ("key-create", Kind::User) => {
            let back = format!("{}?tab=keys", place(kind, name));
            return access_key::create(visit, &form, Some(name), &back).await;
        }
        ("delete", _) if form.get("confirm") != name => {
            visit.tell(false, "The name that was typed is another one.");
            return Ok(crate::response::see_other(&place(kind, name)));
        }
        _ => {}
    }
    let step = step(kind, name, action, &form)?;
    carry_out(visit, &form, step).await
}

fn step(kind: Kind, name: &str, action: &str, form: &Form) -> Result<Step, Fault> {
    let word = kind.word();
    let field = |field: &str| form.get(field).to_owned();
    let of = |rest: Vec<(&'static str, String)>| {
        let mut parameters = vec![(kind.parameter(), name.to_owned())];
        parameters.extend(rest);
        parameters
    };
    let status = |status: &str| {
        (
            "UpdateAccessKey".to_owned(),
            of(vec![
                ("AccessKeyId", field("key")),
                ("Status", status.to_owned()),
            ]),
            "keys",
        )
    };
    let password = form.raw("password").to_owned();
    let reset = if form.has("reset") { "true" } else { "false" }.to_owned();
    let policy = form.get("policy").rsplit('/').next().unwrap_or_default();
    let ((operation, parameters, tab), done) = match (action, kind) {
        ("delete", _) => {
            return Ok(Step {
                operation: format!("Delete{word}"),
                parameters: of(Vec::new()),
                place: format!("/console/people?tab={}", kind.folder()),
                done: format!("The {} {name} is deleted.", kind.noun()),
            });
        }
        ("attach", _) => (
            (
                format!("Attach{word}Policy"),
                of(vec![("PolicyArn", field("policy"))]),
                "policies",
            ),
            format!("{policy} is attached. It counts from the next request on."),
        ),
        ("detach", _) => (
            (
                format!("Detach{word}Policy"),
                of(vec![("PolicyArn", field("policy"))]),
                "policies",
            ),
            format!("{policy} is detached."),
        ),
        ("inline-delete", _) => (
            (
                format!("Delete{word}Policy"),
                of(vec![("PolicyName", field("policy"))]),
                "policies",
            ),
            format!("The inline policy {} is deleted.", form.get("policy")),
        ),
        ("boundary", Kind::User | Kind::Role) => (
            (
                format!("Put{word}PermissionsBoundary"),
                of(vec![("PermissionsBoundary", field("policy"))]),
                "policies",
            ),
            format!("{policy} limits what the policies of {name} can allow."),
        ),
        ("boundary-remove", Kind::User | Kind::Role) => (
            (
                format!("Delete{word}PermissionsBoundary"),
                of(Vec::new()),
                "policies",
            ),
            format!("Nothing limits the policies of {name} any more."),
        ),
        ("tag-add", Kind::User | Kind::Role) => (
            (
                format!("Tag{word}"),
                of(vec![
                    ("Tags.member.1.Key", field("key")),
                    ("Tags.member.1.Value", field("value")),
                ]),
                "",
            ),
            format!("The tag {} is set.", form.get("key")),
        ),
        ("tag-remove", Kind::User | Kind::Role) => (
            (
                format!("Untag{word}"),
                of(vec![("TagKeys.member.1", form.raw("key").to_owned())]),
                "",
            ),
            format!("The tag {} is gone.", form.raw("key")),
        ),
        ("join", Kind::User) => (
            (
                "AddUserToGroup".to_owned(),
                of(vec![("GroupName", field("other"))]),
                "",
            ),
            format!("{name} is in {}.", form.get("other")),
        ),
        ("leave", Kind::User) => (
            (
                "RemoveUserFromGroup".to_owned(),
                of(vec![("GroupName", field("other"))]),
                "",
            ),
            format!("{name} is no more in {}.", form.get("other")),
        ),
        ("join", Kind::Group) => (
            (
                "AddUserToGroup".to_owned(),
                of(vec![("UserName", field("other"))]),
                "",
            ),
            format!("{} is in {name}.", form.get("other")),
        ),
        ("leave", Kind::Group) => (
            (
                "RemoveUserFromGroup".to_owned(),
                of(vec![("UserName", field("other"))]),
                "",
            ),
            format!("{} is no more in {name}.", form.get("other")),
        ),
        ("key-activate", Kind::User) => (
            status("Active"),
            format!("The access key {} is active.", form.get("key")),
        ),
        ("key-deactivate", Kind::User) => (
            status("Inactive"),
            format!(
                "The access key {} is inactive: the next request signed with it is refused.",
                form.get("key")
            ),
        ),
        ("key-delete", Kind::User) => (
            (
                "DeleteAccessKey".to_owned(),
                of(vec![("AccessKeyId", field("key"))]),
                "keys",
            ),
            format!("The access key {} is deleted.", form.get("key")),
        ),
        ("password-set", Kind::User) => (
            (
                "CreateLoginProfile".to_owned(),
                of(vec![
                    ("Password", password),
                    ("PasswordResetRequired", reset),
                ]),
                "sign-in",
            ),
            format!("{name} can sign in with the password."),
        ),
        ("password-change", Kind::User) => (
            (
                "UpdateLoginProfile".to_owned(),
                of(vec![
                    ("Password", password),
                    ("PasswordResetRequired", reset),
                ]),
                "sign-in",
            ),
            "The password is another one. Sessions that were begun with the old one end."
                .to_owned(),
        ),
        ("password-remove", Kind::User) => (
            ("DeleteLoginProfile".to_owned(), of(Vec::new()), "sign-in"),
            format!("{name} has no password any more."),
        ),
        ("mfa-deactivate", Kind::User) => (
            (
                "DeactivateMFADevice".to_owned(),
                of(vec![("SerialNumber", field("serial"))]),
                "sign-in",
            ),
            "The second factor is asked for no more.".to_owned(),
        ),
        ("describe", Kind::Role) => (
            (
                "UpdateRole".to_owned(),
                of(vec![
                    ("Description", field("description")),
                    ("MaxSessionDuration", field("longest")),
                ]),
                "",
            ),
            "The role is changed.".to_owned(),
        ),
        _ => return Err(Fault::NotFound),
    };
    Ok(Step {
        operation,
        parameters,
        place: link(&place(kind, name), &[("tab", tab)]),
        done,
    })
}

/// A form of the page of a managed policy was sent.
pub(crate) async fn act_on_policy(
    visit: &Visit,
    action: &str,
    body: Incoming,
) -> Result<Page, Fault> {
    let form = Form::of_session(visit, body).await?;
    let arn = form.get("arn").to_owned();
    let version = form.get("version").to_owned();
    let of = |rest: Vec<(&'static str, String)>| {
        let mut parameters = vec![("PolicyArn", arn.clone())];
        parameters.extend(rest);
        parameters
    };
    let (operation, parameters, done) = match action {
        "edit" => return document::submit_managed(visit, &arn, &form).await,
        "default" => (
            "SetDefaultPolicyVersion",
            of(vec![("VersionId", version.clone())]),
            format!("{version} is in force."),
        ),
        "version-delete" => (
            "DeletePolicyVersion",
            of(vec![("VersionId", version.clone())]),
            format!("{version} is deleted."),
        ),
        "tag-add" => (
            "TagPolicy",
            of(vec![
                ("Tags.member.1.Key", form.get("key").to_owned()),
                ("Tags.member.1.Value", form.get("value").to_owned()),
            ]),
            format!("The tag {} is set.", form.get("key")),
        ),
        "tag-remove" => (
            "UntagPolicy",
            of(vec![("TagKeys.member.1", form.raw("key").to_owned())]),
            format!("The tag {} is gone.", form.raw("key")),
        ),
        "delete" => (
            "DeletePolicy",
            of(Vec::new()),
            "The policy is deleted.".to_owned(),
        ),
        _ => return Err(Fault::NotFound),
    };
    let place = match action {
        "delete" => "/console/people?tab=policies".to_owned(),
        _ => policy_place(&arn),
    };
    let step = Step {
        operation: operation.to_owned(),
        parameters,
        place,
        done,
    };
    carry_out(visit, &form, step).await
}

/// A form of the page of the account was sent.
pub(crate) async fn act_on_account(
    visit: &Visit,
    action: &str,
    body: Incoming,
) -> Result<Page, Fault> {
    let form = Form::of_session(visit, body).await?;
    let alias = form.get("alias").to_owned();
    let (operation, done) = match action {
        "alias" => (
            "CreateAccountAlias",
            format!("The account is also called {alias}."),
        ),
        "alias-remove" => (
            "DeleteAccountAlias",
            format!("{alias} is no more a name of the account."),
        ),
        _ => return Err(Fault::NotFound),
    };
    let step = Step {
        operation: operation.to_owned(),
        parameters: vec![("AccountAlias", alias)],
        place: "/console/people/account".to_owned(),
        done,
    };
    carry_out(visit, &form, step).await
}
