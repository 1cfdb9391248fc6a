//! The commands that make key material and wrap it for the gateway: the very ones to paste into a shell. They need
//! OpenSSL 3 and what every Unix has.

/// Algorithms that wrap, with words for them.
pub(super) const ALGORITHMS: [(&str, &str); 4] = [
    ("RSAES_OAEP_SHA_256", "RSA-OAEP with SHA-256"),
    (
        "RSA_AES_KEY_WRAP_SHA_256",
        "AES key wrap under RSA-OAEP with SHA-256",
    ),
    ("RSAES_OAEP_SHA_1", "RSA-OAEP with SHA-1"),
    (
        "RSA_AES_KEY_WRAP_SHA_1",
        "AES key wrap under RSA-OAEP with SHA-1",
    ),
];
/// Wrapping keys.
pub(super) const SPECS: [(&str, &str); 3] = [
    ("RSA_4096", "RSA 4096"),
    ("RSA_3072", "RSA 3072"),
    ("RSA_2048", "RSA 2048"),
];

/// The algorithm that suits material of a key of that spec, if nobody asks for another: private keys of RSA are too
/// long for RSA alone.
pub(super) fn usual_algorithm(key_spec: &str) -> &'static str {
    if key_spec.starts_with("RSA_") {
        "RSA_AES_KEY_WRAP_SHA_256"
    } else {
        "RSAES_OAEP_SHA_256"
    }
}

/// How material of a key of that spec is made, into `key-material.bin`; nothing for a spec that takes none.
pub(super) fn making(key_spec: &str) -> Option<String> {
    let random = |bytes: u32| format!("openssl rand -out key-material.bin {bytes}");
    let pair = |options: &str| {
        format!(
            "openssl genpkey {options} | openssl pkcs8 -topk8 -nocrypt -outform DER -out key-material.bin"
        )
    };
    let curve = |name: &str| pair(&format!("-algorithm EC -pkeyopt ec_paramgen_curve:{name}"));
    let rsa = |bits: u32| pair(&format!("-algorithm RSA -pkeyopt rsa_keygen_bits:{bits}"));
    Some(match key_spec {
        "SYMMETRIC_DEFAULT" | "HMAC_256" => random(32),
        "HMAC_224" => random(28),
        "HMAC_384" => random(48),
        "HMAC_512" => random(64),
        "RSA_2048" => rsa(2048),
        "RSA_3072" => rsa(3072),
        "RSA_4096" => rsa(4096),
        "ECC_NIST_P256" => curve("P-256"),
        "ECC_NIST_P384" => curve("P-384"),
        "ECC_NIST_P521" => curve("P-521"),
        "ECC_SECG_P256K1" => curve("secp256k1"),
        "ECC_NIST_EDWARDS25519" => pair("-algorithm ED25519"),
        _ => return None,
    })
}

/// How material is wrapped, from `key-material.bin` into `wrapped.bin`, and printed.
pub(super) fn wrapping(algorithm: &str, public_key: &str) -> String {
    let digest = if algorithm.ends_with("SHA_1") {
        "sha1"
    } else {
        "sha256"
    };
    let oaep = |from: &str, to: &str| {
        format!(
            "openssl pkeyutl -encrypt -in {from} -out {to} -inkey wrapping-key.der -keyform DER -pubin \
             -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:{digest} -pkeyopt rsa_mgf1_md:{digest}"
        )
    };
    let mut lines = vec![
        "openssl base64 -d -A -out wrapping-key.der <<'END'".to_owned(),
        public_key.to_owned(),
        "END".to_owned(),
    ];
    if algorithm.starts_with("RSA_AES_KEY_WRAP") {
        lines.extend([
            "openssl rand -out aes-key.bin 32".to_owned(),
            "openssl enc -id-aes256-wrap-pad -iv A65959A6 -K \"$(od -An -v -tx1 aes-key.bin | tr -d ' \\n')\" \
             -in key-material.bin -out wrapped-material.bin"
                .to_owned(),
            oaep("aes-key.bin", "wrapped-aes-key.bin"),
            "cat wrapped-aes-key.bin wrapped-material.bin > wrapped.bin".to_owned(),
            "rm aes-key.bin".to_owned(),
        ]);
    } else {
        lines.push(oaep("key-material.bin", "wrapped.bin"));
    }
    lines.push("openssl base64 -A -in wrapped.bin".to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn an_algorithm_has_its_own_commands() {
        let plain = wrapping("RSAES_OAEP_SHA_1", "AAAA");
        assert!(plain.contains("rsa_oaep_md:sha1") && !plain.contains("wrap-pad"));
        let double = wrapping("RSA_AES_KEY_WRAP_SHA_256", "AAAA");
        assert!(double.contains("rsa_oaep_md:sha256") && double.contains("wrap-pad"));
    }

    #[test]
    fn what_cannot_be_imported_has_none() {
        assert!(making("ML_DSA_44").is_none() && making("").is_none());
        assert!(making("HMAC_384").unwrap().ends_with(" 48"));
    }
}
