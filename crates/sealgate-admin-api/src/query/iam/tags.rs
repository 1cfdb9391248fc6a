//! Tags of everything that has some.

use sealgate_iam::{OidcArn, SamlArn, Taggable, parse_tag_keys};
use sealgate_policy::Context;

use super::authorize::{request_tags, tag_keys};
use super::parameters::members;
use super::shapes::{page_end, tag_list};
use super::{Call, Done, Failure};

/// What can have tags, by the parameter that names it.
#[derive(Clone, Copy)]
pub enum TaggableKind {
    User,
    Role,
    Policy,
    Oidc,
    Saml,
}

impl Call<'_> {
    fn taggable(&self, kind: TaggableKind) -> Result<Taggable, Failure> {
        Ok(match kind {
            TaggableKind::User => Taggable::User(self.user_name()?),
            TaggableKind::Role => Taggable::Role(self.role_name()?),
            TaggableKind::Policy => Taggable::Policy(self.policy_arn()?),
            TaggableKind::Oidc => Taggable::Oidc(self.oidc_arn()?),
            TaggableKind::Saml => Taggable::Saml(self.saml_arn()?),
        })
    }

    pub(super) fn oidc_arn(&self) -> Result<OidcArn, Failure> {
        let text = self
            .form
            .required("OpenIDConnectProviderArn", "openIDConnectProviderArn")?;
        Ok(OidcArn::parse(text)?)
    }

    pub(super) fn saml_arn(&self) -> Result<SamlArn, Failure> {
        let text = self.form.required("SAMLProviderArn", "sAMLProviderArn")?;
        Ok(SamlArn::parse(text)?)
    }

    async fn permit_taggable(
        &self,
        of: &Taggable,
        changes: bool,
        add: impl FnOnce(&mut Context),
    ) -> Result<(), Failure> {
        use sealgate_iam::Holder;
        match of {
            Taggable::User(name) => {
                let user = Holder::User(name.clone());
                self.permit_holder(&user, add).await.map(drop)
            }
            Taggable::Role(name) => {
                let role = Holder::Role(name.clone());
                self.permit_holder(&role, add).await.map(drop)
            }
            Taggable::Policy(arn) if changes => self.permit_policy_change(arn, add).await,
            Taggable::Policy(arn) => self.permit_policy(arn).await,
            Taggable::Oidc(arn) => self.permit_tagged(arn.as_str(), of, add).await,
            Taggable::Saml(arn) => self.permit_tagged(arn.as_str(), of, add).await,
        }
    }

    pub(super) async fn tag(&self, kind: TaggableKind) -> Result<Done, Failure> {
        let of = self.taggable(kind)?;
        let tags = self.tags()?;
        self.permit_taggable(&of, true, |context| request_tags(context, &tags))
            .await?;
        self.iam.tag(self.account(), &of, &tags).await?;
        Ok(Done::nothing())
    }

    pub(super) async fn untag(&self, kind: TaggableKind) -> Result<Done, Failure> {
        let of = self.taggable(kind)?;
        let keys = parse_tag_keys(members(self.form, "TagKeys", ""))?;
        self.permit_taggable(&of, true, |context| tag_keys(context, keys.clone()))
            .await?;
        self.iam.untag(self.account(), &of, &keys).await?;
        Ok(Done::nothing())
    }

    pub(super) async fn list_tags(&self, kind: TaggableKind) -> Result<Done, Failure> {
        let of = self.taggable(kind)?;
        let paging = self.form.paging()?;
        self.permit_taggable(&of, false, |_| {}).await?;
        let tags = self.iam.tags(self.account(), &of).await?;
        let page = paging.take(tags, |(key, _)| key)?;
        Ok(Done::result(|xml| {
            tag_list(xml, page.items.iter().map(|(key, value)| (key, value)));
            page_end(xml, page.marker.as_deref());
        }))
    }
}
