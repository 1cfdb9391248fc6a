//! What the failures of a proxy are called: by the operations that manage stores, by those that connect them,
//! by those that make keys, and by those that use keys.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/xks-troubleshooting.html>

use sealgate_trust::xks::XksError;

use super::ConnectionErrorCode;
use crate::error::KmsError;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident)+) => {
        /// The exceptions that only operations on key stores and their keys know.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum KeyStoreFault {
            $($(#[$doc])* $name,)+
        }

        impl KeyStoreFault {
            /// The error code.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self {
                    $(KeyStoreFault::$name => concat!(stringify!($name), "Exception"),)+
                }
            }

            /// With the sentence for the client.
            pub(crate) fn because(self, sentence: impl Into<String>) -> KmsError {
                KmsError::KeyStore(self, sentence.into())
            }
        }
    };
}

faults! {
    /// There is no such CloudHSM cluster.
    CloudHsmClusterNotFound
    /// There is no such store.
    CustomKeyStoreNotFound
    /// A store of that name exists.
    CustomKeyStoreNameInUse
    /// The state of the store does not permit the operation.
    CustomKeyStoreInvalidState
    /// There are keys in the store.
    CustomKeyStoreHasCMKs
    /// Another store has the proxy.
    XksProxyUriInUse
    /// The proxy does not answer, or none of its key managers does.
    XksProxyUriUnreachable
    /// The proxy does not know the credential.
    XksProxyIncorrectAuthenticationCredential
    /// The proxy does not answer as specified.
    XksProxyInvalidResponse
    /// The proxy is not set up for what it is asked.
    XksProxyInvalidConfiguration
    /// There is no such endpoint service.
    XksProxyVpcEndpointServiceNotFound
    /// The external key is not an AES-256 key that is enabled, encrypts and decrypts.
    XksKeyInvalidConfiguration
    /// Another KMS key has the external key.
    XksKeyAlreadyInUse
    /// The proxy does not know the external key.
    XksKeyNotFound
}

/// For CreateCustomKeyStore and UpdateCustomKeyStore.
pub(crate) fn of_store(error: &XksError) -> KmsError {
    match error {
        XksError::Unreachable(_) | XksError::TimedOut(_) => {
            KeyStoreFault::XksProxyUriUnreachable.because(
                "The external key store proxy does not respond at the specified XksProxyUriEndpoint.",
            )
        }
        XksError::Tls(_) => KeyStoreFault::XksProxyInvalidConfiguration.because(
            "The TLS certificate of the external key store proxy is not valid or not trusted.",
        ),
        XksError::Malformed(_) => KeyStoreFault::XksProxyInvalidResponse.because(
            "KMS cannot interpret the response it received from the external key store proxy.",
        ),
        XksError::Config(_) => KeyStoreFault::XksProxyInvalidConfiguration
            .because("The configuration of the external key store proxy cannot be used."),
        XksError::Refused { name, .. } => match name.as_str() {
            "AuthenticationFailedException" => {
                KeyStoreFault::XksProxyIncorrectAuthenticationCredential.because(
                    "The external key store proxy denied access: it does not accept the proxy credential.",
                )
            }
            "InvalidUriPathException" => KeyStoreFault::XksProxyUriUnreachable
                .because("The external key store proxy does not serve the specified XksProxyUriPath."),
            "InternalException" | "DependencyTimeoutException" | "ThrottlingException" => {
                KeyStoreFault::XksProxyUriUnreachable.because(
                    "The external key store proxy cannot handle the request at the moment.",
                )
            }
            _ => KeyStoreFault::XksProxyInvalidConfiguration
                .because(format!("The external key store proxy answered {name}.")),
        },
    }
}

/// The refusal of a proxy none of whose key managers can be used.
pub(crate) fn no_key_manager() -> KmsError {
    KeyStoreFault::XksProxyUriUnreachable.because(
        "All external key manager instances of the external key store proxy are unavailable.",
    )
}

