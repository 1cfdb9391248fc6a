//! A webhook: each message is POSTed, and an answer of 2xx says that it is there. Messages of one group follow each
//! other; those of different groups go at the same time.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, StatusCode, redirect};
use url::Url;
use zeroize::Zeroizing;

use crate::{Message, Outcome, TargetError};

/// Requests under way at a time.
const AT_A_TIME: usize = 8;

pub(crate) struct Webhook {
    client: Client,
    url: Url,
}

impl Webhook {
    pub(crate) fn new(
        url: Url,
        token: Option<Zeroizing<String>>,
        ca_file: Option<&Path>,
        timeout: Duration,
    ) -> Result<Self, TargetError> {
        let unusable = |why: &str| TargetError::Client(why.to_owned());
        // reqwest would panic without one.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(unusable("the cryptography of TLS is not set up"));
        }
        if !matches!(url.scheme(), "http" | "https") {
            return Err(unusable("its URL is neither http nor https"));
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(token) = token {
            let bearer = Zeroizing::new(format!("Bearer {}", *token));
            let mut value =
                HeaderValue::from_str(&bearer).map_err(|_| unusable("its token is no header"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let mut builder = Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .default_headers(headers);
        if let Some(path) = ca_file {
            let pem = std::fs::read(path).map_err(|error| TargetError::File {
                path: path.to_owned(),
                error,
            })?;
            let certificates = Certificate::from_pem_bundle(&pem)
                .map_err(|error| TargetError::Client(error.to_string()))?;
            builder = builder.tls_certs_only(certificates);
        }
        let client = builder
            .build()
            .map_err(|error| TargetError::Client(error.to_string()))?;
        Ok(Self { client, url })
    }

    pub(crate) async fn deliver(&self, messages: &[Message]) -> Vec<Outcome> {
        let mut groups: HashMap<&str, Vec<usize>> = HashMap::new();
        for (position, message) in messages.iter().enumerate() {
            groups.entry(&message.group).or_default().push(position);
        }
        let told = stream::iter(groups.into_values())
            .map(|positions| self.deliver_group(messages, positions))
            .buffer_unordered(AT_A_TIME)
            .collect::<Vec<_>>()
            .await;
        let untold = Outcome::Unavailable("an earlier message was not taken".to_owned());
        let mut outcomes = vec![untold; messages.len()];
        for (position, outcome) in told.into_iter().flatten() {
            if let Some(place) = outcomes.get_mut(position) {
                *place = outcome;
            }
        }
        outcomes
    }

    /// In order, up to the first for which the target is not to be had.
    async fn deliver_group(
        &self,
        messages: &[Message],
        positions: Vec<usize>,
    ) -> Vec<(usize, Outcome)> {
        let mut told = Vec::with_capacity(positions.len());
        for position in positions {
            let Some(message) = messages.get(position) else {
                break;
            };
            let outcome = self.post(message).await;
            let ends = matches!(outcome, Outcome::Unavailable(_));
            told.push((position, outcome));
            if ends {
                break;
            }
        }
        told
    }

    async fn post(&self, message: &Message) -> Outcome {
        let request = self.client.post(self.url.clone());
        match request.body(message.body.clone()).send().await {
            Ok(answer) => outcome(answer.status()),
            // The URL may hold a secret, and is known to who named it.
            Err(error) => Outcome::Unavailable(error.without_url().to_string()),
        }
    }
}

fn outcome(status: StatusCode) -> Outcome {
    let text = format!("it answers {}", status.as_u16());
    match status {
        status if status.is_success() => Outcome::Delivered,
        // They say something of this very message; any other status is of the target, or of who may talk to it.
        StatusCode::BAD_REQUEST
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE
        | StatusCode::UNPROCESSABLE_ENTITY => Outcome::Refused(text),
        _ => Outcome::Unavailable(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wrong_with_a_message_lets_others_overtake_it() {
        let of = |code| outcome(StatusCode::from_u16(code).unwrap_or_default());
        assert_eq!(of(204), Outcome::Delivered);
        for code in [400, 413, 415, 422] {
            assert!(matches!(of(code), Outcome::Refused(_)), "{code}");
        }
        for code in [301, 401, 403, 404, 408, 429, 500, 503] {
            assert!(matches!(of(code), Outcome::Unavailable(_)), "{code}");
        }
    }
}
