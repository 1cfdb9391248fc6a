//! The certificate authority of a gateway that was given no certificate, and its one certificate.
//!
//! ```text
//! ca.pem      what clients trust          ca-key.pem  signs renewals
//! cert.pem    the server certificate      key.pem     its key
//! ```
//!
//! Whether the certificate is still good is asked as a client would ask: is it valid for each name
//! under this CA, a month from now?

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration as StdDuration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{DnsName, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use sealgate_crypto::tls;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::{TlsError, read_certificates, read_pair, unreadable};
use crate::data_dir;

/// The CA has no end: it is trusted because somebody installed it, and an end would only be the
/// day on which everything stops. RFC 5280 (4.1.2.5) writes it so.
const CA_END: OffsetDateTime = datetime!(9999-12-31 23:59:59 UTC);
/// Some clients refuse server certificates that live longer than 398 days.
const CERTIFICATE_LIFETIME: Duration = Duration::days(397);
/// Renewed when less than this is left.
const RENEW_BEFORE: Duration = Duration::days(30);
/// For clients whose clock is behind.
const CLOCK_TOLERANCE: Duration = Duration::days(1);

/// The CA certificate's file.
pub(super) fn ca_certificate(dir: &Path) -> PathBuf {
    dir.join("ca.pem")
}

fn ca_key(dir: &Path) -> PathBuf {
    dir.join("ca-key.pem")
}

/// The names this server may be called by: this machine's, and the configured domains with
/// everything one label below them.
pub fn names_of_this_machine(domains: &[String]) -> Vec<String> {
    let mut names =
        BTreeSet::from(["localhost", "*.localhost", "127.0.0.1", "::1"].map(str::to_owned));
    let host = fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| fs::read_to_string("/etc/hostname"))
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    if DnsName::try_from(host.as_str()).is_ok() {
        names.insert(host);
    }
    for domain in domains {
        names.insert(domain.clone());
        names.insert(format!("*.{domain}"));
    }
    names.into_iter().collect()
}

/// The certificate of the authority in `dir`, fit for `names` at `now`; what is missing is made,
/// what is about to expire is renewed.
pub(super) fn ensure(
    dir: &Path,
    names: &[String],
    now: OffsetDateTime,
) -> Result<Arc<CertifiedKey>, TlsError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error| TlsError::Io { path, error }
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(io(dir))?;
    let (certificate, key) = (dir.join("cert.pem"), dir.join("key.pem"));

    if !ca_certificate(dir).exists() {
        if ca_key(dir).exists() {
            // Written first, so a crash has left it alone; nobody has seen its certificate.
            fs::remove_file(ca_key(dir)).map_err(io(&ca_key(dir)))?;
        }
        make_authority(dir, now)?;
    }
    let present = if certificate.exists() && key.exists() {
        read_pair(&certificate, &key).ok()
    } else {
        None
    };
    if let Some(pair) = &present
        && fit(dir, pair, names, now + RENEW_BEFORE)?
    {
        return Ok(pair.clone());
    }
    if !ca_key(dir).exists() {
        // Whoever took the key away for safety keeps a server until its certificate ends.
        return match present {
            Some(pair) if fit(dir, &pair, names, now)? => {
                tracing::warn!(
                    "the server certificate expires soon and the key of its authority is not there"
                );
                Ok(pair)
            }
            _ => Err(TlsError::NoAuthority(ca_key(dir), dir.to_owned())),
        };
    }

    issue(dir, &certificate, &key, names, now)?;
    let pair = read_pair(&certificate, &key)?;
    if fit(dir, &pair, names, now)? {
        Ok(pair)
    } else {
        Err(TlsError::AuthorityUnfit(dir.to_owned()))
    }
}

/// Whether a client that trusts this CA accepts the certificate for every name at that time.
fn fit(
    dir: &Path,
    pair: &CertifiedKey,
    names: &[String],
    at: OffsetDateTime,
) -> Result<bool, TlsError> {
    let mut roots = RootCertStore::empty();
    let unfit =
        |error: rustls::Error| unreadable("the CA certificate", &ca_certificate(dir), error);
    for authority in read_certificates(&ca_certificate(dir))? {
        roots.add(authority).map_err(unfit)?;
    }
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(tls::provider()))
            .build()
            .map_err(|error| unreadable("the CA certificate", &ca_certificate(dir), error))?;
    let Some((leaf, chain)) = pair.cert.split_first() else {
        return Ok(false);
    };
    let seconds = u64::try_from(at.unix_timestamp()).unwrap_or(0);
    let at = UnixTime::since_unix_epoch(StdDuration::from_secs(seconds));
    Ok(names.iter().all(|name| {
        let example = match name.strip_prefix("*.") {
            // Most clients, this verifier too, take no wildcard above the second level; it stands
            // in the certificate for the others.
            Some(domain) if !domain.contains('.') => return true,
            Some(domain) => format!("bucket.{domain}"),
            None => name.clone(),
        };
        ServerName::try_from(example).is_ok_and(|name| {
            verifier
                .verify_server_cert(leaf, chain, &name, &[], at)
                .is_ok()
        })
    }))
}

