//! Access control lists: who owns a bucket or object, and what was granted to whom.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html>

use serde::{Deserialize, Serialize};

use crate::access_log::LOG_DELIVERY_ID;
use crate::document::Document;
use crate::error::{Code, Result, S3Error};
use crate::xml::{Element, Writer};

/// Most grants of a list.
pub(crate) const MAX_GRANTS: usize = 100;

/// The owner of what nobody signed for, as S3 shows it.
pub(crate) const ANONYMOUS_ID: &str = "65a011a29cdf8ec533ec3d1ccaae921c";

/// An access control list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Acl {
    /// The canonical id of the owner.
    pub(crate) owner: String,
    /// What was granted, also to the owner.
    pub(crate) grants: Vec<Grant>,
}

/// A permission of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) grantee: Grantee,
    pub(crate) permission: Permission,
}

/// Who is granted something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Grantee {
    /// An account, by its canonical id.
    Account(String),
    Group(Group),
}

/// The groups that S3 knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Group {
    /// Everybody.
    AllUsers,
    /// Everybody who signs, of whatever account.
    AuthenticatedUsers,
    /// The service that delivers logs.
    LogDelivery,
}

/// What is granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Permission {
    FullControl,
    Read,
    ReadAcp,
    Write,
    WriteAcp,
}

impl Group {
    const ALL: [Self; 3] = [Self::AllUsers, Self::AuthenticatedUsers, Self::LogDelivery];

    pub(crate) fn uri(self) -> &'static str {
        match self {
            Self::AllUsers => "http://acs.amazonaws.com/groups/global/AllUsers",
            Self::AuthenticatedUsers => "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
            Self::LogDelivery => "http://acs.amazonaws.com/groups/s3/LogDelivery",
        }
    }

    pub(crate) fn by_uri(uri: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|group| group.uri() == uri)
            .ok_or_else(|| S3Error::argument("Group/URI", uri, "Invalid group uri"))
    }

    fn is_public(self) -> bool {
        matches!(self, Self::AllUsers | Self::AuthenticatedUsers)
    }
}

impl Permission {
    pub(crate) const ALL: [Self; 5] = [
        Self::FullControl,
        Self::Read,
        Self::ReadAcp,
        Self::Write,
        Self::WriteAcp,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FullControl => "FULL_CONTROL",
            Self::Read => "READ",
            Self::ReadAcp => "READ_ACP",
            Self::Write => "WRITE",
            Self::WriteAcp => "WRITE_ACP",
        }
    }

    /// The header that grants it.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::FullControl => "x-amz-grant-full-control",
            Self::Read => "x-amz-grant-read",
            Self::ReadAcp => "x-amz-grant-read-acp",
            Self::Write => "x-amz-grant-write",
            Self::WriteAcp => "x-amz-grant-write-acp",
        }
    }

    /// What the list of a bucket has to grant for an action on the bucket or on a new object in it
    /// ([mapping](https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#acl-access-policy-permission-mapping)).
    pub(crate) fn of_bucket(action: &str) -> Option<Self> {
        Some(match action {
            "s3:ListBucket" | "s3:ListBucketVersions" | "s3:ListBucketMultipartUploads" => {
                Self::Read
            }
            "s3:PutObject" => Self::Write,
            "s3:GetBucketAcl" => Self::ReadAcp,
            "s3:PutBucketAcl" => Self::WriteAcp,
            _ => return None,
        })
    }

    /// What the list of an object has to grant for an action on it.
    pub(crate) fn of_object(action: &str) -> Option<Self> {
        Some(match action {
            "s3:GetObject" | "s3:GetObjectVersion" | "s3:GetObjectTorrent" => Self::Read,
            "s3:GetObjectAcl" | "s3:GetObjectVersionAcl" => Self::ReadAcp,
            "s3:PutObjectAcl" | "s3:PutObjectVersionAcl" => Self::WriteAcp,
            _ => return None,
        })
    }
}

/// Who asks, as lists see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker<'a> {
    /// The canonical id of the caller's account.
    pub(crate) canonical_id: &'a str,
    /// Whether nobody signed.
    pub(crate) anonymous: bool,
}

impl Acl {
    /// The list that gives everything to the owner and nothing to others.
    pub(crate) fn private(owner: &str) -> Self {
        let all = Grant {
            grantee: Grantee::Account(owner.to_owned()),
            permission: Permission::FullControl,
        };
        Self {
            owner: owner.to_owned(),
            grants: vec![all],
        }
    }

    /// Whether the list gives anything to the public.
    pub(crate) fn is_public(&self) -> bool {
        self.grants
            .iter()
            .any(|grant| matches!(grant.grantee, Grantee::Group(group) if group.is_public()))
    }

