//! What is whoever is signed in's own: password and second factors.

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use hyper::body::Incoming;
use sealgate_iam::{ConsoleSession, PasswordSignIn, QrCode, provisioning_uri};
use sealgate_policy::{Caller, PrincipalKind};
use std::time::Instant;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{finished, words};
use crate::actor::Actor;
use crate::fault::Fault;
use crate::forms::Form;
use crate::response::{Page, see_other};
use crate::sign_in;
use crate::views::{Shell, page, page_with};
use crate::visit::Visit;

const PLACE: &str = "/console/security";

struct Device {
    serial: String,
    name: String,
    since: String,
}

/// A device that is being set up. What it shows is in the page and nowhere else.
struct Setup {
    serial: String,
    seed: Zeroizing<String>,
    /// Modules on a side of the picture, and its dark ones.
    size: usize,
    path: String,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "security.html")]
struct SecurityPage {
    shell: Shell,
    arn: String,
    /// The name, if it is a user.
    user: Option<String>,
    user_place: String,
    devices: Vec<Device>,
    refused: Option<String>,
    why_not_create: Option<String>,
    why_not_enable: Option<String>,
    why_not_deactivate: Option<String>,
    setup: Option<Setup>,
}

fn user_of(caller: &Caller) -> Option<&str> {
    match &caller.principal.kind {
        PrincipalKind::User { name } => Some(name),
        _ => None,
    }
}

fn name_of(serial: &str) -> String {
    serial.rsplit('/').next().unwrap_or(serial).to_owned()
}

/// The page.
pub(crate) async fn show(visit: &Visit) -> Result<Page, Fault> {
    show_with(visit, None).await
}

async fn show_with(visit: &Visit, setup: Option<Setup>) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let caller = actor.caller().await?;
    let user = user_of(&caller).map(str::to_owned);
    let mut refused = None;
    let devices = match &user {
        None => Vec::new(),
        Some(name) => {
            let answer = actor.iam("ListMFADevices", &[("UserName", name)]).await;
            match answer {
                Ok(answer) => answer
                    .at(&["MFADevices"])
                    .all("member")
                    .map(|device| Device {
                        serial: device.text("SerialNumber").to_owned(),
                        name: name_of(device.text("SerialNumber")),
                        since: words::xml_time(device.text("EnableDate")),
                    })
                    .collect(),
                Err(Fault::Refused(refusal)) => {
                    refused = Some(refusal.words().to_owned());
                    Vec::new()
                }
                Err(fault) => return Err(fault),
            }
        }
    };
    let arn = caller.principal.arn.clone();
    let device = format!(
        "arn:aws:iam::{}:mfa/{}",
        caller.principal.account_id,
        user.as_deref().unwrap_or_default()
    );
    let why = |operation: &str, on: &str| {
        actor.why_not_iam(&caller, &format!("iam:{operation}"), on, &[])
    };
    let status = match setup.as_ref().is_some_and(|setup| setup.problem.is_some()) {
        true => StatusCode::UNPROCESSABLE_ENTITY,
        false => StatusCode::OK,
    };
    let page = SecurityPage {
        devices,
        refused,
        why_not_create: why("CreateVirtualMFADevice", &device),
        why_not_enable: why("EnableMFADevice", &arn),
        why_not_deactivate: why("DeactivateMFADevice", &arn),
        user_place: format!(
            "/console/people/users/{}",
            sealgate_wire::encode(user.as_deref().unwrap_or_default())
        ),
        user,
        arn,
        setup,
        shell: Shell::new(visit, "", "My security"),
    };
    page_with(status, &page)
}

/// A form of the page was sent.
pub(crate) async fn act(visit: &Visit, action: &str, body: Incoming) -> Result<Page, Fault> {
    let form = Form::of_session(visit, body).await?;
    let actor = visit.actor()?;
    let caller = actor.caller().await?;
    let Some(user) = user_of(&caller) else {
        return Err(Fault::Form("Only users have a second factor here."));
    };
    match action {
        "mfa-create" => create(visit, &form, &actor, user).await,
        "mfa-enable" => enable(visit, &form, &actor, user).await,
        // Whoever does not set it up after all; otherwise its name would stay taken.
        "mfa-discard" => {
            let of = [("SerialNumber", form.get("serial"))];
            let outcome = async { actor.iam("DeleteVirtualMFADevice", &of).await.map(drop) };
            finished(
                visit,
                &form,
                PLACE,
                "Nothing was set up.".to_owned(),
                outcome,
            )
            .await
        }
        "mfa-deactivate" => {
            let serial = form.get("serial");
            let done = "The second factor is gone. Signing in asks for it no more.".to_owned();
            let outcome = async {
                let of = [("UserName", user), ("SerialNumber", serial)];
                actor.iam("DeactivateMFADevice", &of).await?;
                let of = [("SerialNumber", serial)];
                actor.iam("DeleteVirtualMFADevice", &of).await.map(drop)
            };
            finished(visit, &form, PLACE, done, outcome).await
        }
        _ => Err(Fault::NotFound),
    }
}

