//! Users, groups, roles and policies: who there is, what they may, and what is changed about it. Everything is an
//! operation of IAM, in the name of who looks.

mod access_key;
pub(crate) mod account;
pub(crate) mod actions;
pub(crate) mod document;
mod holder;
pub(crate) mod list;
pub(crate) mod new;
mod policy;
pub(crate) mod simulate;

use sealgate_policy::Caller;

use crate::actor::Actor;
use crate::fault::Fault;
use crate::xml::Element;

pub(crate) use holder::show as holder;
pub(crate) use policy::show as policy;

/// Entries of one listing.
const MOST: &str = "200";

/// Users and roles to choose from, so many of each at most. Who may not list them types an ARN.
pub(crate) async fn principals(actor: &Actor<'_>, most: &str) -> Result<Vec<String>, Fault> {
    let mut arns = Vec::new();
    for (operation, list) in [("ListUsers", "Users"), ("ListRoles", "Roles")] {
        match actor.iam(operation, &[("MaxItems", most)]).await {
            Ok(answer) => arns.extend(
                answer
                    .at(&[list])
                    .all("member")
                    .map(|entry| entry.text("Arn").to_owned()),
            ),
            Err(Fault::Refused(_)) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(arns)
}

/// What has policies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Group,
    Role,
}

impl Kind {
    /// By the part of the address.
    pub(crate) fn of(folder: &str) -> Option<Kind> {
        match folder {
            "users" => Some(Kind::User),
            "groups" => Some(Kind::Group),
            "roles" => Some(Kind::Role),
            _ => None,
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Kind::User => "users",
            Kind::Group => "groups",
            Kind::Role => "roles",
        }
    }

    /// As operations of the API have it: `Create…`.
    fn word(self) -> &'static str {
        match self {
            Kind::User => "User",
            Kind::Group => "Group",
            Kind::Role => "Role",
        }
    }

    /// As people and the command line have it.
    fn noun(self) -> &'static str {
        match self {
            Kind::User => "user",
            Kind::Group => "group",
            Kind::Role => "role",
        }
    }

    fn parameter(self) -> &'static str {
        match self {
            Kind::User => "UserName",
            Kind::Group => "GroupName",
            Kind::Role => "RoleName",
        }
    }
}

/// The address of somebody's page.
fn place(kind: Kind, name: &str) -> String {
    format!(
        "/console/people/{}/{}",
        kind.folder(),
        sealgate_wire::encode(name)
    )
}

/// The address of a managed policy's page.
fn policy_place(arn: &str) -> String {
    super::link("/console/people/policy", &[("arn", arn)])
}

/// A word of a command, quoted for a shell where it must be.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A document as the API answers it, percent-encoded, on lines.
fn document_text(encoded: &str) -> String {
    let text = sealgate_wire::encoding::decode_path(encoded).unwrap_or_default();
    super::documents::laid_out(&text)
}

/// What an operation answers; where it is refused, the reason goes on the list.
async fn asked(
    actor: &Actor<'_>,
    operation: &str,
    parameters: &[(&str, &str)],
    refused: &mut Vec<String>,
) -> Result<Element, Fault> {
    match actor.iam(operation, parameters).await {
        Ok(answer) => Ok(answer),
        Err(Fault::Refused(refusal)) => {
            let words = refusal.words().to_owned();
            if !refused.contains(&words) {
                refused.push(words);
            }
            Ok(Element::default())
        }
        Err(fault) => Err(fault),
    }
}

/// The texts of a list's members.
fn texts(answer: &Element, list: &str) -> Vec<String> {
    answer
        .at(&[list])
        .all("member")
        .map(|member| member.own_text().to_owned())
        .collect()
}

/// The same part of each member.
fn parts(answer: &Element, list: &str, part: &str) -> Vec<String> {
    answer
        .at(&[list])
        .all("member")
        .map(|member| member.text(part).to_owned())
        .collect()
}

/// Tags by name.
fn tags(element: &Element) -> Vec<(String, String)> {
    element
        .at(&["Tags"])
        .all("member")
        .map(|tag| (tag.text("Key").to_owned(), tag.text("Value").to_owned()))
        .collect()
}

/// Whether the caller may do things to somebody or to a policy, and if not, why.
struct Asker<'a> {
    actor: &'a Actor<'a>,
    caller: &'a Caller,
    arn: &'a str,
    tags: &'a [(String, String)],
}

impl Asker<'_> {
    fn why_not(&self, operation: &str) -> Option<String> {
        let action = format!("iam:{operation}");
        self.actor
            .why_not_iam(self.caller, &action, self.arn, self.tags)
    }
}

/// Tags as they are typed, `name=value` on lines.
fn typed_tags(text: &str) -> Result<Vec<(String, String)>, String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| match line.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                Ok((key.trim().to_owned(), value.trim().to_owned()))
            }
            _ => Err(format!("“{line}” is not a tag: write name=value.")),
        })
        .collect()
}

/// Parameters of the API for tags.
fn tag_parameters(tags: &[(String, String)]) -> Vec<(String, String)> {
    tags.iter()
        .enumerate()
        .flat_map(|(at, (key, value))| {
            let member = format!("Tags.member.{}", at + 1);
            [
                (format!("{member}.Key"), key.clone()),
                (format!("{member}.Value"), value.clone()),
            ]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_word_of_a_command_is_one_word_to_a_shell() {
        assert_eq!(quoted("bob+1=x@y,z"), "bob+1=x@y,z");
        assert_eq!(quoted("Bob's $(reboot)"), r"'Bob'\''s $(reboot)'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn tags_are_typed_on_lines() {
        let tags = typed_tags("team = red\n\ncost=a=b\nempty=").unwrap();
        assert_eq!(
            tag_parameters(&tags)[..2],
            [
                ("Tags.member.1.Key".to_owned(), "team".to_owned()),
                ("Tags.member.1.Value".to_owned(), "red".to_owned())
            ]
        );
        assert_eq!(tags[1], ("cost".to_owned(), "a=b".to_owned()));
        assert_eq!(tags[2].1, "");
        assert!(typed_tags("no value").unwrap_err().contains("no value"));
        assert!(typed_tags("=x").is_err());
    }
}