    /// Whether it gives nothing to others than its owner.
    pub(crate) fn is_private(&self) -> bool {
        self.grants
            .iter()
            .all(|grant| matches!(&grant.grantee, Grantee::Account(id) if *id == self.owner))
    }

    /// Whether it grants a permission. An owner can always read and write the list itself.
    pub(crate) fn grants(&self, asker: Asker<'_>, wanted: Permission, ignore_public: bool) -> bool {
        let is = |id: &str| !asker.anonymous && id == asker.canonical_id;
        let of_list = matches!(wanted, Permission::ReadAcp | Permission::WriteAcp);
        if of_list && is(&self.owner) {
            return true;
        }
        self.grants.iter().any(|grant| {
            let permits = grant.permission == wanted || grant.permission == Permission::FullControl;
            permits
                && match &grant.grantee {
                    Grantee::Account(id) => is(id),
                    Grantee::Group(Group::AllUsers) => !ignore_public,
                    Grantee::Group(Group::AuthenticatedUsers) => !ignore_public && !asker.anonymous,
                    Grantee::Group(Group::LogDelivery) => is(LOG_DELIVERY_ID),
                }
        })
    }

    /// The accounts that it names.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &str> {
        self.grants.iter().filter_map(|grant| match &grant.grantee {
            Grantee::Account(id) => Some(id.as_str()),
            Grantee::Group(_) => None,
        })
    }

    /// From the bytes that an object's version carries.
    pub(crate) fn from_bytes(stored: &[u8]) -> Result<Self> {
        serde_json::from_slice(stored).map_err(|error| {
            tracing::error!(%error, "an access control list is damaged");
            Code::InternalError.into()
        })
    }
}

fn malformed() -> S3Error {
    Code::MalformedAcl.into()
}

fn parse_grant(element: &Element) -> Result<Grant> {
    let mut grantee = element.all("Grantee");
    let (Some(who), None) = (grantee.next(), grantee.next()) else {
        return Err(malformed());
    };
    let text = |name: &str| {
        who.optional_text(name)
            .ok()
            .flatten()
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .ok_or_else(malformed)
    };
    let grantee = match who.kind.as_deref() {
        Some("CanonicalUser") => Grantee::Account(text("ID")?.to_owned()),
        Some("Group") => Grantee::Group(Group::by_uri(text("URI")?)?),
        Some("AmazonCustomerByEmail") => return Err(email()),
        _ => return Err(malformed()),
    };
    let name = element
        .optional_text("Permission")
        .ok()
        .flatten()
        .map(str::trim)
        .unwrap_or_default();
    let permission = Permission::ALL
        .into_iter()
        .find(|permission| permission.name() == name)
        .ok_or_else(malformed)?;
    Ok(Grant {
        grantee,
        permission,
    })
}

/// S3 ended grants by e-mail address in October 2025
/// ([PutBucketAcl](https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAcl.html)).
pub(crate) fn email() -> S3Error {
    Code::MethodNotAllowed.into()
}

/// The list of a bucket; one in which nothing is stored has a private one.
impl Document for Acl {
    const KIND: &'static str = "acl";
    const ROOT: &'static str = "AccessControlPolicy";
    const MISSING: Code = Code::InternalError;

    fn parse(root: &Element) -> Result<Self> {
        let one = |name| root.optional(name).ok().flatten().ok_or_else(malformed);
        let owner = one("Owner")?
            .optional_text("ID")
            .ok()
            .flatten()
            .map(str::trim)
            .filter(|id| !id.is_empty())
            .ok_or_else(malformed)?;
        let list = one("AccessControlList")?;
        root.only(&["Owner", "AccessControlList"])
            .and_then(|()| list.only(&["Grant"]))
            .map_err(|_| malformed())?;
        if list.children.len() > MAX_GRANTS {
            return Err(malformed());
        }
        Ok(Self {
            owner: owner.to_owned(),
            grants: list
                .children
                .iter()
                .map(parse_grant)
                .collect::<Result<_>>()?,
        })
    }

