//! The lists of users, groups, roles and policies of the account.

use askama::Template;

use super::{Kind, MOST, place, policy_place};
use crate::fault::Fault;
use crate::pages::{link, words};
use crate::response::Page;
use crate::views::{Shell, page};
use crate::visit::Visit;

/// A list, as its tab and the API have it.
struct Listing {
    tab: &'static str,
    title: &'static str,
    operation: &'static str,
    member: &'static str,
    name: &'static str,
    create: &'static str,
    noun: &'static str,
    words: &'static str,
}

const LISTINGS: [Listing; 4] = [
    Listing {
        tab: "users",
        title: "Users",
        operation: "ListUsers",
        member: "Users",
        name: "UserName",
        create: "iam:CreateUser",
        noun: "user",
        words: "People and programs, each with credentials of its own.",
    },
    Listing {
        tab: "groups",
        title: "Groups",
        operation: "ListGroups",
        member: "Groups",
        name: "GroupName",
        create: "iam:CreateGroup",
        noun: "group",
        words: "Users who have policies in common.",
    },
    Listing {
        tab: "roles",
        title: "Roles",
        operation: "ListRoles",
        member: "Roles",
        name: "RoleName",
        create: "iam:CreateRole",
        noun: "role",
        words: "Permissions that those whom the role trusts take on for some hours.",
    },
    Listing {
        tab: "policies",
        title: "Policies",
        operation: "ListPolicies",
        member: "Policies",
        name: "PolicyName",
        create: "iam:CreatePolicy",
        noun: "policy",
        words: "Documents of this account that are attached to users, groups and roles.",
    },
];

struct Row {
    name: String,
    arn: String,
    created: String,
    place: String,
}

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    shell: Shell,
    tabs: Vec<(&'static str, &'static str)>,
    tab: &'static str,
    title: &'static str,
    noun: &'static str,
    words: &'static str,
    rows: Vec<Row>,
    refused: Option<String>,
    next: Option<String>,
    why_not_new: Option<String>,
}

/// A page of one of the lists.
pub(crate) async fn show(visit: &Visit) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let asked = visit.parameter("tab");
    let [first, ..] = &LISTINGS;
    let listing = LISTINGS
        .iter()
        .find(|listing| listing.tab == asked)
        .unwrap_or(first);
    let mut parameters = vec![("MaxItems", MOST)];
    if listing.tab == "policies" {
        parameters.push(("Scope", "Local"));
    }
    let marker = visit.parameter("marker");
    if !marker.is_empty() {
        parameters.push(("Marker", marker));
    }
    let (rows, next, refused) = match actor.iam(listing.operation, &parameters).await {
        Ok(answer) => {
            let rows = answer
                .at(&[listing.member])
                .all("member")
                .map(|entry| Row {
                    name: entry.text(listing.name).to_owned(),
                    arn: entry.text("Arn").to_owned(),
                    created: words::xml_time(entry.text("CreateDate")),
                    place: match Kind::of(listing.tab) {
                        Some(kind) => place(kind, entry.text(listing.name)),
                        None => policy_place(entry.text("Arn")),
                    },
                })
                .collect();
            let more = answer.text("IsTruncated") == "true";
            let query = [("tab", listing.tab), ("marker", answer.text("Marker"))];
            let next = more.then(|| link("/console/people", &query));
            (rows, next, None)
        }
        Err(Fault::Refused(refusal)) => (Vec::new(), None, Some(refusal.words().to_owned())),
        Err(fault) => return Err(fault),
    };
    let caller = actor.caller().await?;
    page(&PeoplePage {
        tabs: LISTINGS.iter().map(|it| (it.tab, it.title)).collect(),
        tab: listing.tab,
        title: listing.title,
        noun: listing.noun,
        words: listing.words,
        rows,
        refused,
        next,
        why_not_new: actor.why_not(&caller, listing.create),
        shell: Shell::new(visit, "people", listing.title),
    })
}
