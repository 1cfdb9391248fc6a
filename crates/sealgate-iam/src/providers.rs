//! Identity providers of accounts: OpenID Connect, whose tokens roles can trust, and SAML, which are
//! kept and listed only.

use time::Duration;

use crate::Iam;
use crate::accounts::now;
use crate::error::IamError;
use crate::ids;
use crate::model::{OidcProvider, SamlProvider, oidc_arn, saml_arn};
use crate::names::{check_arn_length, constraint};
use crate::records::{self, OIDC, OidcRecord, SAML, SamlRecord, Tags, id_in};

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const MAX_CLIENT_IDS: usize = 100;
const MAX_THUMBPRINTS: usize = 5;
const MAX_URL: usize = 255;
/// What AWS gives metadata that names no end.
const SAML_VALIDITY: Duration = Duration::days(100 * 365);

/// The ARN of an OpenID Connect provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcArn {
    text: String,
    url: String,
}

impl OidcArn {
    /// Checks an ARN.
    pub fn parse(text: &str) -> Result<OidcArn, IamError> {
        check_arn_length("openIDConnectProviderArn", text)?;
        let url = resource(text, "oidc-provider/")?;
        Ok(OidcArn {
            url: url.to_owned(),
            text: text.to_owned(),
        })
    }

    /// The ARN as given.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The ARN of a SAML provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamlArn {
    text: String,
    name: String,
}

impl SamlArn {
    /// Checks an ARN.
    pub fn parse(text: &str) -> Result<SamlArn, IamError> {
        check_arn_length("sAMLProviderArn", text)?;
        let name = resource(text, "saml-provider/")?;
        Ok(SamlArn {
            name: name.to_owned(),
            text: text.to_owned(),
        })
    }

    /// The ARN as given.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn resource<'a>(arn: &'a str, kind: &str) -> Result<&'a str, IamError> {
    arn.strip_prefix("arn:aws:iam::")
        .and_then(|rest| rest.split_once(':'))
        .and_then(|(_, resource)| resource.strip_prefix(kind))
        .filter(|name| !name.is_empty())
        .ok_or_else(|| IamError::InvalidInput(format!("ARN {arn} is not valid.")))
}

/// The address of an OpenID Connect issuer: `https`, without port, query and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcUrl(String);

impl OidcUrl {
    /// Checks an address.
    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html>
    pub fn parse(text: &str) -> Result<OidcUrl, IamError> {
        if text.is_empty() || text.chars().count() > MAX_URL {
            return Err(constraint(
                "url",
                text,
                "Member must have length between 1 and 255",
            ));
        }
        let rest = text
            .strip_prefix("https://")
            .ok_or_else(|| IamError::Validation("Invalid Open ID Connect Provider URL".into()))?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let host = rest.split('/').next().unwrap_or(rest);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/%:".contains(&b);
        if host.is_empty() || !rest.bytes().all(plain) {
            return Err(IamError::Validation(
                "Invalid Open ID Connect Provider URL".into(),
            ));
        }
        Ok(OidcUrl(rest.to_owned()))
    }

    /// Without `https://`, as providers are named.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_client_id(id: &str) -> Result<(), IamError> {
    if id.is_empty() || id.chars().count() > 255 {
        return Err(constraint(
            "clientID",
            id,
            "Member must have length between 1 and 255",
        ));
    }
    Ok(())
}

fn check_thumbprints(thumbprints: &[String]) -> Result<(), IamError> {
    if thumbprints.len() > MAX_THUMBPRINTS {
        return Err(IamError::InvalidInput(format!(
            "Thumbprint list must contain fewer than {MAX_THUMBPRINTS} entries."
        )));
    }
    for thumbprint in thumbprints {
        if thumbprint.len() != 40 || !thumbprint.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(constraint(
                "thumbprintList",
                thumbprint,
                "Member must have length equal to 40 and be hexadecimal",
            ));
        }
    }
    Ok(())
}

fn too_many_client_ids() -> IamError {
    IamError::LimitExceeded(format!(
        "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {MAX_CLIENT_IDS}"
    ))
}

