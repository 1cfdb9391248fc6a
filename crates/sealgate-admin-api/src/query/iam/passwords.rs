//! Login profiles, the change of one's own password, and the account's rules for passwords.

use sealgate_iam::{
    Holder, IamError, LoginProfile, Password, PasswordPolicy, UserName, constraint,
};
use sealgate_policy::{Access, Authority, Context, Decision, PrincipalKind, authorize};
use serde_json::json;

use super::parameters::flag;
use super::shapes::{self, trail_time};
use super::{Call, Done, Failure};
use crate::query::xml::Xml;

fn profile(xml: &mut Xml, profile: &LoginProfile) {
    xml.element("LoginProfile", |xml| {
        xml.text("UserName", &profile.user_name);
        xml.time("CreateDate", profile.created);
        shapes::flag(xml, "PasswordResetRequired", profile.reset_required);
    });
}

impl Call<'_> {
    /// The user that is named, or whoever asks. The root has no login profile here.
    async fn permitted_user(&self) -> Result<UserName, Failure> {
        let Some(name) = self.named_user_or_caller()? else {
            self.permit(&self.caller.principal.arn)?;
            return Err(IamError::NoSuchEntity(
                "Login Profile for the root user cannot be found.".into(),
            )
            .into());
        };
        self.permit_holder(&Holder::User(name.clone()), |_| {})
            .await?;
        Ok(name)
    }

    fn password(&self, name: &str, member: &str) -> Result<Password, Failure> {
        Ok(Password::parse(self.form.required(name, member)?, member)?)
    }

    pub(super) async fn create_login_profile(&self) -> Result<Done, Failure> {
        let password = self.password("Password", "password")?;
        let reset = flag(self.form, "PasswordResetRequired", "passwordResetRequired")?;
        let user = self.permitted_user().await?;
        let made = self
            .iam
            .create_login_profile(self.account(), &user, &password, reset)
            .await?;
        let recorded = json!({ "loginProfile": {
            "userName": made.user_name,
            "createDate": trail_time(made.created),
            "passwordResetRequired": made.reset_required,
        }});
        Ok(Done::result(|xml| profile(xml, &made)).recorded(recorded))
    }

    pub(super) async fn get_login_profile(&self) -> Result<Done, Failure> {
        let user = self.permitted_user().await?;
        let found = self.iam.login_profile(self.account(), &user).await?;
        Ok(Done::result(|xml| profile(xml, &found)))
    }

    pub(super) async fn update_login_profile(&self) -> Result<Done, Failure> {
        let name = self.user_name()?;
        let password = match self.form.get("Password") {
            None => None,
            Some(_) => Some(self.password("Password", "password")?),
        };
        let reset = match self.form.get("PasswordResetRequired") {
            None => None,
            Some(_) => Some(flag(
                self.form,
                "PasswordResetRequired",
                "passwordResetRequired",
            )?),
        };
        self.permit_holder(&Holder::User(name.clone()), |_| {})
            .await?;
        self.iam
            .update_login_profile(self.account(), &name, password.as_ref(), reset)
            .await?;
        Ok(Done::nothing())
    }

    pub(super) async fn delete_login_profile(&self) -> Result<Done, Failure> {
        let user = self.permitted_user().await?;
        self.iam.delete_login_profile(self.account(), &user).await?;
        Ok(Done::nothing())
    }

    pub(super) async fn change_password(&self) -> Result<Done, Failure> {
        let old = self.password("OldPassword", "oldPassword")?;
        let new = self.password("NewPassword", "newPassword")?;
        let PrincipalKind::User { name } = &self.caller.principal.kind else {
            return Err(IamError::InvalidUserType(
                "Only IAM Users can change their own password.".into(),
            )
            .into());
        };
        self.permit_own_password().await?;
        let user = UserName::parse_existing(name)?;
        self.iam
            .change_password(self.account(), &user, &old, &new)
            .await?;
        Ok(Done::nothing())
    }

    /// A policy of the user allows it, or the account lets all users, and nothing denies it.
    async fn permit_own_password(&self) -> Result<(), Failure> {
        let context = Context::new();
        let decision = authorize(&Access {
            caller: self.caller,
            action: "iam:ChangePassword",
            resource: &self.caller.principal.arn,
            resource_account: self.account(),
            context: &context,
            resource_policy: None,
            authority: Authority::Account,
            grant: None,
        });
        let Decision::Denied(denial) = decision else {
            return Ok(());
        };
        let policy = self.iam.password_policy(self.account()).await?;
        let all_may = policy.is_some_and(|policy| policy.allow_users_to_change);
        if all_may && !denial.explicit() {
            return Ok(());
        }
        Err(Failure::access_denied(denial.message()))
    }

    pub(super) async fn get_account_password_policy(&self) -> Result<Done, Failure> {
        self.permit("*")?;
        let policy = self.iam.password_policy(self.account()).await?;
        let policy = policy.ok_or_else(|| {
            IamError::NoSuchEntity(format!(
                "The Password Policy with domain name {} cannot be found.",
                self.account()
            ))
        })?;
        Ok(Done::result(|xml| {
            xml.element("PasswordPolicy", |xml| {
                xml.text("MinimumPasswordLength", &policy.minimum_length.to_string());
                shapes::flag(xml, "RequireSymbols", policy.require_symbols);
                shapes::flag(xml, "RequireNumbers", policy.require_numbers);
                shapes::flag(xml, "RequireUppercaseCharacters", policy.require_uppercase);
                shapes::flag(xml, "RequireLowercaseCharacters", policy.require_lowercase);
                shapes::flag(
                    xml,
                    "AllowUsersToChangePassword",
                    policy.allow_users_to_change,
                );
                shapes::flag(xml, "ExpirePasswords", policy.max_age.is_some());
                if let Some(days) = policy.max_age {
                    xml.text("MaxPasswordAge", &days.to_string());
                }
                if let Some(count) = policy.reuse_prevention {
                    xml.text("PasswordReusePrevention", &count.to_string());
                }
                shapes::flag(xml, "HardExpiry", policy.hard_expiry);
            });
        }))
    }

    /// What is not given is as if there were no policy yet.
    pub(super) async fn update_account_password_policy(&self) -> Result<Done, Failure> {
        let asks = |name: &str, member: &str| flag(self.form, name, member);
        let policy = PasswordPolicy {
            minimum_length: self
                .number("MinimumPasswordLength", "minimumPasswordLength")?
                .unwrap_or(6),
            require_symbols: asks("RequireSymbols", "requireSymbols")?,
            require_numbers: asks("RequireNumbers", "requireNumbers")?,
            require_uppercase: asks("RequireUppercaseCharacters", "requireUppercaseCharacters")?,
            require_lowercase: asks("RequireLowercaseCharacters", "requireLowercaseCharacters")?,
            allow_users_to_change: asks(
                "AllowUsersToChangePassword",
                "allowUsersToChangePassword",
            )?,
            max_age: self.number("MaxPasswordAge", "maxPasswordAge")?,
            reuse_prevention: self.number("PasswordReusePrevention", "passwordReusePrevention")?,
            hard_expiry: asks("HardExpiry", "hardExpiry")?,
        };
        self.permit("*")?;
        self.iam
            .update_password_policy(self.account(), policy)
            .await?;
        Ok(Done::nothing())
    }

    fn number<T: std::str::FromStr>(&self, name: &str, member: &str) -> Result<Option<T>, Failure> {
        let Some(text) = self.form.get(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            constraint(member, text, "Member must be a number within its range").into()
        })
    }

    pub(super) async fn delete_account_password_policy(&self) -> Result<Done, Failure> {
        self.permit("*")?;
        self.iam.delete_password_policy(self.account()).await?;
        Ok(Done::nothing())
    }
}
