//! A user, group or role: what it is, what it may, its access keys, and what can be changed about it.

use askama::Template;

use super::{Asker, Kind, MOST, asked, document_text, parts, place, quoted, tags, texts};
use crate::actor::Actor;
use crate::fault::Fault;
use crate::pages::words;
use crate::policy_words::{Sentence, sentences};
use crate::response::Page;
use crate::views::{Shell, page};
use crate::visit::Visit;
use crate::xml::Element;

struct Key {
    id: String,
    active: bool,
    created: String,
    used: String,
}

struct Attached {
    name: String,
    place: String,
    arn: String,
}

struct Inline {
    name: String,
    place: String,
}

struct Trust {
    sentences: Vec<Sentence>,
    description: String,
    longest: String,
    last_used: String,
}

/// Why things may not be done; `None` where they may.
struct WhyNot {
    delete: Option<String>,
    attach: Option<String>,
    detach: Option<String>,
    inline: Option<String>,
    inline_delete: Option<String>,
    boundary: Option<String>,
    boundary_remove: Option<String>,
    tag: Option<String>,
    untag: Option<String>,
    join: Option<String>,
    key_create: Option<String>,
    key_update: Option<String>,
    key_delete: Option<String>,
    password: Option<String>,
    password_remove: Option<String>,
    mfa: Option<String>,
    trust: Option<String>,
    describe: Option<String>,
}

impl WhyNot {
    fn of(kind: Kind, has_password: bool, asker: &Asker<'_>) -> WhyNot {
        let word = kind.word();
        let why = |operation: &str| asker.why_not(operation);
        let each = |verb: &str, rest: &str| why(&format!("{verb}{word}{rest}"));
        // Whether a user may be put into a group is a matter of the group, which is not known here.
        let join = match kind {
            Kind::Group => why("AddUserToGroup"),
            _ => None,
        };
        WhyNot {
            delete: each("Delete", ""),
            attach: each("Attach", "Policy"),
            detach: each("Detach", "Policy"),
            inline: each("Put", "Policy"),
            inline_delete: each("Delete", "Policy"),
            boundary: each("Put", "PermissionsBoundary"),
            boundary_remove: each("Delete", "PermissionsBoundary"),
            tag: each("Tag", ""),
            untag: each("Untag", ""),
            join,
            key_create: why("CreateAccessKey"),
            key_update: why("UpdateAccessKey"),
            key_delete: why("DeleteAccessKey"),
            password: why(if has_password {
                "UpdateLoginProfile"
            } else {
                "CreateLoginProfile"
            }),
            password_remove: why("DeleteLoginProfile"),
            mfa: why("DeactivateMFADevice"),
            trust: why("UpdateAssumeRolePolicy"),
            describe: why("UpdateRole"),
        }
    }
}

#[derive(Template)]
#[template(path = "holder.html")]
struct HolderPage {
    shell: Shell,
    kind: Kind,
    noun: &'static str,
    place: String,
    lists: String,
    lists_title: &'static str,
    tab: &'static str,
    tabs: Vec<(&'static str, &'static str)>,
    name: String,
    name_quoted: String,
    arn: String,
    encoded_arn: String,
    created: String,
    boundary: String,
    boundary_place: String,
    tags: Vec<(String, String)>,
    attached: Vec<Attached>,
    inline: Vec<Inline>,
    /// Of a user its groups, of a group its users.
    joined: Vec<Inline>,
    /// Names that a form proposes: groups, users or policies.
    proposals: Vec<String>,
    has_active_key: bool,
    has_password: bool,
    password_since: String,
    must_change: bool,
    devices: Vec<(String, String)>,
    keys: Vec<Key>,
    trust: Trust,
    /// What must be done before it can be deleted.
    in_the_way: Vec<String>,
    refused: Vec<String>,
    why: WhyNot,
}

