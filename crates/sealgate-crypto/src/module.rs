//! Which libraries these are, and whether only approved algorithms are offered.

/// True in a build with the feature `fips`: what the FIPS module does not do, or does not do in an approved
/// mode, is refused by whoever would offer it.
pub const APPROVED_ONLY: bool = cfg!(feature = "fips");

/// The FIPS module is not what it must be.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// The library is not the FIPS module, or is not in its FIPS mode.
    #[error("the FIPS module is not in FIPS mode: {0}")]
    Mode(&'static str),
    /// TLS would use something else.
    #[error("TLS is not set up for FIPS")]
    Tls,
}

/// Makes sure, before anything is served, that a FIPS build runs on the FIPS module in FIPS mode. The module
/// tests itself when it is loaded, and stops the process if a test fails.
///
/// # Errors
/// If it does not. Never in other builds.
pub fn check() -> Result<(), ModuleError> {
    if APPROVED_ONLY {
        aws_lc_rs::try_fips_mode().map_err(ModuleError::Mode)?;
        if !crate::tls::provider().fips() {
            return Err(ModuleError::Tls);
        }
    }
    Ok(())
}

/// One line for `sealgate version`: the libraries, as they say of themselves what they are.
#[must_use]
pub fn description() -> String {
    let library = aws_lc_rs::awslc_version();
    match aws_lc_rs::try_fips_mode() {
        Ok(()) => {
            let module = aws_lc_rs::fips_version()
                .map_or_else(|| "unknown".to_owned(), |version| version.to_string());
            format!(
                "AWS-LC FIPS {library} (FIPS module {module}, in FIPS mode) for all; the version says nothing of a \
                 certificate"
            )
        }
        Err(_) => format!(
            "ring (bulk encryption, TLS), AWS-LC {library} (asymmetric keys, MACs), RustCrypto (hashes, key \
             derivation); no FIPS build"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_says_fips_in_a_fips_build_only() {
        assert!(check().is_ok());
        let said = description();
        assert_eq!(said.starts_with("AWS-LC FIPS "), APPROVED_ONLY, "{said}");
        assert_eq!(said.contains("no FIPS build"), !APPROVED_ONLY, "{said}");
    }
}
