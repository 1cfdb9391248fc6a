//! The structures of IAM's answers, and how CloudTrail shows those that a change made.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sealgate_iam::{Group, ManagedPolicy, PolicyVersion, Role, Tags, User};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::query::xml::Xml;

/// What RFC 3986 does not reserve stays readable in a URL-encoded policy document.
const DOCUMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A policy document, URL-encoded, as the API documents; the SDKs decode it.
pub fn document(xml: &mut Xml, element: &str, document: &str) {
    xml.text(
        element,
        &utf8_percent_encode(document, DOCUMENT).to_string(),
    );
}

pub fn flag(xml: &mut Xml, element: &str, value: bool) {
    xml.text(element, if value { "true" } else { "false" });
}

/// The end of a page.
pub fn page_end(xml: &mut Xml, marker: Option<&str>) {
    flag(xml, "IsTruncated", marker.is_some());
    if let Some(marker) = marker {
        xml.text("Marker", marker);
    }
}

/// A list of texts.
pub fn texts<'a>(xml: &mut Xml, element: &str, items: impl IntoIterator<Item = &'a String>) {
    xml.element(element, |xml| {
        for item in items {
            xml.text("member", item);
        }
    });
}

/// The tags, where there are any.
pub fn tags(xml: &mut Xml, tags: &Tags) {
    if !tags.is_empty() {
        tag_list(xml, tags);
    }
}

/// The tags, where the list is what was asked for.
pub fn tag_list<'a>(xml: &mut Xml, tags: impl IntoIterator<Item = (&'a String, &'a String)>) {
    xml.element("Tags", |xml| {
        for (key, value) in tags {
            xml.element("member", |xml| {
                xml.text("Key", key);
                xml.text("Value", value);
            });
        }
    });
}

pub fn boundary(xml: &mut Xml, arn: Option<&String>) {
    if let Some(arn) = arn {
        xml.element("PermissionsBoundary", |xml| {
            xml.text("PermissionsBoundaryType", "Policy");
            xml.text("PermissionsBoundaryArn", arn);
        });
    }
}

/// A user as listings show it; boundary and tags are shown where one user is asked for.
pub fn user_fields(xml: &mut Xml, user: &User) {
    xml.text("Path", &user.path);
    xml.text("UserName", &user.name);
    xml.text("UserId", &user.id);
    xml.text("Arn", &user.arn());
    xml.time("CreateDate", user.created);
}

pub fn group_fields(xml: &mut Xml, group: &Group) {
    xml.text("Path", &group.path);
    xml.text("GroupName", &group.name);
    xml.text("GroupId", &group.id);
    xml.text("Arn", &group.arn());
    xml.time("CreateDate", group.created);
}

/// A role as listings show it: without boundary, tags and last use.
pub fn role_fields(xml: &mut Xml, role: &Role) {
    xml.text("Path", &role.path);
    xml.text("RoleName", &role.name);
    xml.text("RoleId", &role.id);
    xml.text("Arn", &role.arn());
    xml.time("CreateDate", role.created);
    document(xml, "AssumeRolePolicyDocument", &role.trust_policy);
    if let Some(text) = &role.description {
        xml.text("Description", text);
    }
    xml.text("MaxSessionDuration", &role.max_session_duration.to_string());
}

pub fn role_last_used(xml: &mut Xml, role: &Role) {
    xml.element("RoleLastUsed", |xml| {
        if let Some(used) = &role.last_used {
            xml.time("LastUsedDate", used.time);
            xml.text("Region", &used.region);
        }
    });
}

/// A policy as listings show it: without description and tags.
pub fn policy_fields(xml: &mut Xml, policy: &ManagedPolicy) {
    xml.text("PolicyName", &policy.name);
    if let Some(id) = &policy.id {
        xml.text("PolicyId", id);
    }
    xml.text("Arn", &policy.arn);
    xml.text("Path", &policy.path);
    xml.text("DefaultVersionId", &version_id(policy.default_version));
    xml.text("AttachmentCount", &policy.attachments.to_string());
    xml.text(
        "PermissionsBoundaryUsageCount",
        &policy.boundaries.to_string(),
    );
    flag(xml, "IsAttachable", true);
    xml.time("CreateDate", policy.created);
    xml.time("UpdateDate", policy.updated);
}

pub fn version_fields(xml: &mut Xml, version: &PolicyVersion, with_document: bool) {
    if with_document {
        document(xml, "Document", &version.document);
    }
    xml.text("VersionId", &version_id(version.number));
    flag(xml, "IsDefaultVersion", version.is_default);
    xml.time("CreateDate", version.created);
}

pub fn attached(xml: &mut Xml, element: &str, arns: &[String]) {
    xml.element(element, |xml| {
        for arn in arns {
            xml.element("member", |xml| {
                xml.text("PolicyName", arn.rsplit('/').next().unwrap_or(arn));
                xml.text("PolicyArn", arn);
            });
        }
    });
}

/// `v1`, `v2`, …
pub fn version_id(number: u32) -> String {
    format!("v{number}")
}

/// A time in the form that CloudTrail shows in elements of IAM: `Nov 3, 2026 9:05:07 PM`.
pub fn trail_time(time: OffsetDateTime) -> String {
    time.format(format_description!(
        "[month repr:short] [day padding:none], [year] [hour repr:12 padding:none]:[minute]:[second] [period]"
    ))
    .unwrap_or_default()
}

pub fn recorded_tags(tags: &Tags) -> Value {
    tags.iter()
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect()
}

pub fn recorded_boundary(arn: Option<&String>) -> Value {
    arn.map_or(
        Value::Null,
        |arn| json!({ "permissionsBoundaryType": "Policy", "permissionsBoundaryArn": arn }),
    )
}
