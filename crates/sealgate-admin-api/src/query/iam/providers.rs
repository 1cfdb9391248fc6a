//! Identity providers: OpenID Connect and SAML.

use quick_xml::Reader;
use quick_xml::events::Event;
use sealgate_iam::{IamError, OidcUrl, Taggable, oidc_arn, saml_arn};
use sealgate_policy::Context;
use serde_json::json;

use super::authorize::request_tags;
use super::parameters::members;
use super::shapes::{self, texts};
use super::{Call, Done, Failure};

/// Shorter documents are none, says the model.
const MIN_METADATA: usize = 1000;

/// Checks that a document is metadata of a SAML entity. What it says is not looked at: assertions are
/// not accepted.
fn check_metadata(document: &str) -> Result<(), Failure> {
    if document.chars().count() < MIN_METADATA {
        return Err(IamError::Validation(format!(
            "1 validation error detected: Value at 'sAMLMetadataDocument' failed to satisfy constraint: Member must have length greater than or equal to {MIN_METADATA}"
        ))
        .into());
    }
    let unreadable = || Failure::from(IamError::InvalidInput("Could not parse metadata".into()));
    let mut reader = Reader::from_str(document);
    let (mut depth, mut is_entity) = (0_usize, false);
    loop {
        match reader.read_event().map_err(|_| unreadable())? {
            Event::Start(start) => {
                if depth == 0 {
                    is_entity = start.local_name().as_ref() == "EntityDescriptor";
                }
                depth += 1;
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            // Nothing of SAML's needs one, and its entities are a way to attack parsers.
            Event::DocType(_) => return Err(unreadable()),
            Event::Eof if depth == 0 && is_entity => return Ok(()),
            Event::Eof => return Err(unreadable()),
            _ => {}
        }
    }
}

impl Call<'_> {
    pub(super) async fn create_oidc_provider(&self) -> Result<Done, Failure> {
        let url = OidcUrl::parse(self.form.required("Url", "url")?)?;
        let clients = members(self.form, "ClientIDList", "");
        let thumbprints = members(self.form, "ThumbprintList", "");
        let tags = self.tags()?;
        let mut context = Context::new();
        request_tags(&mut context, &tags);
        self.permit_with(&oidc_arn(self.account(), url.as_str()), &context)?;
        let made = self
            .iam
            .create_oidc_provider(self.account(), &url, clients, thumbprints, tags)
            .await?;
        let recorded = json!({ "openIDConnectProviderArn": made.arn() });
        let done = Done::result(|xml| {
            xml.text("OpenIDConnectProviderArn", &made.arn());
            shapes::tags(xml, &made.tags);
        });
        Ok(done.recorded(recorded))
    }

    /// The OpenID Connect provider that is named, if the caller may do this to it.
    async fn permitted_oidc(&self) -> Result<sealgate_iam::OidcArn, Failure> {
        let arn = self.oidc_arn()?;
        self.permit_tagged(arn.as_str(), &Taggable::Oidc(arn.clone()), |_| {})
            .await?;
        Ok(arn)
    }

    pub(super) async fn get_oidc_provider(&self) -> Result<Done, Failure> {
        let arn = self.permitted_oidc().await?;
        let provider = self.iam.get_oidc_provider(self.account(), &arn).await?;
        Ok(Done::result(|xml| {
            xml.text("Url", &provider.url);
            texts(xml, "ClientIDList", &provider.client_ids);
            texts(xml, "ThumbprintList", &provider.thumbprints);
            xml.time("CreateDate", provider.created);
            shapes::tag_list(xml, &provider.tags);
        }))
    }

    pub(super) async fn list_oidc_providers(&self) -> Result<Done, Failure> {
        self.permit(&oidc_arn(self.account(), "*"))?;
        let arns = self.iam.list_oidc_providers(self.account()).await?;
        Ok(Done::result(|xml| {
            xml.element("OpenIDConnectProviderList", |xml| {
                for arn in &arns {
                    xml.element("member", |xml| {
                        xml.text("Arn", arn);
                    });
                }
            });
        }))
    }

    pub(super) async fn delete_oidc_provider(&self) -> Result<Done, Failure> {
        let arn = self.permitted_oidc().await?;
        self.iam.delete_oidc_provider(self.account(), &arn).await?;
        Ok(Done::nothing())
    }

    pub(super) async fn update_thumbprints(&self) -> Result<Done, Failure> {
        let thumbprints = members(self.form, "ThumbprintList", "");
        let arn = self.permitted_oidc().await?;
        self.iam
            .update_thumbprints(self.account(), &arn, thumbprints)
            .await?;
        Ok(Done::nothing())
    }

    pub(super) async fn add_client_id(&self) -> Result<Done, Failure> {
        let client = self.form.required("ClientID", "clientID")?;
        let arn = self.permitted_oidc().await?;
        self.iam.add_client_id(self.account(), &arn, client).await?;
        Ok(Done::nothing())
    }

    pub(super) async fn remove_client_id(&self) -> Result<Done, Failure> {
        let client = self.form.required("ClientID", "clientID")?;
        let arn = self.permitted_oidc().await?;
        self.iam
            .remove_client_id(self.account(), &arn, client)
            .await?;
        Ok(Done::nothing())
    }

    /// What encrypted assertions would need: no assertion is accepted, so there is nothing to decrypt.
    fn refuse_encryption(&self) -> Result<(), Failure> {
        for name in [
            "AssertionEncryptionMode",
            "AddPrivateKey",
            "RemovePrivateKey",
        ] {
            if self.form.get(name).is_some() {
                return Err(Failure::unsupported(&format!(
                    "{name} is not supported: SAML assertions are not accepted."
                )));
            }
        }
        Ok(())
    }

    pub(super) async fn create_saml_provider(&self) -> Result<Done, Failure> {
        self.refuse_encryption()?;
        let name = self.form.required("Name", "name")?;
        let metadata = self
            .form
            .required("SAMLMetadataDocument", "sAMLMetadataDocument")?;
        let tags = self.tags()?;
        let mut context = Context::new();
        request_tags(&mut context, &tags);
        self.permit_with(&saml_arn(self.account(), name), &context)?;
        check_metadata(metadata)?;
        let made = self
            .iam
            .create_saml_provider(self.account(), name, metadata, tags)
            .await?;
        let recorded = json!({ "sAMLProviderArn": made.arn() });
        let done = Done::result(|xml| {
            xml.text("SAMLProviderArn", &made.arn());
            shapes::tags(xml, &made.tags);
        });
        Ok(done.recorded(recorded))
    }

    /// The SAML provider that is named, if the caller may do this to it.
    async fn permitted_saml(&self) -> Result<sealgate_iam::SamlArn, Failure> {
        let arn = self.saml_arn()?;
        self.permit_tagged(arn.as_str(), &Taggable::Saml(arn.clone()), |_| {})
            .await?;
        Ok(arn)
    }

    pub(super) async fn get_saml_provider(&self) -> Result<Done, Failure> {
        let arn = self.permitted_saml().await?;
        let provider = self.iam.get_saml_provider(self.account(), &arn).await?;
        Ok(Done::result(|xml| {
            xml.text("SAMLProviderUUID", &provider.id);
            xml.text("SAMLMetadataDocument", &provider.metadata);
            xml.time("CreateDate", provider.created);
            xml.time("ValidUntil", provider.valid_until);
            shapes::tag_list(xml, &provider.tags);
        }))
    }

    pub(super) async fn list_saml_providers(&self) -> Result<Done, Failure> {
        self.permit(&saml_arn(self.account(), "*"))?;
        let providers = self.iam.list_saml_providers(self.account()).await?;
        Ok(Done::result(|xml| {
            xml.element("SAMLProviderList", |xml| {
                for provider in &providers {
                    xml.element("member", |xml| {
                        xml.text("Arn", &provider.arn());
                        xml.time("ValidUntil", provider.valid_until);
                        xml.time("CreateDate", provider.created);
                    });
                }
            });
        }))
    }

    pub(super) async fn update_saml_provider(&self) -> Result<Done, Failure> {
        self.refuse_encryption()?;
        let metadata = self
            .form
            .required("SAMLMetadataDocument", "sAMLMetadataDocument")?;
        let arn = self.permitted_saml().await?;
        check_metadata(metadata)?;
        self.iam
            .update_saml_provider(self.account(), &arn, metadata)
            .await?;
        Ok(Done::result(|xml| {
            xml.text("SAMLProviderArn", arn.as_str());
        }))
    }

    pub(super) async fn delete_saml_provider(&self) -> Result<Done, Failure> {
        let arn = self.permitted_saml().await?;
        self.iam.delete_saml_provider(self.account(), &arn).await?;
        Ok(Done::nothing())
    }
}
