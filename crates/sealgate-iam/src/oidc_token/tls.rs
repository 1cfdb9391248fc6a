//! Which servers may give out the keys of a provider: those that an authority of the system vouches
//! for (or of the file that `SSL_CERT_FILE` names), else those whose chain has a certificate that the
//! provider was registered with, by its thumbprint.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html>

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use sealgate_crypto::tls;
use sha1::{Digest as _, Sha1};

/// The authorities that the system trusts. Reads files.
pub(super) fn system_authorities() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "an authority of the system could not be read");
    }
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(found.certs);
    store
}

/// TLS to a provider that was registered with these thumbprints.
pub(super) fn configuration(
    authorities: Arc<RootCertStore>,
    thumbprints: &[String],
) -> Result<ClientConfig, Error> {
    let provider = CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(tls::provider()));
    let verifier = Verifier {
        // Fails where there are none, and then only thumbprints count.
        authorities: WebPkiServerVerifier::builder_with_provider(
            authorities,
            Arc::clone(&provider),
        )
        .build()
        .ok(),
        thumbprints: thumbprints
            .iter()
            .filter_map(|text| {
                let mut thumbprint = [0; 20];
                hex::decode_to_slice(text, &mut thumbprint).ok()?;
                Some(thumbprint)
            })
            .collect(),
        provider: Arc::clone(&provider),
    };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

#[derive(Debug)]
struct Verifier {
    authorities: Option<Arc<WebPkiServerVerifier>>,
    thumbprints: Vec<[u8; 20]>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        if let Some(authorities) = &self.authorities {
            let verified = authorities.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            );
            match verified {
                Err(error) if error == unknown => {}
                // Also a certificate that is expired or for another name.
                decided => return decided,
            }
        }
        let pinned = intermediates
            .iter()
            .chain([end_entity])
            .find(|certificate| {
                let thumbprint = <[u8; 20]>::from(Sha1::digest(certificate));
                self.thumbprints.contains(&thumbprint)
            })
            .ok_or(unknown)?;
        // The pin makes it an authority; signatures, dates and name are checked like those of others.
        let mut store = RootCertStore::empty();
        store.add(pinned.clone().into_owned())?;
        WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&self.provider))
            .build()
            .map_err(|error| Error::General(error.to_string()))?
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
