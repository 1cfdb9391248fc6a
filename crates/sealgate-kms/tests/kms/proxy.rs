//! An external key store proxy on this machine, over plain http: one AES-256 key, and a switch. The proxy of the
//! end-to-end tests checks signatures and speaks TLS; this one is for what happens behind the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use sealgate_kms::{CreateCustomKeyStoreRequest, XksProxyCredential, XksProxySettings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const NONCE: [u8; 12] = [9; 12];

/// The proxy.
pub struct Proxy {
    endpoint: String,
    inner: Arc<Inner>,
}

struct Inner {
    key: LessSafeKey,
    refuses: AtomicBool,
    uses: AtomicUsize,
}

impl Proxy {
    pub async fn start() -> Proxy {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let key = UnboundKey::new(&AES_256_GCM, &[3; 32]).unwrap();
        let inner = Arc::new(Inner {
            key: LessSafeKey::new(key),
            refuses: AtomicBool::new(false),
            uses: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&inner);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Proxy { endpoint, inner }
    }

    /// Lets every use of the key be refused, or not.
    pub fn refuse(&self, refuses: bool) {
        self.inner.refuses.store(refuses, Ordering::SeqCst);
    }

    /// How often the key was used, or was to be used.
    pub fn uses(&self) -> usize {
        self.inner.uses.load(Ordering::SeqCst)
    }

    /// The request for a store with this proxy.
    pub fn store(&self, name: &str) -> CreateCustomKeyStoreRequest {
        CreateCustomKeyStoreRequest {
            name: name.to_owned(),
            kind: Some("EXTERNAL_KEY_STORE".to_owned()),
            proxy: XksProxySettings {
                uri_endpoint: Some(self.endpoint.clone()),
                uri_path: Some(format!("/{name}/kms/xks/v1")),
                connectivity: Some("PUBLIC_ENDPOINT".to_owned()),
                credential: Some(XksProxyCredential {
                    access_key_id: "A".repeat(20),
                    raw_secret_access_key: "s".repeat(43).into(),
                }),
                ..Default::default()
            },
            ..Default::default()
        }
    }
}

async fn serve(mut stream: TcpStream, inner: Arc<Inner>) {
    let mut bytes = Vec::new();
    let head = loop {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let path = text.split(' ').nth(1).unwrap().to_owned();
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse::<usize>().unwrap())
    });
    while bytes.len() < head + 4 + length.unwrap_or(0) {
        stream.read_buf(&mut bytes).await.unwrap();
    }
    let request = serde_json::from_slice(&bytes[head + 4..]).unwrap_or_default();
    let (status, body) = inner.answer(path.rsplit('/').next().unwrap(), &request);
    let body = body.to_string();
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}

impl Inner {
    fn answer(&self, operation: &str, request: &Value) -> (u16, Value) {
        let decode = |name: &str| BASE64.decode(request[name].as_str().unwrap()).unwrap();
        let nonce = Nonce::assume_unique_for_key(NONCE);
        match operation {
            "health" => (
                200,
                json!({
                    "xksProxyFleetSize": 1, "xksProxyVendor": "t", "xksProxyModel": "t", "ekmVendor": "t",
                    "ekmFleetDetails": [{ "id": "1", "model": "t", "healthStatus": "ACTIVE" }],
                }),
            ),
            "metadata" => (
                200,
                json!({
                    "keySpec": "AES_256", "keyUsage": ["ENCRYPT", "DECRYPT"], "keyStatus": "ENABLED",
                }),
            ),
            _ if self.refuses.load(Ordering::SeqCst) => {
                self.uses.fetch_add(1, Ordering::SeqCst);
                (403, json!({ "errorName": "AccessDeniedException" }))
            }
            "encrypt" => {
                self.uses.fetch_add(1, Ordering::SeqCst);
                let (aad, mut data) = (decode("additionalAuthenticatedData"), decode("plaintext"));
                let tag = self
                    .key
                    .seal_in_place_separate_tag(nonce, Aad::from(&aad), &mut data)
                    .unwrap();
                let all = [&aad[..], &NONCE, &data, tag.as_ref()].concat();
                (
                    200,
                    json!({
                        "ciphertext": BASE64.encode(&data),
                        "initializationVector": BASE64.encode(NONCE),
                        "authenticationTag": BASE64.encode(tag.as_ref()),
                        "ciphertextDataIntegrityValue": BASE64.encode(digest(&SHA256, &all)),
                    }),
                )
            }
            _ => {
                self.uses.fetch_add(1, Ordering::SeqCst);
                let aad = decode("additionalAuthenticatedData");
                let mut data = [decode("ciphertext"), decode("authenticationTag")].concat();
                match self.key.open_in_place(nonce, Aad::from(&aad), &mut data) {
                    Ok(plaintext) => (200, json!({ "plaintext": BASE64.encode(plaintext) })),
                    Err(_) => (400, json!({ "errorName": "InvalidCiphertextException" })),
                }
            }
        }
    }
}
