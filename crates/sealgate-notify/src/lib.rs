//! Targets of event notifications: what the operator named in the configuration, and how a message gets there.
//!
//! What a message says, and who may have it sent, is not known here. A target answers for each message whether it
//! has it; what it does not have is handed to it again, so that a target may get a message twice.

#[cfg(feature = "mqtt")]
mod mqtt;
mod queue;
mod webhook;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use url::Url;
use zeroize::Zeroizing;

use queue::Queue;
use webhook::Webhook;

/// The name of the target that gets what buckets send to EventBridge.
pub const EVENT_BRIDGE: &str = "eventbridge";

/// A target as the operator describes it.
pub struct TargetConfig {
    /// Accounts whose buckets may name it; `None`: all.
    pub accounts: Option<Vec<String>>,
    /// How messages get there.
    pub kind: TargetKind,
}

/// How messages get to a target.
pub enum TargetKind {
    /// By POST, a message in each.
    Webhook {
        /// Where to; `http` or `https`.
        url: Url,
        /// Sent as a bearer token.
        token: Option<Zeroizing<String>>,
        /// The certificates to trust, instead of the system's.
        ca_file: Option<PathBuf>,
        /// For connection and answer.
        timeout: Duration,
    },
    /// Into a file of lines.
    Queue {
        /// The file.
        path: PathBuf,
        /// It is set aside, and a new one begun, before it grows over so many bytes.
        max_size: u64,
        /// Of those that were set aside so many stay.
        keep: u32,
    },
    /// To an MQTT broker, with quality of service 1.
    #[cfg(feature = "mqtt")]
    Mqtt {
        /// Its host.
        host: String,
        /// Its port.
        port: u16,
        /// What to publish under.
        topic: String,
        /// User and password.
        credentials: Option<(String, Zeroizing<String>)>,
        /// For a batch of messages.
        timeout: Duration,
    },
}

/// Why a target cannot be set up. The texts are read at start.
#[derive(Debug, Error)]
pub enum TargetError {
    /// No client can be made.
    #[error("no client can be made for it: {0}")]
    Client(String),
    /// Its file cannot be used.
    #[error("its file {path} cannot be used: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// A message to a target.
#[derive(Debug, Clone)]
pub struct Message {
    /// Messages of one group are delivered in their order.
    pub group: String,
    /// JSON.
    pub body: Bytes,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The target has it.
    Delivered,
    /// The target does not take this message; others it may.
    Refused(String),
    /// The target takes nothing at present.
    Unavailable(String),
}

enum Kind {
    Webhook(Webhook),
    Queue(Arc<Queue>),
    #[cfg(feature = "mqtt")]
    Mqtt(mqtt::Mqtt),
}

/// A target, ready.
pub struct Target {
    accounts: Option<Vec<String>>,
    kind: Kind,
}

impl Target {
    fn open(config: TargetConfig) -> Result<Self, TargetError> {
        let kind = match config.kind {
            TargetKind::Webhook {
                url,
                token,
                ca_file,
                timeout,
            } => Kind::Webhook(Webhook::new(url, token, ca_file.as_deref(), timeout)?),
            TargetKind::Queue {
                path,
                max_size,
                keep,
            } => Kind::Queue(Arc::new(Queue::open(path, max_size, keep)?)),
            #[cfg(feature = "mqtt")]
            TargetKind::Mqtt {
                host,
                port,
                topic,
                credentials,
                timeout,
            } => Kind::Mqtt(mqtt::Mqtt::new(host, port, topic, credentials, timeout)),
        };
        Ok(Self {
            accounts: config.accounts,
            kind,
        })
    }

    /// Whether buckets of an account may name it.
    pub fn serves(&self, account: &str) -> bool {
        self.accounts
            .as_ref()
            .is_none_or(|accounts| accounts.iter().any(|known| known == account))
    }

    /// Hands messages over; one outcome for each, in their order.
    pub async fn deliver(&self, messages: &[Message]) -> Vec<Outcome> {
        match &self.kind {
            Kind::Webhook(webhook) => webhook.deliver(messages).await,
            Kind::Queue(queue) => {
                let (queue, bodies) = (queue.clone(), bodies(messages));
                // It waits for the disk.
                let written = tokio::task::spawn_blocking(move || queue.append(&bodies)).await;
                let outcome = match written {
                    Ok(Ok(())) => Outcome::Delivered,
                    Ok(Err(error)) => Outcome::Unavailable(error.to_string()),
                    Err(_) => Outcome::Unavailable("the write was cut off".to_owned()),
                };
                vec![outcome; messages.len()]
            }
            #[cfg(feature = "mqtt")]
            Kind::Mqtt(mqtt) => mqtt.deliver(messages).await,
        }
    }
}

fn bodies(messages: &[Message]) -> Vec<Bytes> {
    messages.iter().map(|m| m.body.clone()).collect()
}

/// The targets by name. Clones share them.
#[derive(Clone, Default)]
pub struct Targets(Arc<BTreeMap<String, Target>>);

impl Targets {
    /// Sets all up.
    ///
    /// # Errors
    /// Names the first that cannot be.
    pub fn open(configs: BTreeMap<String, TargetConfig>) -> Result<Self, (String, TargetError)> {
        let mut targets = BTreeMap::new();
        for (name, config) in configs {
            match Target::open(config) {
                Ok(target) => targets.insert(name, target),
                Err(error) => return Err((name, error)),
            };
        }
        Ok(Self(Arc::new(targets)))
    }

    /// The target of this name.
    pub fn get(&self, name: &str) -> Option<&Target> {
        self.0.get(name)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
