//! The PKCS #11 URI scheme, as far as it names a token and a key on it.
//! <https://www.rfc-editor.org/rfc/rfc7512>

use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What stands for itself in a value (RFC 7512, section 2.3: `pk11-pchar`, as far as both parts have it).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b'/');

/// A key on a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pkcs11Uri {
    /// Label of the token.
    pub token: String,
    /// Serial number of the token, where the label says too little.
    pub serial: Option<String>,
    /// Label of the key.
    pub object: String,
    /// The module to load.
    pub module_path: PathBuf,
    /// A file with the PIN; otherwise it is looked for as a secret.
    pub pin_source: Option<PathBuf>,
}

impl Pkcs11Uri {
    /// Parses what follows `pkcs11:`. An attribute that is not understood matches nothing, says the RFC; so it
    /// is refused.
    pub(crate) fn parse(text: &str) -> Result<Pkcs11Uri, String> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let (mut token, mut serial, mut object) = (None, None, None);
        for attribute in path.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = pair(attribute)?;
            let place = match name {
                "token" => &mut token,
                "serial" => &mut serial,
                "object" => &mut object,
                "type" if value == "secret-key" => continue,
                other => return Err(format!("the attribute {other:?} is not supported")),
            };
            if place.replace(value).is_some() {
                return Err(format!("the attribute {name:?} is there twice"));
            }
        }
        let (mut module_path, mut pin_source) = (None, None);
        for attribute in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = pair(attribute)?;
            let place = match name {
                "module-path" => &mut module_path,
                "pin-source" => &mut pin_source,
                "pin-value" => {
                    return Err(
                        "pin-value would show the PIN to everyone: use pin-source, the variable \
                                SEALGATE_ROOT_PIN or the credential sealgate-root-pin"
                            .to_owned(),
                    );
                }
                other => return Err(format!("the attribute {other:?} is not supported")),
            };
            if place.replace(value).is_some() {
                return Err(format!("the attribute {name:?} is there twice"));
            }
        }
        let required = |value: Option<String>, name: &str| {
            value
                .filter(|value| !value.is_empty())
                .ok_or_else(|| format!("the attribute {name:?} is missing"))
        };
        Ok(Pkcs11Uri {
            token: required(token, "token")?,
            serial,
            object: required(object, "object")?,
            module_path: required(module_path, "module-path")?.into(),
            pin_source: pin_source
                .map(|source| {
                    let path = source.strip_prefix("file:").unwrap_or(&source);
                    let path = path.strip_prefix("//").unwrap_or(path);
                    match Path::new(path).is_absolute() {
                        true => Ok(PathBuf::from(path)),
                        false => Err("pin-source must be file: and an absolute path".to_owned()),
                    }
                })
                .transpose()?,
        })
    }

    pub(crate) fn describe(&self) -> String {
        format!(
            "the key {:?} on the PKCS #11 token {:?} (module {})",
            self.object,
            self.token,
            self.module_path.display()
        )
    }
}

fn pair(attribute: &str) -> Result<(&str, String), String> {
    let (name, value) = attribute
        .split_once('=')
        .ok_or_else(|| format!("{attribute:?} is not an attribute"))?;
    let value = percent_decode_str(value)
        .decode_utf8()
        .map_err(|_| format!("the attribute {name:?} is not UTF-8"))?;
    Ok((name, value.into_owned()))
}

/// The text that `Pkcs11Uri::parse` reads.
impl fmt::Display for Pkcs11Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
        write!(f, "token={}", encoded(&self.token))?;
        if let Some(serial) = &self.serial {
            write!(f, ";serial={}", encoded(serial))?;
        }
        write!(f, ";object={}", encoded(&self.object))?;
        let module = self.module_path.to_string_lossy();
        write!(f, "?module-path={}", encoded(&module))?;
        if let Some(path) = &self.pin_source {
            write!(f, "&pin-source=file:{}", encoded(&path.to_string_lossy()))?;
        }
        Ok(())
    }
}
