//! An OpenID Connect provider on this machine, whose keys and answers tests choose.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key that signs tokens.
pub enum Key {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair, &'static str, usize),
    Ed(Ed25519KeyPair),
}

impl Key {
    pub fn rsa() -> Key {
        Key::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    /// Of the curve that goes with ES256, ES384 or ES512.
    pub fn ec(alg: &str) -> Key {
        let (curve, size, scheme): (_, _, &'static EcdsaSigningAlgorithm) = match alg {
            "ES256" => ("P-256", 32, &ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => ("P-384", 48, &ECDSA_P384_SHA384_FIXED_SIGNING),
            _ => ("P-521", 66, &ECDSA_P521_SHA512_FIXED_SIGNING),
        };
        Key::Ec(EcdsaKeyPair::generate(scheme).unwrap(), curve, size)
    }

    pub fn ed() -> Key {
        Key::Ed(Ed25519KeyPair::generate().unwrap())
    }

    /// As the provider shows it.
    pub fn jwk(&self, kid: &str) -> Value {
        match self {
            Key::Rsa(pair) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                let [n, e] = [n, e].map(|part| base64url(part.big_endian_without_leading_zero()));
                json!({ "kty": "RSA", "use": "sig", "kid": kid, "n": n, "e": e })
            }
            Key::Ec(pair, curve, size) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(*size);
                json!({ "kty": "EC", "crv": curve, "kid": kid, "x": base64url(x), "y": base64url(y) })
            }
            Key::Ed(pair) => {
                let x = base64url(pair.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x })
            }
        }
    }

    pub fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Key::Rsa(pair) => {
                let padding: &'static dyn RsaEncoding = match alg {
                    "RS256" => &RSA_PKCS1_SHA256,
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    _ => &RSA_PSS_SHA512,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Key::Ec(pair, ..) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Key::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A token with this header and these claims.
    pub fn token(&self, alg: &str, kid: &str, claims: &Value) -> String {
        let header = json!({ "alg": alg, "kid": kid, "typ": "JWT" });
        let message = format!(
            "{}.{}",
            base64url(header.to_string()),
            base64url(claims.to_string())
        );
        let signature = self.sign(alg, message.as_bytes());
        format!("{message}.{}", base64url(signature))
    }
}

/// What the provider answers.
#[derive(Default)]
pub struct Documents {
    pub keys: Vec<Value>,
    /// In place of its own.
    pub issuer: Option<String>,
    pub jwks_uri: Option<String>,
    /// A status line in place of `200 OK`.
    pub status: Option<&'static str>,
    /// Further bytes of the list of keys.
    pub padding: usize,
    /// Requests for the list of keys.
    pub asked: usize,
}

pub struct IssuerServer {
    pub url: String,
    pub documents: Arc<Mutex<Documents>>,
    /// Of the authority, over TLS.
    pub thumbprint: Option<String>,
}

impl IssuerServer {
    /// Without TLS.
    pub async fn start(keys: Vec<Value>) -> IssuerServer {
        IssuerServer::serve("http://127.0.0.1", keys, None).await
    }

    /// With a certificate of an authority that nobody knows.
    pub async fn start_tls(keys: Vec<Value>) -> IssuerServer {
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        let authority = rcgen::Issuer::new(ca, ca_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
            .unwrap()
            .signed_by(&key, &authority)
            .unwrap();
        let chain = vec![certificate.der().clone(), ca_certificate.der().clone()];
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut server = IssuerServer::serve("https://localhost", keys, Some(acceptor)).await;
        use sha1::Digest as _;
        server.thumbprint = Some(hex::encode(sha1::Sha1::digest(ca_certificate.der())));
        server
    }

    async fn serve(origin: &str, keys: Vec<Value>, tls: Option<TlsAcceptor>) -> IssuerServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{origin}:{}", listener.local_addr().unwrap().port());
        let documents = Arc::new(Mutex::new(Documents {
            keys,
            ..Documents::default()
        }));
        let (own, state) = (url.clone(), Arc::clone(&documents));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, own, state) = (tls.clone(), own.clone(), Arc::clone(&state));
                tokio::spawn(async move {
                    match tls {
                        None => answer(stream, &own, &state).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                answer(stream, &own, &state).await;
                            }
                        }
                    }
                });
            }
        });
        IssuerServer {
            url,
            documents,
            thumbprint: None,
        }
    }
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    own: &str,
    state: &Mutex<Documents>,
) {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut chunk = [0; 1024];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(read) => head.extend_from_slice(&chunk[..read]),
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let (status, body) = {
        let mut state = state.lock();
        let body = match path {
            "/.well-known/openid-configuration" => json!({
                "issuer": state.issuer.as_deref().unwrap_or(own),
                "jwks_uri": state.jwks_uri.clone().unwrap_or(format!("{own}/keys")),
            })
            .to_string(),
            _ => {
                state.asked += 1;
                let padding = " ".repeat(state.padding);
                format!("{}{padding}", json!({ "keys": state.keys }))
            }
        };
        (state.status.unwrap_or("200 OK"), body)
    };
    let reply = format!(
        "HTTP/1.1 {status}\r\nLocation: {own}/keys\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(reply.as_bytes()).await;
    let _ = stream.shutdown().await;
}
