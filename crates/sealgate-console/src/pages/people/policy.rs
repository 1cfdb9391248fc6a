//! A managed policy: what it says, its versions, and whom it is attached to.

use askama::Template;

use super::{Asker, Kind, asked, document_text, place, quoted, tags};
use crate::fault::Fault;
use crate::pages::{link, words};
use crate::policy_words::{Sentence, sentences};
use crate::response::Page;
use crate::views::{Shell, page};
use crate::visit::Visit;

struct Version {
    id: String,
    created: String,
    is_default: bool,
    place: String,
}

struct User {
    name: String,
    noun: &'static str,
    place: String,
}

struct WhyNot {
    edit: Option<String>,
    default: Option<String>,
    version_delete: Option<String>,
    delete: Option<String>,
    tag: Option<String>,
    untag: Option<String>,
}

#[derive(Template)]
#[template(path = "policy.html")]
struct PolicyPage {
    shell: Shell,
    name: String,
    arn: String,
    arn_quoted: String,
    description: String,
    created: String,
    of_aws: bool,
    shown: String,
    shown_is_default: bool,
    document: String,
    sentences: Vec<Sentence>,
    versions: Vec<Version>,
    users: Vec<User>,
    boundary_of: usize,
    tags: Vec<(String, String)>,
    edit: String,
    in_the_way: Vec<String>,
    refused: Vec<String>,
    why: WhyNot,
}

/// The page of a policy.
pub(crate) async fn show(visit: &Visit) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let arn = visit.parameter("arn").to_owned();
    let of = [("PolicyArn", arn.as_str())];
    let answer = actor.iam("GetPolicy", &of).await?;
    let policy = answer.at(&["Policy"]);
    let mut refused = Vec::new();
    let default = policy.text("DefaultVersionId").to_owned();
    let shown = match visit.parameter("version") {
        "" => default.clone(),
        version => version.to_owned(),
    };
    let answer = asked(
        &actor,
        "GetPolicyVersion",
        &[("PolicyArn", &arn), ("VersionId", &shown)],
        &mut refused,
    )
    .await?;
    let document = document_text(answer.at(&["PolicyVersion"]).text("Document"));
    let listed = asked(&actor, "ListPolicyVersions", &of, &mut refused).await?;
    let versions: Vec<Version> = listed
        .at(&["Versions"])
        .all("member")
        .map(|version| {
            let id = version.text("VersionId").to_owned();
            Version {
                created: words::xml_time(version.text("CreateDate")),
                is_default: version.text("IsDefaultVersion") == "true",
                place: link("/console/people/policy", &[("arn", &arn), ("version", &id)]),
                id,
            }
        })
        .collect();
    let entities = asked(&actor, "ListEntitiesForPolicy", &of, &mut refused).await?;
    let users: Vec<User> = [Kind::User, Kind::Group, Kind::Role]
        .into_iter()
        .flat_map(|kind| {
            super::parts(
                &entities,
                &format!("Policy{}s", kind.word()),
                kind.parameter(),
            )
            .into_iter()
            .map(move |name| User {
                place: place(kind, &name),
                noun: kind.noun(),
                name,
            })
        })
        .collect();
    let of_aws = arn.starts_with("arn:aws:iam::aws:");
    let tags = tags(&policy);
    let caller = actor.caller().await?;
    let asker = Asker {
        actor: &actor,
        caller: &caller,
        arn: &arn,
        tags: &tags,
    };
    let boundary_of = policy
        .text("PermissionsBoundaryUsageCount")
        .parse()
        .unwrap_or_default();
    let mut in_the_way = Vec::new();
    if !users.is_empty() {
        in_the_way.push("detach it from everybody it is attached to".to_owned());
    }
    if boundary_of > 0 {
        in_the_way.push("remove it where it is a boundary".to_owned());
    }
    if versions.len() > 1 {
        in_the_way.push("delete the versions that are not in force".to_owned());
    }
    page(&PolicyPage {
        why: WhyNot {
            edit: asker.why_not("CreatePolicyVersion"),
            default: asker.why_not("SetDefaultPolicyVersion"),
            version_delete: asker.why_not("DeletePolicyVersion"),
            delete: asker.why_not("DeletePolicy"),
            tag: asker.why_not("TagPolicy"),
            untag: asker.why_not("UntagPolicy"),
        },
        name: policy.text("PolicyName").to_owned(),
        arn_quoted: quoted(&arn),
        description: policy.text("Description").to_owned(),
        created: words::xml_time(policy.text("CreateDate")),
        of_aws,
        shown_is_default: shown == default,
        shown,
        sentences: sentences(&document).unwrap_or_default(),
        document,
        versions,
        users,
        boundary_of,
        edit: link("/console/people/policy/edit", &[("arn", &arn)]),
        in_the_way,
        refused,
        shell: Shell::new(visit, "people", policy.text("PolicyName")),
        arn,
        tags,
    })
}
