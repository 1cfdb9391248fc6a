//! An MQTT broker: messages are published with quality of service 1, and are there when the broker has
//! acknowledged them. A connection lives as long as a batch, so that none has to be kept alive between.

use std::time::Duration;

use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, QoS};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::{Message, Outcome};

/// Longest message; the ones of S3 have a key of a kilobyte, three times that when encoded.
const MAX_PACKET: usize = 64 * 1024;

pub(crate) struct Mqtt {
    host: String,
    port: u16,
    topic: String,
    credentials: Option<(String, Zeroizing<String>)>,
    timeout: Duration,
}

impl Mqtt {
    pub(crate) fn new(
        host: String,
        port: u16,
        topic: String,
        credentials: Option<(String, Zeroizing<String>)>,
        timeout: Duration,
    ) -> Self {
        Self {
            host,
            port,
            topic,
            credentials,
            timeout,
        }
    }

    pub(crate) async fn deliver(&self, messages: &[Message]) -> Vec<Outcome> {
        let mut acknowledged = 0;
        let failure = match timeout(self.timeout, self.publish(messages, &mut acknowledged)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => Some("it does not acknowledge in time".to_owned()),
        };
        // A broker acknowledges in the order of the messages.
        let mut outcomes = vec![Outcome::Delivered; acknowledged.min(messages.len())];
        let failure = failure.unwrap_or_default();
        outcomes.resize(messages.len(), Outcome::Unavailable(failure));
        outcomes
    }

    async fn publish(&self, messages: &[Message], acknowledged: &mut usize) -> Result<(), String> {
        // A broker may take an empty id for a session that ends with its connection, and names it.
        let mut options = MqttOptions::new("", &self.host, self.port);
        options.set_keep_alive(self.timeout.max(Duration::from_secs(5)));
        options.set_clean_session(true);
        options.set_max_packet_size(MAX_PACKET, MAX_PACKET);
        if let Some((user, password)) = &self.credentials {
            options.set_credentials(user, password.as_str());
        }
        let (client, mut events) = AsyncClient::new(options, messages.len().max(1));
        for message in messages {
            client
                .publish(&self.topic, QoS::AtLeastOnce, false, message.body.to_vec())
                .await
                .map_err(|error| error.to_string())?;
        }
        while *acknowledged < messages.len() {
            match events.poll().await {
                Ok(Event::Incoming(Incoming::PubAck(_))) => *acknowledged += 1,
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        // The broker notices the end of the connection in any case.
        let _ = client.disconnect().await;
        let _ = events.poll().await;
        Ok(())
    }
}