impl Iam {
    /// Makes an OpenID Connect provider.
    pub async fn create_oidc_provider(
        &self,
        account_id: &str,
        url: &OidcUrl,
        client_ids: Vec<String>,
        thumbprints: Vec<String>,
        tags: Tags,
    ) -> Result<OidcProvider, IamError> {
        client_ids.iter().try_for_each(|id| check_client_id(id))?;
        if client_ids.len() > MAX_CLIENT_IDS {
            return Err(too_many_client_ids());
        }
        check_thumbprints(&thumbprints)?;
        let mut change = self.begin(account_id).await?;
        let id = id_in(account_id, url.as_str());
        if self.index().record(OIDC, &id).await?.is_some() {
            return Err(IamError::EntityAlreadyExists(format!(
                "Provider with url https://{} already exists.",
                url.as_str()
            )));
        }
        let record = OidcRecord {
            account_id: account_id.to_owned(),
            url: url.as_str().to_owned(),
            client_ids,
            thumbprints,
            created: now(),
            tags,
        };
        change.create(OIDC, &id, &record)?;
        change.commit().await?;
        Ok(record.into())
    }

    /// The OpenID Connect provider with this ARN or address (with or without `https://`).
    pub async fn oidc_provider(
        &self,
        account_id: &str,
        url_or_arn: &str,
    ) -> Result<Option<OidcProvider>, IamError> {
        let url = match url_or_arn.strip_prefix("arn:") {
            Some(_) => url_or_arn
                .strip_prefix(oidc_arn(account_id, "").as_str())
                .unwrap_or_default(),
            None => url_or_arn.strip_prefix("https://").unwrap_or(url_or_arn),
        };
        let id = id_in(account_id, url);
        let record = records::load::<OidcRecord>(self.index(), OIDC, &id).await?;
        Ok(record.map(OidcProvider::from))
    }

    /// The OpenID Connect provider with this ARN, which must exist.
    pub async fn get_oidc_provider(
        &self,
        account_id: &str,
        arn: &OidcArn,
    ) -> Result<OidcProvider, IamError> {
        Ok(self.load_oidc(account_id, arn).await?.into())
    }

    /// All OpenID Connect providers of an account.
    pub async fn list_oidc_providers(&self, account_id: &str) -> Result<Vec<String>, IamError> {
        let urls = records::rests(self.index(), OIDC, &id_in(account_id, "")).await?;
        Ok(urls.iter().map(|url| oidc_arn(account_id, url)).collect())
    }

    /// Deletes an OpenID Connect provider, if it exists; roles that trust it can no longer be assumed
    /// through it.
    pub async fn delete_oidc_provider(
        &self,
        account_id: &str,
        arn: &OidcArn,
    ) -> Result<(), IamError> {
        let mut change = self.begin(account_id).await?;
        self.load_oidc(account_id, arn).await?;
        change.delete(OIDC, &id_in(account_id, &arn.url));
        change.commit().await
    }

    /// Accepts another audience; one that is accepted stays.
    pub async fn add_client_id(
        &self,
        account_id: &str,
        arn: &OidcArn,
        client_id: &str,
    ) -> Result<(), IamError> {
        check_client_id(client_id)?;
        self.change_oidc(account_id, arn, |record| {
            if record.client_ids.iter().any(|known| known == client_id) {
                return Ok(());
            }
            if record.client_ids.len() >= MAX_CLIENT_IDS {
                return Err(too_many_client_ids());
            }
            record.client_ids.push(client_id.to_owned());
            Ok(())
        })
        .await
    }

    /// Accepts an audience no longer; one that is not accepted is passed over, as at AWS.
    pub async fn remove_client_id(
        &self,
        account_id: &str,
        arn: &OidcArn,
        client_id: &str,
    ) -> Result<(), IamError> {
        check_client_id(client_id)?;
        self.change_oidc(account_id, arn, |record| {
            record.client_ids.retain(|known| known != client_id);
            Ok(())
        })
        .await
    }

    /// Replaces the list of thumbprints.
    pub async fn update_thumbprints(
        &self,
        account_id: &str,
        arn: &OidcArn,
        thumbprints: Vec<String>,
    ) -> Result<(), IamError> {
        check_thumbprints(&thumbprints)?;
        self.change_oidc(account_id, arn, |record| {
            record.thumbprints = thumbprints;
            Ok(())
        })
        .await
    }

