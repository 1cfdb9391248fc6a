//! The access control list that a request asks for: a canned one, grants in headers, or a document.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl>

use http::HeaderMap;

use super::acl::{Acl, Grant, Grantee, Group, MAX_GRANTS, Permission, email};
use crate::S3;
use crate::error::{Code, Result, S3Error};

/// The header that names a canned list.
pub(crate) const CANNED: &str = "x-amz-acl";

/// What a list is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// The canonical id of who owns it.
    pub(crate) owner: &'a str,
    /// The canonical id of the bucket's owner, where it is an object.
    pub(crate) bucket_owner: Option<&'a str>,
}

/// Whether the headers ask for a list.
pub(crate) fn is_asked_for(headers: &HeaderMap) -> bool {
    headers.contains_key(CANNED) || has_grants(headers)
}

/// Whether headers grant something.
pub(crate) fn has_grants(headers: &HeaderMap) -> bool {
    Permission::ALL
        .iter()
        .any(|permission| headers.contains_key(permission.header()))
}

/// The list that the headers ask for, if they do. Whether its accounts exist is not known yet.
pub(crate) fn of_headers(headers: &HeaderMap, subject: Subject<'_>) -> Result<Option<Acl>> {
    let mut grants = Vec::new();
    for permission in Permission::ALL {
        for value in headers.get_all(permission.header()) {
            let value = value.to_str().map_err(|_| unrecognized(permission, "?"))?;
            parse_grants(permission, value, &mut grants)?;
        }
    }
    let canned = match headers.get(CANNED) {
        None => None,
        Some(value) => Some(value.to_str().unwrap_or("?")),
    };
    let acl = match (canned, grants.is_empty()) {
        (None, true) => return Ok(None),
        (Some(_), false) => {
            return Err(S3Error::invalid_request(
                "Specifying both Canned ACLs and Header Grants is not allowed",
            ));
        }
        (Some(name), true) => of_name(name, subject)?,
        (None, false) => Acl {
            owner: subject.owner.to_owned(),
            grants,
        },
    };
    if acl.grants.len() > MAX_GRANTS {
        return Err(Code::MalformedAcl.into());
    }
    Ok(Some(acl))
}

/// A canned list.
pub(crate) fn of_name(name: &str, subject: Subject<'_>) -> Result<Acl> {
    let group = |group, permission| Grant {
        grantee: Grantee::Group(group),
        permission,
    };
    let bucket_owner = |permission| {
        subject
            .bucket_owner
            .filter(|id| *id != subject.owner)
            .map(|id| Grant {
                grantee: Grantee::Account(id.to_owned()),
                permission,
            })
    };
    let more: Vec<Grant> = match name {
        "private" => Vec::new(),
        "public-read" => vec![group(Group::AllUsers, Permission::Read)],
        "public-read-write" => vec![
            group(Group::AllUsers, Permission::Read),
            group(Group::AllUsers, Permission::Write),
        ],
        "authenticated-read" => vec![group(Group::AuthenticatedUsers, Permission::Read)],
        // For buckets S3 ignores what is about the bucket's owner.
        "bucket-owner-read" => bucket_owner(Permission::Read).into_iter().collect(),
        "bucket-owner-full-control" => bucket_owner(Permission::FullControl).into_iter().collect(),
        "log-delivery-write" if subject.bucket_owner.is_none() => vec![
            group(Group::LogDelivery, Permission::Write),
            group(Group::LogDelivery, Permission::ReadAcp),
        ],
        "aws-exec-read" => return Err(S3Error::not_implemented("The canned ACL aws-exec-read")),
        _ => return Err(S3Error::argument(CANNED, name, "Invalid canned ACL")),
    };
    let mut acl = Acl::private(subject.owner);
    acl.grants.extend(more);
    Ok(acl)
}

fn unrecognized(permission: Permission, value: &str) -> S3Error {
    S3Error::argument(permission.header(), value, "Argument format not recognized")
}

/// `id="…", uri="…"`; the quotes may be left out.
fn parse_grants(permission: Permission, value: &str, grants: &mut Vec<Grant>) -> Result<()> {
    for item in value.split(',') {
        let (name, who) = item
            .split_once('=')
            .ok_or_else(|| unrecognized(permission, value))?;
        let who = who.trim();
        let who = who
            .strip_prefix('"')
            .and_then(|who| who.strip_suffix('"'))
            .unwrap_or(who);
        let name = name.trim();
        let grantee = if who.is_empty() || who.contains('"') {
            return Err(unrecognized(permission, value));
        } else if name.eq_ignore_ascii_case("id") {
            Grantee::Account(who.to_owned())
        } else if name.eq_ignore_ascii_case("uri") {
            Grantee::Group(Group::by_uri(who)?)
        } else if name.eq_ignore_ascii_case("emailAddress") {
            return Err(email());
        } else {
            return Err(unrecognized(permission, value));
        };
        grants.push(Grant {
            grantee,
            permission,
        });
    }
    Ok(())
}