/// For ConnectCustomKeyStore, which says no more than this in the description of the store.
pub(crate) fn of_connection(error: &XksError) -> ConnectionErrorCode {
    match error {
        XksError::Unreachable(_) => ConnectionErrorCode::XksProxyNotReachable,
        XksError::TimedOut(_) => ConnectionErrorCode::XksProxyTimedOut,
        XksError::Tls(_) => ConnectionErrorCode::XksProxyInvalidTlsConfiguration,
        XksError::Malformed(_) => ConnectionErrorCode::XksProxyInvalidResponse,
        XksError::Config(_) => ConnectionErrorCode::XksProxyInvalidConfiguration,
        XksError::Refused { name, .. } => match name.as_str() {
            "AuthenticationFailedException" | "AccessDeniedException" => {
                ConnectionErrorCode::XksProxyAccessDenied
            }
            "DependencyTimeoutException" => ConnectionErrorCode::XksProxyTimedOut,
            "InternalException" | "ThrottlingException" => {
                ConnectionErrorCode::XksProxyNotReachable
            }
            _ => ConnectionErrorCode::XksProxyInvalidConfiguration,
        },
    }
}

/// For CreateKey. What AWS answers where the proxy itself fails is not documented; this is what fits of the
/// exceptions that CreateKey has.
pub(crate) fn of_new_key(error: &XksError) -> KmsError {
    match error {
        XksError::Refused { name, .. } if name == "KeyNotFoundException" => {
            KeyStoreFault::XksKeyNotFound
                .because("The external key store proxy could not find the external key.")
        }
        XksError::Refused { name, .. }
            if matches!(name.as_str(), "InvalidStateException" | "InvalidKeyUsageException") =>
        {
            KeyStoreFault::XksKeyInvalidConfiguration.because(
                "The external key must be an AES-256 symmetric key that is enabled and performs encryption and \
                 decryption.",
            )
        }
        XksError::Unreachable(_) | XksError::TimedOut(_) => KmsError::DependencyTimeout(
            "The external key store proxy did not respond in time. You can retry the request.".to_owned(),
        ),
        other => KeyStoreFault::CustomKeyStoreInvalidState.because(sentence(other)),
    }
}

/// For the operations that use a key: all but one are `KMSInvalidStateException`.
pub(crate) fn of_use(error: &XksError) -> KmsError {
    match error {
        // The ciphertext was changed, or the encryption context is another.
        XksError::Refused { name, .. } if name == "InvalidCiphertextException" => {
            KmsError::InvalidCiphertext
        }
        other => KmsError::InvalidState(sentence(other)),
    }
}

fn sentence(error: &XksError) -> String {
    let sentence = match error {
        XksError::Unreachable(_) => {
            "KMS cannot communicate with the external key store proxy. Verify that it is running, and retry the \
             request."
        }
        XksError::TimedOut(_) => {
            "The external key store proxy did not respond to the request in time. Retry the request. If you see \
             this error repeatedly, report it to your external key store proxy administrator."
        }
        XksError::Tls(_) => {
            "The TLS certificate of the external key store proxy is not valid or not trusted."
        }
        XksError::Malformed(_) | XksError::Config(_) => {
            "KMS cannot interpret the response it received from the external key store proxy."
        }
        XksError::Refused { name, .. } => match name.as_str() {
            "AccessDeniedException" => {
                "The external key store proxy denied access to the operation. Verify that the user and the \
                 external key are both authorized for this operation, and try the request again."
            }
            "AuthenticationFailedException" => {
                "The external key store proxy did not accept the proxy credential. Verify the \
                 XksProxyAuthenticationCredential of the external key store."
            }
            "KeyNotFoundException" => {
                "The external key store proxy could not find the external key."
            }
            "InvalidStateException" => {
                "The external key is not enabled in the external key manager. Enable it, and try the request again."
            }
            "InvalidKeyUsageException" => "The external key does not support the operation.",
            "ThrottlingException" => {
                "The external key store proxy rejected the request due to a high request rate. Send the request \
                 again, less often."
            }
            "InternalException" | "DependencyTimeoutException" => {
                "The external key store proxy cannot communicate with the external key manager. Retry the request."
            }
            _ => "The external key store proxy rejected the request.",
        },
    };
    sentence.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_aws() {
        assert_eq!(
            KeyStoreFault::CustomKeyStoreHasCMKs.code(),
            "CustomKeyStoreHasCMKsException"
        );
        assert_eq!(
            KeyStoreFault::XksProxyUriInUse.code(),
            "XksProxyUriInUseException"
        );
    }
}