/// A device is made, and its picture shown.
async fn create(visit: &Visit, form: &Form, actor: &Actor<'_>, user: &str) -> Result<Page, Fault> {
    if form.begin(visit).is_err() {
        return Ok(see_other(PLACE));
    }
    let name = match form.get("name") {
        "" => user,
        name => name,
    };
    let made = actor
        .iam("CreateVirtualMFADevice", &[("VirtualMFADeviceName", name)])
        .await;
    let answer = match made {
        Ok(answer) => answer,
        Err(fault) => {
            form.end(visit, None);
            let Fault::Refused(refusal) = fault else {
                return Err(fault);
            };
            visit.tell(false, refusal.words());
            return Ok(see_other(PLACE));
        }
    };
    form.end(visit, Some(PLACE));
    let device = answer.at(&["VirtualMFADevice"]);
    let seed = STANDARD
        .decode(device.text("Base32StringSeed"))
        .ok()
        .and_then(|seed| String::from_utf8(seed).ok())
        .map(Zeroizing::new)
        .ok_or(Fault::Internal)?;
    let setup = setup(actor, device.text("SerialNumber"), seed, None)?;
    show_with(visit, Some(setup)).await
}

fn setup(
    actor: &Actor<'_>,
    serial: &str,
    seed: Zeroizing<String>,
    problem: Option<String>,
) -> Result<Setup, Fault> {
    let uri = provisioning_uri(&name_of(serial), &actor.session.account, &seed);
    let picture = QrCode::of(&uri).map_err(|_| Fault::Internal)?;
    Ok(Setup {
        serial: serial.to_owned(),
        size: picture.size(),
        path: picture.path(),
        seed,
        problem,
    })
}

/// Two codes in a row were typed.
async fn enable(visit: &Visit, form: &Form, actor: &Actor<'_>, user: &str) -> Result<Page, Fault> {
    let serial = form.get("serial");
    let of = [
        ("UserName", user),
        ("SerialNumber", serial),
        ("AuthenticationCode1", form.get("code1")),
        ("AuthenticationCode2", form.get("code2")),
    ];
    match actor.iam("EnableMFADevice", &of).await {
        Ok(_) => {
            visit.tell(
                true,
                "From now on signing in asks for a code of this device.",
            );
            Ok(see_other(PLACE))
        }
        Err(Fault::Refused(refusal)) => {
            let seed = Zeroizing::new(form.get("seed").to_owned());
            let problem = match refusal.code.as_str() {
                "InvalidAuthenticationCode" | "ValidationError" => {
                    "These are not two codes in a row of this device. Type one, wait for the next, and type that."
                        .to_owned()
                }
                _ => refusal.words().to_owned(),
            };
            let setup = setup(actor, serial, seed, Some(problem))?;
            show_with(visit, Some(setup)).await
        }
        Err(fault) => Err(fault),
    }
}

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    shell: Shell,
    must: bool,
    problem: Option<String>,
    repeat_problem: Option<&'static str>,
}

/// The page to change one's password.
pub(crate) fn show_password(visit: &Visit) -> Result<Page, Fault> {
    page(&password_page(visit, None, None)?)
}

fn password_page(
    visit: &Visit,
    problem: Option<String>,
    repeat_problem: Option<&'static str>,
) -> Result<PasswordPage, Fault> {
    Ok(PasswordPage {
        must: visit.session()?.must_change,
        problem,
        repeat_problem,
        shell: Shell::new(visit, "", "Change password"),
    })
}

/// The form was sent. The session goes on under the new password, and with a new name.
pub(crate) async fn change_password(visit: &Visit, body: Incoming) -> Result<Page, Fault> {
    let form = Form::of_session(visit, body).await?;
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let new = Zeroizing::new(form.raw("new").to_owned());
    if new.as_str() != form.raw("repeat") {
        let problem = Some("It is not the same as above.");
        return page_with(status, &password_page(visit, None, problem)?);
    }
    let actor = visit.actor()?;
    let session = visit.session()?;
    let throttle = &visit.console.throttle;
    let subject = format!("change {}", session.principal);
    if let Err(wait) = throttle.attempt(&subject, visit.address(), Instant::now()) {
        let problem = format!(
            "There were too many failed attempts. Try again in {}.",
            words::duration(wait.as_secs().max(1))
        );
        let page = password_page(visit, Some(problem), None)?;
        return page_with(StatusCode::TOO_MANY_REQUESTS, &page);
    }
    let passwords = [
        ("OldPassword", form.raw("old")),
        ("NewPassword", new.as_str()),
    ];
    match actor.iam("ChangePassword", &passwords).await {
        Ok(_) => {}
        Err(Fault::Refused(refusal)) => {
            let page = password_page(visit, Some(refusal.words().to_owned()), None)?;
            return page_with(status, &page);
        }
        Err(fault) => return Err(fault),
    }
    throttle.succeeded(&subject, visit.address());
    // Not the short name of pages: that of a user who is called `root` is another.
    let user = session.principal.rsplit('/').next().unwrap_or_default();
    let parts = sign_in::parts(visit)?;
    let now = OffsetDateTime::now_utc();
    let iam = &visit.console.deps.iam;
    let again = iam
        .sign_in_with_password(&session.account, user, &new, &parts, &visit.conn, now)
        .await
        .map_err(|_| Fault::Internal)?;
    let PasswordSignIn::Accepted { credential, .. } = again else {
        // Somebody else changed it meanwhile.
        return Err(Fault::SignIn);
    };
    // A session on an access key stays on that.
    let credential = match &session.standing.credential {
        key @ sealgate_iam::ConsoleCredential::AccessKey { .. } => key.clone(),
        _ => credential,
    };
    let standing = ConsoleSession {
        credential,
        ..session.standing.clone()
    };
    let mut page = see_other("/console/");
    let whose = (session.principal.as_str(), session.account.as_str());
    sign_in::begin(visit, &mut page, standing, false, whose)?;
    Ok(page)
}