/// The page of a user, group or role.
pub(crate) async fn show(visit: &Visit, kind: Kind, name: &str) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let word = kind.word();
    let of = [(kind.parameter(), name)];
    let answer = actor.iam(&format!("Get{word}"), &of).await?;
    let entity = answer.at(&[word]);
    let mut refused = Vec::new();
    let own = match kind {
        Kind::User => "User",
        Kind::Group => "Group",
        Kind::Role => "Role",
    };
    let mut tabs = vec![("facts", own), ("policies", "Policies")];
    if kind == Kind::User {
        tabs.push(("keys", "Access keys"));
        tabs.push(("sign-in", "Sign-in"));
    }
    let wanted = visit.parameter("tab");
    let tab = tabs
        .iter()
        .find(|(tab, _)| *tab == wanted)
        .map_or("facts", |(tab, _)| tab);

    let attached = format!("ListAttached{word}Policies");
    let attached = asked(&actor, &attached, &of, &mut refused).await?;
    let inline = format!("List{word}Policies");
    let inline = asked(&actor, &inline, &of, &mut refused).await?;
    let keys = match kind {
        Kind::User => keys(&actor, name, &mut refused).await?,
        _ => Vec::new(),
    };
    let sign_in = match kind {
        Kind::User => sign_in(&actor, name, &mut refused).await?,
        _ => SignIn::default(),
    };
    let joined = match kind {
        Kind::User => {
            let answer = asked(&actor, "ListGroupsForUser", &of, &mut refused).await?;
            (parts(&answer, "Groups", "GroupName"), Kind::Group)
        }
        Kind::Group => (parts(&answer, "Users", "UserName"), Kind::User),
        Kind::Role => (Vec::new(), Kind::Role),
    };
    let joined: Vec<Inline> = joined
        .0
        .into_iter()
        .map(|name| Inline {
            place: place(joined.1, &name),
            name,
        })
        .collect();
    let here = place(kind, name);
    let attached: Vec<Attached> = attached
        .at(&["AttachedPolicies"])
        .all("member")
        .map(|policy| Attached {
            name: policy.text("PolicyName").to_owned(),
            place: super::policy_place(policy.text("PolicyArn")),
            arn: policy.text("PolicyArn").to_owned(),
        })
        .collect();
    let inline: Vec<Inline> = texts(&inline, "PolicyNames")
        .into_iter()
        .map(|policy| Inline {
            place: crate::pages::link(&format!("{here}/inline"), &[("policy", &policy)]),
            name: policy,
        })
        .collect();
    let proposals = proposals(&actor, kind, tab).await?;
    let boundary = entity.at(&["PermissionsBoundary"]);
    let boundary = boundary.text("PermissionsBoundaryArn").to_owned();
    let arn = entity.text("Arn").to_owned();
    let tags = tags(&entity);
    let caller = actor.caller().await?;
    let asker = Asker {
        actor: &actor,
        caller: &caller,
        arn: &arn,
        tags: &tags,
    };
    let why = WhyNot::of(kind, sign_in.has_password, &asker);
    page(&HolderPage {
        noun: kind.noun(),
        lists: format!("/console/people?tab={}", kind.folder()),
        lists_title: match kind {
            Kind::User => "Users",
            Kind::Group => "Groups",
            Kind::Role => "Roles",
        },
        place: here,
        tab,
        tabs,
        name: name.to_owned(),
        name_quoted: quoted(name),
        encoded_arn: sealgate_wire::encode(&arn),
        created: words::xml_time(entity.text("CreateDate")),
        boundary_place: super::policy_place(&boundary),
        boundary,
        in_the_way: in_the_way(kind, &sign_in, &keys, &attached, &inline, &joined),
        trust: trust(&entity),
        attached,
        inline,
        joined,
        proposals,
        has_password: sign_in.has_password,
        password_since: sign_in.since,
        must_change: sign_in.must_change,
        devices: sign_in.devices,
        has_active_key: keys.iter().any(|key| key.active),
        keys,
        refused,
        why,
        arn,
        tags,
        kind,
        shell: Shell::new(visit, "people", name),
    })
}

/// The access keys of a user, with their last use.
async fn keys(actor: &Actor<'_>, name: &str, refused: &mut Vec<String>) -> Result<Vec<Key>, Fault> {
    let answer = asked(actor, "ListAccessKeys", &[("UserName", name)], refused).await?;
    let mut keys = Vec::new();
    for key in answer.at(&["AccessKeyMetadata"]).all("member") {
        let id = key.text("AccessKeyId").to_owned();
        keys.push(Key {
            active: key.text("Status") == "Active",
            created: words::xml_time(key.text("CreateDate")),
            used: last_use(actor, &id, refused).await?,
            id,
        });
    }
    Ok(keys)
}

/// How a user signs in without an access key.
#[derive(Default)]
struct SignIn {
    has_password: bool,
    since: String,
    must_change: bool,
    devices: Vec<(String, String)>,
}