/// Refuse a list that names an account which does not exist.
pub(crate) async fn check_accounts(s3: &S3, acl: &Acl) -> Result<()> {
    for id in acl.accounts().filter(|id| *id != acl.owner) {
        let account = s3.iam.account_by_canonical_id(id).await.map_err(|error| {
            tracing::error!(%error, "an account cannot be looked up");
            Code::InternalError
        })?;
        if account.is_none() {
            return Err(S3Error::argument("CanonicalUser/ID", id, "Invalid id"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use http::{HeaderName, HeaderValue};

    use super::*;

    const OBJECT: Subject<'_> = Subject {
        owner: "me",
        bucket_owner: Some("them"),
    };
    const BUCKET: Subject<'_> = Subject {
        owner: "me",
        bucket_owner: None,
    };

    fn asked(pairs: &[(&str, &str)], subject: Subject<'_>) -> Result<Option<Acl>, Code> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        assert_eq!(is_asked_for(&headers), !pairs.is_empty());
        of_headers(&headers, subject).map_err(|error| error.kind())
    }

    #[test]
    fn canned_lists_grant_what_their_names_say() {
        use Permission::*;
        let all = |permission| (Grantee::Group(Group::AllUsers), permission);
        let signed = |permission| (Grantee::Group(Group::AuthenticatedUsers), permission);
        let logs = |permission| (Grantee::Group(Group::LogDelivery), permission);
        let them = |permission| (Grantee::Account("them".into()), permission);
        for (name, object, bucket) in [
            ("private", Some(vec![]), Some(vec![])),
            ("public-read", Some(vec![all(Read)]), Some(vec![all(Read)])),
            (
                "public-read-write",
                Some(vec![all(Read), all(Write)]),
                Some(vec![all(Read), all(Write)]),
            ),
            (
                "authenticated-read",
                Some(vec![signed(Read)]),
                Some(vec![signed(Read)]),
            ),
            ("bucket-owner-read", Some(vec![them(Read)]), Some(vec![])),
            (
                "bucket-owner-full-control",
                Some(vec![them(FullControl)]),
                Some(vec![]),
            ),
            (
                "log-delivery-write",
                None,
                Some(vec![logs(Write), logs(ReadAcp)]),
            ),
            ("aws-exec-read", None, None),
            ("Public-Read", None, None),
        ] {
            for (subject, expected) in [(OBJECT, object), (BUCKET, bucket)] {
                let acl = asked(&[(CANNED, name)], subject).ok().flatten();
                let more = acl.map(|acl| {
                    assert_eq!(acl.grants.first(), Acl::private("me").grants.first());
                    acl.grants
                        .into_iter()
                        .skip(1)
                        .map(|grant| (grant.grantee, grant.permission))
                        .collect::<Vec<_>>()
                });
                assert_eq!(more, expected, "{name}");
            }
        }
    }

    #[test]
    fn grants_in_headers_are_all_there_is() {
        let acl = asked(
            &[
                (
                    "x-amz-grant-read",
                    "id=\"a\", uri=http://acs.amazonaws.com/groups/global/AllUsers",
                ),
                ("x-amz-grant-write-acp", "ID=b"),
            ],
            OBJECT,
        );
        let grants = acl.unwrap().unwrap().grants;
        assert_eq!(
            grants
                .into_iter()
                .map(|grant| (grant.grantee, grant.permission))
                .collect::<Vec<_>>(),
            [
                (Grantee::Account("a".into()), Permission::Read),
                (Grantee::Group(Group::AllUsers), Permission::Read),
                (Grantee::Account("b".into()), Permission::WriteAcp),
            ]
        );
        assert_eq!(asked(&[], OBJECT), Ok(None));
    }

    #[test]
    fn other_headers_are_refused() {
        let many = "id=a,".repeat(MAX_GRANTS) + "id=a";
        for (pairs, code) in [
            (vec![("x-amz-grant-read", "")], Code::InvalidArgument),
            (vec![("x-amz-grant-read", "a")], Code::InvalidArgument),
            (vec![("x-amz-grant-read", "id=")], Code::InvalidArgument),
            (vec![("x-amz-grant-read", "id=a,")], Code::InvalidArgument),
            (vec![("x-amz-grant-read", "id=\"a")], Code::InvalidArgument),
            (vec![("x-amz-grant-read", "name=a")], Code::InvalidArgument),
            (
                vec![("x-amz-grant-read", "uri=http://x")],
                Code::InvalidArgument,
            ),
            (
                vec![("x-amz-grant-read", "emailAddress=a@b")],
                Code::MethodNotAllowed,
            ),
            (
                vec![("x-amz-grant-read", many.as_str())],
                Code::MalformedAcl,
            ),
            (
                vec![("x-amz-grant-read", "id=a"), (CANNED, "private")],
                Code::InvalidRequest,
            ),
        ] {
            assert_eq!(asked(&pairs, OBJECT), Err(code), "{pairs:?}");
        }
    }
}
