//! Second factors: virtual devices, and whose they are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_iam::{Holder, MfaDevice, MfaSerial, QrCode, UserName};
use serde_json::json;
use time::OffsetDateTime;

use super::parameters::choice;
use super::shapes::page_end;
use super::{Call, Done, Failure};
use crate::query::xml::Xml;

fn device(xml: &mut Xml, device: &MfaDevice) {
    if let Some(name) = &device.user_name {
        xml.text("UserName", name);
    }
    xml.text("SerialNumber", &device.serial);
    if let Some(since) = device.enabled {
        xml.time("EnableDate", since);
    }
}

impl Call<'_> {
    fn serial(&self) -> Result<MfaSerial, Failure> {
        let text = self.form.required("SerialNumber", "serialNumber")?;
        Ok(MfaSerial::parse(text)?)
    }

    fn two_codes(&self) -> Result<(&str, &str), Failure> {
        Ok((
            self.form
                .required("AuthenticationCode1", "authenticationCode1")?,
            self.form
                .required("AuthenticationCode2", "authenticationCode2")?,
        ))
    }

    async fn permit_user(&self, name: &UserName) -> Result<(), Failure> {
        let user = Holder::User(name.clone());
        self.permit_holder(&user, |_| {}).await.map(drop)
    }

    pub(super) async fn create_virtual_mfa_device(&self) -> Result<Done, Failure> {
        let name = self
            .form
            .required("VirtualMFADeviceName", "virtualMFADeviceName")?;
        let serial = MfaSerial::new(self.account(), &self.path()?, name)?;
        self.permit(&serial.arn())?;
        if self.form.has_prefix("Tags.") {
            return Err(Failure::unsupported(
                "Tags of MFA devices are not implemented by Sealgate yet.",
            ));
        }
        let made = self.iam.create_mfa_device(&serial).await?;
        let picture = STANDARD.encode(QrCode::of(&made.uri)?.png()?);
        let recorded = json!({ "virtualMFADevice": { "serialNumber": made.serial } });
        let done = Done::result(|xml| {
            xml.element("VirtualMFADevice", |xml| {
                xml.text("SerialNumber", &made.serial);
                // Both are blobs, in base 64 once more.
                xml.text("Base32StringSeed", &STANDARD.encode(made.seed.as_bytes()));
                xml.text("QRCodePNG", &picture);
            });
        });
        Ok(done.recorded(recorded))
    }

    pub(super) async fn delete_virtual_mfa_device(&self) -> Result<Done, Failure> {
        let serial = self.serial()?;
        self.permit(&serial.arn())?;
        self.iam.delete_mfa_device(self.account(), &serial).await?;
        Ok(Done::nothing())
    }

    pub(super) async fn enable_mfa_device(&self) -> Result<Done, Failure> {
        let (user, serial, codes) = (self.user_name()?, self.serial()?, self.two_codes()?);
        self.permit_user(&user).await?;
        let now = OffsetDateTime::now_utc();
        self.iam
            .enable_mfa_device(self.account(), &user, &serial, codes, now)
            .await?;
        Ok(Done::nothing())
    }

    pub(super) async fn resync_mfa_device(&self) -> Result<Done, Failure> {
        let (user, serial, codes) = (self.user_name()?, self.serial()?, self.two_codes()?);
        self.permit_user(&user).await?;
        let now = OffsetDateTime::now_utc();
        self.iam
            .resync_mfa_device(self.account(), &user, &serial, codes, now)
            .await?;
        Ok(Done::nothing())
    }

    pub(super) async fn deactivate_mfa_device(&self) -> Result<Done, Failure> {
        let serial = self.serial()?;
        let Some(user) = self.named_user_or_caller()? else {
            // The root has none.
            self.permit(&self.caller.principal.arn)?;
            self.iam.mfa_device(self.account(), &serial).await?;
            return Err(sealgate_iam::IamError::NoSuchEntity(
                "MFA Device invalid for user.".into(),
            )
            .into());
        };
        self.permit_user(&user).await?;
        self.iam
            .deactivate_mfa_device(self.account(), &user, &serial)
            .await?;
        Ok(Done::nothing())
    }

    pub(super) async fn list_mfa_devices(&self) -> Result<Done, Failure> {
        let paging = self.form.paging()?;
        let Some(user) = self.named_user_or_caller()? else {
            self.permit(&self.caller.principal.arn)?;
            return Ok(Done::result(|xml| {
                xml.element("MFADevices", |_| {});
                page_end(xml, None);
            }));
        };
        self.permit_user(&user).await?;
        let page = self
            .iam
            .mfa_devices_of(self.account(), &user, &paging)
            .await?;
        Ok(Done::result(|xml| {
            xml.element("MFADevices", |xml| {
                for one in &page.items {
                    xml.element("member", |xml| device(xml, one));
                }
            });
            page_end(xml, page.marker.as_deref());
        }))
    }

    pub(super) async fn get_mfa_device(&self) -> Result<Done, Failure> {
        let serial = self.serial()?;
        match self.named_user_or_caller()? {
            Some(user) => self.permit_user(&user).await?,
            None => self.permit(&self.caller.principal.arn)?,
        }
        let found = self.iam.mfa_device(self.account(), &serial).await?;
        let of_another = self
            .form
            .get("UserName")
            .is_some_and(|name| found.user_name.as_deref() != Some(name));
        if of_another {
            return Err(sealgate_iam::IamError::NoSuchEntity(
                "MFA Device invalid for user.".into(),
            )
            .into());
        }
        Ok(Done::result(|xml| device(xml, &found)))
    }

    pub(super) async fn list_virtual_mfa_devices(&self) -> Result<Done, Failure> {
        let words = [
            ("Assigned", Some(true)),
            ("Unassigned", Some(false)),
            ("Any", None),
        ];
        let assigned = choice(self.form, "AssignmentStatus", "assignmentStatus", &words)?;
        let paging = self.form.paging()?;
        self.permit("*")?;
        let page = self
            .iam
            .mfa_devices(self.account(), assigned.flatten(), &paging)
            .await?;
        let mut users = Vec::with_capacity(page.items.len());
        for one in &page.items {
            users.push(match &one.user_name {
                None => None,
                Some(name) => {
                    let name = UserName::parse_existing(name)?;
                    self.iam.get_user(self.account(), &name).await.ok()
                }
            });
        }
        Ok(Done::result(|xml| {
            xml.element("VirtualMFADevices", |xml| {
                for (one, user) in page.items.iter().zip(&users) {
                    xml.element("member", |xml| {
                        xml.text("SerialNumber", &one.serial);
                        if let Some(since) = one.enabled {
                            xml.time("EnableDate", since);
                        }
                        if let Some(user) = user {
                            xml.element("User", |xml| super::shapes::user_fields(xml, user));
                        }
                    });
                }
            });
            page_end(xml, page.marker.as_deref());
        }))
    }
}