async fn sign_in(
    actor: &Actor<'_>,
    name: &str,
    refused: &mut Vec<String>,
) -> Result<SignIn, Fault> {
    let of = [("UserName", name)];
    let profile = match actor.iam("GetLoginProfile", &of).await {
        Err(Fault::Refused(refusal)) if refusal.is_absence() => Element::default(),
        Err(Fault::Refused(refusal)) => {
            refused.push(refusal.words().to_owned());
            Element::default()
        }
        answer => answer?.at(&["LoginProfile"]),
    };
    let devices = asked(actor, "ListMFADevices", &of, refused).await?;
    Ok(SignIn {
        has_password: !profile.text("UserName").is_empty(),
        since: words::xml_time(profile.text("CreateDate")),
        must_change: profile.text("PasswordResetRequired") == "true",
        devices: devices
            .at(&["MFADevices"])
            .all("member")
            .map(|device| {
                let since = words::xml_time(device.text("EnableDate"));
                (device.text("SerialNumber").to_owned(), since)
            })
            .collect(),
    })
}

/// When and for what a key was last used.
async fn last_use(actor: &Actor<'_>, id: &str, refused: &mut Vec<String>) -> Result<String, Fault> {
    let of = [("AccessKeyId", id)];
    let answer = asked(actor, "GetAccessKeyLastUsed", &of, refused).await?;
    let used = answer.at(&["AccessKeyLastUsed"]);
    Ok(match used.text("LastUsedDate") {
        "" => "never".to_owned(),
        date => format!("{}, {}", words::xml_time(date), used.text("ServiceName")),
    })
}

/// What the forms of a tab propose. Who may not list it types it.
async fn proposals(actor: &Actor<'_>, kind: Kind, tab: &str) -> Result<Vec<String>, Fault> {
    let most = ("MaxItems", MOST);
    let mut nobody = Vec::new();
    Ok(match (tab, kind) {
        ("policies", _) | (_, Kind::Role) => {
            let answer = asked(actor, "ListPolicies", &[most], &mut nobody).await?;
            parts(&answer, "Policies", "Arn")
        }
        ("facts", Kind::User) => {
            let answer = asked(actor, "ListGroups", &[most], &mut nobody).await?;
            parts(&answer, "Groups", "GroupName")
        }
        ("facts", Kind::Group) => {
            let answer = asked(actor, "ListUsers", &[most], &mut nobody).await?;
            parts(&answer, "Users", "UserName")
        }
        _ => Vec::new(),
    })
}

fn trust(role: &Element) -> Trust {
    let document = document_text(role.text("AssumeRolePolicyDocument"));
    let used = role.at(&["RoleLastUsed"]);
    Trust {
        sentences: sentences(&document).unwrap_or_default(),
        description: role.text("Description").to_owned(),
        longest: role.text("MaxSessionDuration").to_owned(),
        last_used: words::xml_time(used.text("LastUsedDate")),
    }
}

fn in_the_way(
    kind: Kind,
    sign_in: &SignIn,
    keys: &[Key],
    attached: &[Attached],
    inline: &[Inline],
    joined: &[Inline],
) -> Vec<String> {
    let mut steps = Vec::new();
    let mut step = |count: usize, one: &str, many: &str| match count {
        0 => {}
        1 => steps.push(one.to_owned()),
        count => steps.push(many.replace('#', &count.to_string())),
    };
    step(
        sign_in.has_password.into(),
        "remove its password",
        "remove its password",
    );
    step(
        sign_in.devices.len(),
        "deactivate its second factor",
        "deactivate its # second factors",
    );
    step(
        keys.len(),
        "delete its access key",
        "delete its # access keys",
    );
    step(attached.len(), "detach its policy", "detach its # policies");
    step(
        inline.len(),
        "delete its inline policy",
        "delete its # inline policies",
    );
    match kind {
        Kind::User => step(
            joined.len(),
            "take it out of its group",
            "take it out of its # groups",
        ),
        _ => step(joined.len(), "take out its user", "take out its # users"),
    }
    steps
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn what_stands_in_the_way_of_a_deletion_is_counted() {
        let inline = |name: &str| Inline {
            name: name.to_owned(),
            place: String::new(),
        };
        let steps = in_the_way(
            Kind::User,
            &SignIn::default(),
            &[],
            &[],
            &[inline("a"), inline("b")],
            &[inline("g")],
        );
        assert_eq!(
            steps,
            ["delete its 2 inline policies", "take it out of its group"]
        );
        assert!(in_the_way(Kind::Role, &SignIn::default(), &[], &[], &[], &[]).is_empty());
    }
}
