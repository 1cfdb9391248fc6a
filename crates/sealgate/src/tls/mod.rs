//! TLS of the HTTPS listener: which certificate is shown, and how it is exchanged while serving.

mod authority;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sealgate_crypto::tls;
use thiserror::Error;
use time::OffsetDateTime;

use crate::config::TlsFiles;
pub use authority::names_of_this_machine;

/// Why TLS cannot be served. The texts are the sentences a person reads at start.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read or understood as PEM.
    #[error("{what} in {path} cannot be read: {reason}")]
    Unreadable {
        /// Certificate or key.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Certificate and key do not belong together, or are of a kind that cannot be used.
    #[error("the certificate {certificate} cannot be used with the key {key}: {reason}")]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        reason: String,
    },
    /// The certificate needs renewal and the authority cannot do it.
    #[error(
        "{0} is missing, and the server certificate needs renewal; restore it, or remove the \
             whole folder {1} to make a new certificate authority"
    )]
    NoAuthority(PathBuf, PathBuf),
    /// The authority's key and certificate do not belong together.
    #[error(
        "the certificate authority in {0} is damaged: its parts do not belong together; remove that folder to make a new one"
    )]
    AuthorityUnfit(PathBuf),
    /// A certificate cannot be made.
    #[error("a certificate cannot be made: {0}")]
    NotMade(#[from] rcgen::Error),
    /// The system refuses.
    #[error("{path} cannot be written: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// TLS itself cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

/// Where the certificate comes from.
enum Source {
    /// Files of the operator's.
    Files(TlsFiles),
    /// Made and renewed here.
    Own {
        /// The folder.
        dir: PathBuf,
        /// Names and addresses to certify.
        names: Vec<String>,
    },
}

/// The server's side of TLS.
pub struct Tls {
    source: Source,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Serves with the operator's certificate.
    pub fn from_files(files: TlsFiles) -> Result<Tls, TlsError> {
        Tls::new(Source::Files(files))
    }

    /// Serves with a certificate of an authority kept in `dir`; both are made if missing.
    pub fn own(dir: PathBuf, names: Vec<String>) -> Result<Tls, TlsError> {
        Tls::new(Source::Own { dir, names })
    }

    fn new(source: Source) -> Result<Tls, TlsError> {
        let current = Arc::new(Current(RwLock::new(load(&source)?)));
        let mut config = ServerConfig::builder_with_provider(Arc::new(tls::provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        // S3 clients speak HTTP/1.1; browsers and others do as they are told here.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Tls {
            source,
            current,
            config: Arc::new(config),
        })
    }

    /// Reads the certificate again, renewed if it is time. New connections see it. After an error
    /// the one in use stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        let fresh = load(&self.source)?;
        *self.current.0.write() = fresh;
        Ok(())
    }

    /// When the certificate in use expires.
    pub fn expires(&self) -> Option<OffsetDateTime> {
        let pair = self.current.0.read().clone();
        let certificate = pair.cert.first()?;
        let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
        let end = certificate.validity().not_after.timestamp();
        OffsetDateTime::from_unix_timestamp(end).ok()
    }

    /// What the listener needs.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    /// The CA certificate that clients must be told, if the certificate was made here.
    pub fn ca_bundle(&self) -> Option<PathBuf> {
        match &self.source {
            Source::Files(_) => None,
            Source::Own { dir, .. } => Some(authority::ca_certificate(dir)),
        }
    }
}

fn load(source: &Source) -> Result<Arc<CertifiedKey>, TlsError> {
    match source {
        Source::Files(files) => read_pair(&files.certificate, &files.key),
        Source::Own { dir, names } => authority::ensure(dir, names, OffsetDateTime::now_utc()),
    }
}

/// Reads a chain and its key, and checks that they belong together.
fn read_pair(certificate: &Path, key: &Path) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = read_certificates(certificate)?;
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable("the key", key, error))?;
    let pair = CertifiedKey::from_der(chain, private, &tls::provider()).map_err(|error| {
        TlsError::Mismatch {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            reason: error.to_string(),
        }
    })?;
    Ok(Arc::new(pair))
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let what = "the certificate";
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(|error| unreadable(what, path, error))?
        .collect::<Result<_, _>>()
        .map_err(|error| unreadable(what, path, error))?;
    if chain.is_empty() {
        return Err(unreadable(what, path, "it holds no certificate"));
    }
    Ok(chain)
}

fn unreadable(what: &'static str, path: &Path, reason: impl fmt::Display) -> TlsError {
    TlsError::Unreadable {
        what,
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// The certificate shown to new connections.
struct Current(RwLock<Arc<CertifiedKey>>);

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().clone())
    }
}