    async fn load_oidc(&self, account_id: &str, arn: &OidcArn) -> Result<OidcRecord, IamError> {
        records::load::<OidcRecord>(self.index(), OIDC, &id_in(account_id, &arn.url))
            .await?
            .filter(|record| oidc_arn(&record.account_id, &record.url) == arn.text)
            .ok_or_else(|| {
                IamError::NoSuchEntity(format!(
                    "OpenIDConnect Provider not found for arn {}",
                    arn.text
                ))
            })
    }

    pub(crate) async fn change_oidc(
        &self,
        account_id: &str,
        arn: &OidcArn,
        alter: impl FnOnce(&mut OidcRecord) -> Result<(), IamError>,
    ) -> Result<(), IamError> {
        let mut change = self.begin(account_id).await?;
        let mut record = self.load_oidc(account_id, arn).await?;
        alter(&mut record)?;
        change.put(OIDC, &id_in(account_id, &arn.url), &record)?;
        change.commit().await
    }

    /// Makes a SAML provider of a metadata document, which the caller has parsed.
    pub async fn create_saml_provider(
        &self,
        account_id: &str,
        name: &str,
        metadata: &str,
        tags: Tags,
    ) -> Result<SamlProvider, IamError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        if name.is_empty() || name.len() > 128 || !name.bytes().all(allowed) {
            return Err(constraint(
                "name",
                name,
                r"Member must satisfy regular expression pattern: [\w._-]+",
            ));
        }
        let mut change = self.begin(account_id).await?;
        let id = id_in(account_id, name);
        if self.index().record(SAML, &id).await?.is_some() {
            return Err(IamError::EntityAlreadyExists(format!(
                "The SAML provider {name} already exists."
            )));
        }
        let created = now();
        let record = SamlRecord {
            account_id: account_id.to_owned(),
            name: name.to_owned(),
            id: ids::saml_provider_id()?,
            metadata: metadata.to_owned(),
            created,
            valid_until: created + SAML_VALIDITY,
            tags,
        };
        change.create(SAML, &id, &record)?;
        change.commit().await?;
        Ok(record.into())
    }

    /// The SAML provider with this ARN.
    pub async fn get_saml_provider(
        &self,
        account_id: &str,
        arn: &SamlArn,
    ) -> Result<SamlProvider, IamError> {
        Ok(self.load_saml(account_id, arn).await?.into())
    }

    /// All SAML providers of an account.
    pub async fn list_saml_providers(
        &self,
        account_id: &str,
    ) -> Result<Vec<SamlProvider>, IamError> {
        let mut found = Vec::new();
        for name in records::rests(self.index(), SAML, &id_in(account_id, "")).await? {
            let id = id_in(account_id, &name);
            if let Some(record) = records::load::<SamlRecord>(self.index(), SAML, &id).await? {
                found.push(record.into());
            }
        }
        Ok(found)
    }

    /// Replaces the metadata of a SAML provider.
    pub async fn update_saml_provider(
        &self,
        account_id: &str,
        arn: &SamlArn,
        metadata: &str,
    ) -> Result<(), IamError> {
        self.change_saml(account_id, arn, |record| {
            record.metadata = metadata.to_owned();
            Ok(())
        })
        .await
    }

    /// Deletes a SAML provider.
    pub async fn delete_saml_provider(
        &self,
        account_id: &str,
        arn: &SamlArn,
    ) -> Result<(), IamError> {
        let mut change = self.begin(account_id).await?;
        self.load_saml(account_id, arn).await?;
        change.delete(SAML, &id_in(account_id, &arn.name));
        change.commit().await
    }

    async fn load_saml(&self, account_id: &str, arn: &SamlArn) -> Result<SamlRecord, IamError> {
        records::load::<SamlRecord>(self.index(), SAML, &id_in(account_id, &arn.name))
            .await?
            .filter(|record| saml_arn(&record.account_id, &record.name) == arn.text)
            .ok_or_else(|| {
                IamError::NoSuchEntity(format!("Manifest not found for arn {}", arn.text))
            })
    }

    pub(crate) async fn change_saml(
        &self,
        account_id: &str,
        arn: &SamlArn,
        alter: impl FnOnce(&mut SamlRecord) -> Result<(), IamError>,
    ) -> Result<(), IamError> {
        let mut change = self.begin(account_id).await?;
        let mut record = self.load_saml(account_id, arn).await?;
        alter(&mut record)?;
        change.put(SAML, &id_in(account_id, &arn.name), &record)?;
        change.commit().await
    }
}