    /// Without display names, which S3 left out in November 2025.
    fn write(&self, w: &mut Writer) {
        w.element("Owner", |w| w.text("ID", &self.owner));
        w.element("AccessControlList", |w| {
            for grant in &self.grants {
                w.element("Grant", |w| {
                    match &grant.grantee {
                        Grantee::Account(id) => {
                            w.typed("Grantee", "CanonicalUser", |w| w.text("ID", id));
                        }
                        Grantee::Group(group) => {
                            w.typed("Grantee", "Group", |w| w.text("URI", group.uri()));
                        }
                    }
                    w.text("Permission", grant.permission.name());
                });
            }
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const SOMEBODY: Asker<'_> = Asker {
        canonical_id: "somebody",
        anonymous: false,
    };
    const NOBODY: Asker<'_> = Asker {
        canonical_id: "",
        anonymous: true,
    };

    fn with(grantee: Grantee, permission: Permission) -> Acl {
        let mut acl = Acl::private("owner");
        acl.grants.push(Grant {
            grantee,
            permission,
        });
        acl
    }

    #[test]
    fn a_grant_reaches_whom_it_names_and_nobody_else() {
        let account = || Grantee::Account("somebody".into());
        let (all, signed) = (Group::AllUsers, Group::AuthenticatedUsers);
        for (grantee, somebody, nobody) in [
            (account(), true, false),
            (Grantee::Account("another".into()), false, false),
            (Grantee::Account(String::new()), false, false),
            (Grantee::Group(all), true, true),
            (Grantee::Group(signed), true, false),
            (Grantee::Group(Group::LogDelivery), false, false),
        ] {
            let public = matches!(grantee, Grantee::Group(group) if group.is_public());
            let acl = with(grantee, Permission::Read);
            assert_eq!(acl.grants(SOMEBODY, Permission::Read, false), somebody);
            assert_eq!(acl.grants(NOBODY, Permission::Read, false), nobody);
            assert!(!acl.grants(SOMEBODY, Permission::Write, false));
            assert_eq!(acl.is_public(), public);
            assert_eq!(
                acl.grants(SOMEBODY, Permission::Read, true),
                somebody && !public
            );
            assert!(!acl.grants(NOBODY, Permission::Read, true));
        }
    }

    #[test]
    fn full_control_is_every_permission_and_an_owner_always_has_the_list() {
        let acl = with(Grantee::Account("somebody".into()), Permission::FullControl);
        for permission in Permission::ALL {
            assert!(acl.grants(SOMEBODY, permission, true));
        }
        let bare = Acl {
            owner: "somebody".into(),
            grants: Vec::new(),
        };
        for permission in Permission::ALL {
            let of_list = matches!(permission, Permission::ReadAcp | Permission::WriteAcp);
            assert_eq!(bare.grants(SOMEBODY, permission, false), of_list);
        }
    }

    fn parsed(list: &str) -> Result<Acl, Code> {
        let xml = format!(
            "<AccessControlPolicy xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><Owner><ID>me</ID></Owner><AccessControlList>{list}</AccessControlList></AccessControlPolicy>"
        );
        Element::parse(xml.as_bytes(), Acl::ROOT)
            .and_then(|root| Acl::parse(&root))
            .map_err(|error| error.kind())
    }

    #[test]
    fn a_list_is_read_back_as_it_is_written() {
        let mut acl = with(Grantee::Account("a&b".into()), Permission::ReadAcp);
        for group in Group::ALL {
            acl.grants.push(Grant {
                grantee: Grantee::Group(group),
                permission: Permission::Write,
            });
        }
        let xml = Writer::document(Acl::ROOT, |w| acl.write(w));
        let root = Element::parse(xml.as_bytes(), Acl::ROOT).unwrap();
        assert_eq!(Acl::parse(&root).unwrap(), acl);
        assert_eq!(Acl::from_bytes(&acl.to_bytes().unwrap()).unwrap(), acl);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let grant = |kind: &str, who: &str, permission: &str| {
            format!(
                "<Grant><Grantee xsi:type=\"{kind}\">{who}</Grantee><Permission>{permission}</Permission></Grant>"
            )
        };
        let all = "<URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>";
        let good = grant("Group", all, "READ");
        assert!(parsed(&good).is_ok());
        assert!(parsed(&good.repeat(MAX_GRANTS)).is_ok());
        for (list, code) in [
            (good.repeat(MAX_GRANTS + 1), Code::MalformedAcl),
            (grant("Group", all, "ALL"), Code::MalformedAcl),
            (grant("Group", all, ""), Code::MalformedAcl),
            (grant("Other", all, "READ"), Code::MalformedAcl),
            (grant("CanonicalUser", all, "READ"), Code::MalformedAcl),
            (good.replace(" xsi:type=\"Group\"", ""), Code::MalformedAcl),
            ("<Other/>".to_owned(), Code::MalformedAcl),
            (
                grant("Group", "<URI>http://example.com</URI>", "READ"),
                Code::InvalidArgument,
            ),
            (
                grant(
                    "AmazonCustomerByEmail",
                    "<EmailAddress>a@b</EmailAddress>",
                    "READ",
                ),
                Code::MethodNotAllowed,
            ),
        ] {
            assert_eq!(parsed(&list).unwrap_err(), code, "{list:.200}");
        }
    }
}