/// The parameters of the CA follow from its key, so that a renewal names the same issuer.
fn authority_params(key: &KeyPair, now: OffsetDateTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    // The key's own identifier in the name keeps clients from mixing up two gateways' CAs.
    let id: String = params
        .key_identifier(key)
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, format!("Sealgate CA {id}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = now - CLOCK_TOLERANCE;
    params.not_after = CA_END;
    params
}

fn make_authority(dir: &Path, now: OffsetDateTime) -> Result<(), TlsError> {
    let key = KeyPair::generate()?;
    let certificate = authority_params(&key, now).self_signed(&key)?;
    write(&ca_key(dir), &Zeroizing::new(key.serialize_pem()))?;
    write(&ca_certificate(dir), &certificate.pem())
}

fn issue(
    dir: &Path,
    certificate: &Path,
    key: &Path,
    names: &[String],
    now: OffsetDateTime,
) -> Result<(), TlsError> {
    let path = ca_key(dir);
    let pem = fs::read_to_string(&path).map_err(|error| unreadable("the CA key", &path, error))?;
    let authority = KeyPair::from_pem(&Zeroizing::new(pem))
        .map_err(|error| unreadable("the CA key", &path, error))?;
    let issuer_params = authority_params(&authority, now);
    let issuer = Issuer::from_params(&issuer_params, authority);

    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "Sealgate");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = now - CLOCK_TOLERANCE;
    params.not_after = now + CERTIFICATE_LIFETIME;

    let fresh = KeyPair::generate()?;
    let signed = params.signed_by(&fresh, &issuer)?;
    // A crash between the two leaves a pair that does not match; the next start makes another.
    write(key, &Zeroizing::new(fresh.serialize_pem()))?;
    write(certificate, &signed.pem())
}

fn write(path: &Path, pem: &str) -> Result<(), TlsError> {
    data_dir::replace(path, pem.as_bytes()).map_err(|error| TlsError::Io {
        path: path.to_owned(),
        error,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::net::IpAddr;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(more: &[&str]) -> Vec<String> {
        names_of_this_machine(
            &more
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    fn leaf(pair: &CertifiedKey) -> Vec<u8> {
        pair.cert[0].to_vec()
    }

    #[test]
    fn a_first_start_makes_a_ca_and_a_certificate_that_clients_accept() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("tls");
        let now = OffsetDateTime::now_utc();
        let pair = ensure(&dir, &names(&["s3.example.com"]), now).unwrap();
        assert!(fit(&dir, &pair, &names(&["s3.example.com"]), now).unwrap());
        assert!(!fit(&dir, &pair, &["other.example.com".to_owned()], now).unwrap());
        for file in ["ca.pem", "ca-key.pem", "cert.pem", "key.pem"] {
            assert_eq!(
                fs::metadata(dir.join(file)).unwrap().permissions().mode() & 0o777,
                0o600,
                "{file}"
            );
        }
    }

    #[test]
    fn a_good_certificate_is_kept() {
        let temp = tempfile::tempdir().unwrap();
        let now = OffsetDateTime::now_utc();
        let first = ensure(temp.path(), &names(&[]), now).unwrap();
        let second = ensure(temp.path(), &names(&[]), now + Duration::days(300)).unwrap();
        assert_eq!(leaf(&first), leaf(&second));
    }

    #[test]
    fn a_certificate_near_its_end_is_renewed_under_the_same_ca() {
        let temp = tempfile::tempdir().unwrap();
        let now = OffsetDateTime::now_utc();
        let first = ensure(temp.path(), &names(&[]), now).unwrap();
        let ca = fs::read(ca_certificate(temp.path())).unwrap();
        let later = now + Duration::days(380);
        let second = ensure(temp.path(), &names(&[]), later).unwrap();
        assert_ne!(leaf(&first), leaf(&second));
        assert_eq!(ca, fs::read(ca_certificate(temp.path())).unwrap());
        assert!(
            fit(
                temp.path(),
                &second,
                &names(&[]),
                later + Duration::days(300)
            )
            .unwrap()
        );
    }

    #[test]
    fn a_new_name_renews_the_certificate() {
        let temp = tempfile::tempdir().unwrap();
        let now = OffsetDateTime::now_utc();
        let first = ensure(temp.path(), &names(&[]), now).unwrap();
        let second = ensure(temp.path(), &names(&["s3.example.com"]), now).unwrap();
        assert_ne!(leaf(&first), leaf(&second));
    }

    #[test]
    fn a_pair_torn_by_a_crash_is_made_anew() {
        let temp = tempfile::tempdir().unwrap();
        let now = OffsetDateTime::now_utc();
        ensure(temp.path(), &names(&[]), now).unwrap();
        let other = KeyPair::generate().unwrap().serialize_pem();
        fs::write(temp.path().join("key.pem"), other).unwrap();
        let pair = ensure(temp.path(), &names(&[]), now).unwrap();
        assert!(fit(temp.path(), &pair, &names(&[]), now).unwrap());
    }

    #[test]
    fn without_the_ca_key_a_valid_certificate_serves_on_and_an_expired_one_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let now = OffsetDateTime::now_utc();
        ensure(temp.path(), &names(&[]), now).unwrap();
        fs::remove_file(ca_key(temp.path())).unwrap();
        assert!(ensure(temp.path(), &names(&[]), now + Duration::days(390)).is_ok());
        let error = ensure(temp.path(), &names(&[]), now + Duration::days(500)).unwrap_err();
        assert!(matches!(error, TlsError::NoAuthority(..)), "{error}");
    }

    #[test]
    fn a_ca_whose_key_is_another_is_said_to_be_unfit() {
        let temp = tempfile::tempdir().unwrap();
        let now = OffsetDateTime::now_utc();
        ensure(temp.path(), &names(&[]), now).unwrap();
        fs::write(
            ca_key(temp.path()),
            KeyPair::generate().unwrap().serialize_pem(),
        )
        .unwrap();
        let error = ensure(temp.path(), &names(&[]), now + Duration::days(390)).unwrap_err();
        assert!(matches!(error, TlsError::AuthorityUnfit(_)), "{error}");
    }

    #[test]
    fn an_address_is_certified_as_an_address() {
        for name in names(&[]) {
            if let Ok(address) = name.parse::<IpAddr>() {
                assert!(address.is_loopback());
            }
        }
    }
}
