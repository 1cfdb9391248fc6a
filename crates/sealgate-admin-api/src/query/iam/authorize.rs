//! May the caller do it? Resource and condition keys of each operation:
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>

use sealgate_iam::{Holder, HolderFacts, IamError, PolicyArn, Taggable, Tags};
use sealgate_policy::{Access, Authority, Context, Decision, authorize};

use super::{Call, Failure};

/// The tags that a resource has.
pub fn resource_tags(context: &mut Context, tags: &Tags) {
    for (key, value) in tags {
        context.insert(&format!("aws:ResourceTag/{key}"), value.as_str());
        context.insert(&format!("iam:ResourceTag/{key}"), value.as_str());
    }
}

/// The tags that a request asks for.
pub fn request_tags(context: &mut Context, tags: &Tags) {
    if tags.is_empty() {
        return;
    }
    for (key, value) in tags {
        context.insert(&format!("aws:RequestTag/{key}"), value.as_str());
    }
    tag_keys(context, tags.keys().cloned().collect());
}

/// The keys of tags that a request names.
pub fn tag_keys(context: &mut Context, keys: Vec<String>) {
    context.insert_all("aws:TagKeys", keys);
}

/// The boundary that a user or role has or is to get.
pub fn boundary(context: &mut Context, arn: &str) {
    context.insert("iam:PermissionsBoundary", arn);
}

impl Call<'_> {
    /// On a resource without facts, or on `*`.
    pub(super) fn permit(&self, resource: &str) -> Result<(), Failure> {
        self.permit_with(resource, &Context::new())
    }

    pub(super) fn permit_with(&self, resource: &str, context: &Context) -> Result<(), Failure> {
        self.decide(resource, self.account(), context)
    }

    fn decide(
        &self,
        resource: &str,
        resource_account: &str,
        context: &Context,
    ) -> Result<(), Failure> {
        let action = format!("iam:{}", self.operation);
        let decision = authorize(&Access {
            caller: self.caller,
            action: &action,
            resource,
            resource_account,
            context,
            resource_policy: None,
            authority: Authority::Account,
            grant: None,
        });
        match decision {
            Decision::Allowed => Ok(()),
            Decision::Denied(denial) => Err(Failure::access_denied(denial.message())),
        }
    }

    /// On a user, group or role. One that does not exist is asked for as if it had the path `/`:
    /// whether it exists is told only to those who may ask.
    pub(super) async fn permit_holder(
        &self,
        holder: &Holder,
        add: impl FnOnce(&mut Context),
    ) -> Result<Option<HolderFacts>, Failure> {
        let facts = self.iam.holder_facts(self.account(), holder).await?;
        let mut context = Context::new();
        let arn = match &facts {
            Some(facts) => {
                resource_tags(&mut context, &facts.tags);
                if let Some(arn) = &facts.boundary {
                    boundary(&mut context, arn);
                }
                facts.arn.clone()
            }
            None => holder.arn(self.account(), "/"),
        };
        add(&mut context);
        self.permit_with(&arn, &context)?;
        Ok(facts)
    }

    /// On a managed policy, to read it. The policies of AWS are everybody's.
    pub(super) async fn permit_policy(&self, arn: &PolicyArn) -> Result<(), Failure> {
        let mut context = Context::new();
        if arn.account() == self.account() {
            let of = Taggable::Policy(arn.clone());
            resource_tags(&mut context, &self.existing_tags(&of).await?);
        }
        let owner = if arn.is_of_aws() {
            self.account()
        } else {
            arn.account()
        };
        self.decide(arn.as_str(), owner, &context)
    }

    /// On a managed policy, to change it: those of AWS are nobody's to change.
    pub(super) async fn permit_policy_change(
        &self,
        arn: &PolicyArn,
        add: impl FnOnce(&mut Context),
    ) -> Result<(), Failure> {
        if arn.is_of_aws() {
            return Err(Failure::access_denied(format!(
                "User: {} is not authorized to perform: iam:{} on resource: policy {arn}",
                self.caller.principal.arn, self.operation
            )));
        }
        let mut context = Context::new();
        if arn.account() == self.account() {
            let of = Taggable::Policy(arn.clone());
            resource_tags(&mut context, &self.existing_tags(&of).await?);
        }
        add(&mut context);
        self.decide(arn.as_str(), arn.account(), &context)
    }

    /// On something that is named by its ARN and has tags.
    pub(super) async fn permit_tagged(
        &self,
        arn: &str,
        of: &Taggable,
        add: impl FnOnce(&mut Context),
    ) -> Result<(), Failure> {
        let mut context = Context::new();
        resource_tags(&mut context, &self.existing_tags(of).await?);
        add(&mut context);
        // The account is in the ARN: what belongs to another is not this caller's.
        let owner = arn.split(':').nth(4).unwrap_or_default();
        self.decide(arn, owner, &context)
    }

    /// The tags of something; none if it does not exist.
    async fn existing_tags(&self, of: &Taggable) -> Result<Tags, Failure> {
        match self.iam.tags(self.account(), of).await {
            Ok(tags) => Ok(tags),
            Err(IamError::NoSuchEntity(_)) => Ok(Tags::new()),
            Err(error) => Err(error.into()),
        }
    }
}
