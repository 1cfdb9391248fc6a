//! The notification configuration of a bucket: which events of which keys go to which targets
//! ([notifications](https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html)).
//!
//! Targets are the operator's; a client names one by an ARN whose last part is its name in the gateway's
//! configuration, of whatever service of AWS the client thinks that it is.

mod filter;
pub(crate) mod names;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::error::{Code, Result, S3Error};
use crate::xml::{Element, Writer};
use filter::Filter;
use names::Happening;

/// Most configurations of a bucket.
const MAX_CONFIGURATIONS: usize = 100;
/// Longest id.
const MAX_ID: usize = 255;

/// Of which service of AWS a client takes the target to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Service {
    /// `TopicConfiguration`.
    Sns,
    /// `QueueConfiguration`.
    Sqs,
    /// `CloudFunctionConfiguration`.
    Lambda,
}

impl Service {
    const ALL: [Service; 3] = [Service::Sns, Service::Sqs, Service::Lambda];

    fn element(self) -> &'static str {
        match self {
            Service::Sns => "TopicConfiguration",
            Service::Sqs => "QueueConfiguration",
            Service::Lambda => "CloudFunctionConfiguration",
        }
    }

    /// The element of the ARN.
    pub(crate) fn argument(self) -> &'static str {
        match self {
            Service::Sns => "Topic",
            Service::Sqs => "Queue",
            Service::Lambda => "CloudFunction",
        }
    }

    /// How S3 calls such a target.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Service::Sns => "topic",
            Service::Sqs => "queue",
            Service::Lambda => "lambda function",
        }
    }

    fn arn_service(self) -> &'static str {
        match self {
            Service::Sns => "sns",
            Service::Sqs => "sqs",
            Service::Lambda => "lambda",
        }
    }
}

/// A target as a client names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Destination {
    pub(crate) service: Service,
    pub(crate) arn: String,
    pub(crate) region: String,
    pub(crate) account: String,
    /// The target's name in the gateway's configuration.
    pub(crate) name: String,
}

impl Destination {
    fn parse(service: Service, arn: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let mut next = || parts.next();
        let (prefix, partition, of) = (next()?, next()?, next()?);
        let (region, account, rest) = (next()?, next()?, next()?);
        let name = match service {
            Service::Sns | Service::Sqs => rest,
            Service::Lambda => rest.strip_prefix("function:")?,
        };
        let of_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        let whole = prefix == "arn"
            && partition == "aws"
            && of == service.arn_service()
            && !region.is_empty()
            && of_account
            && !name.is_empty();
        whole.then(|| Self {
            service,
            arn: arn.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// A configuration of one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) destination: Destination,
    events: Vec<String>,
    filter: Filter,
}

impl Subscription {
    fn parse(service: Service, element: &Element) -> Result<Self> {
        let argument = service.argument();
        element.only(&["Id", argument, "Event", "Filter"])?;
        let id = match element.optional_text("Id")?.filter(|id| !id.is_empty()) {
            Some(id) if id.chars().count() > MAX_ID => {
                let message = "Notification configuration ID cannot be longer than 255 characters";
                return Err(S3Error::argument("Id", id, message));
            }
            Some(id) => id.to_owned(),
            None => uuid::Uuid::new_v4().to_string(),
        };
        let arn = element.required_text(argument)?.trim();
        let destination = Destination::parse(service, arn)
            .ok_or_else(|| S3Error::argument(argument, arn, "The ARN is not well formed"))?;
        let mut events = Vec::new();
        for event in element.all("Event") {
            let event = event.text.trim();
            if !names::is_known(event) {
                let message = "A specified event is not supported for notifications.";
                return Err(S3Error::argument("Event", event, message));
            }
            if !events.iter().any(|known| known == event) {
                events.push(event.to_owned());
            }
        }
        if events.is_empty() {
            return Err(Code::MalformedXml.into());
        }
        let filter = element.optional("Filter")?.map(Filter::parse);
        Ok(Self {
            id,
            destination,
            events,
            filter: filter.transpose()?.unwrap_or_default(),
        })
    }

    fn write(&self, w: &mut Writer) {
        w.text("Id", &self.id);
        w.text(self.destination.service.argument(), &self.destination.arn);
        for event in &self.events {
            w.text("Event", event);
        }
        self.filter.write(w);
    }

    /// Whether it asks for this, of this key.
    pub(crate) fn wants(&self, happening: Happening, key: &str) -> bool {
        let asked = |event: &String| names::covers(event, happening.name());
        self.events.iter().any(asked) && self.filter.matches(key)
    }

    fn overlaps(&self, other: &Self) -> bool {
        let shared = |one: &String| other.events.iter().any(|two| names::share(one, two));
        self.events.iter().any(shared) && self.filter.overlaps(&other.filter)
    }
}

/// `NotificationConfiguration`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notification {
    pub(crate) subscriptions: Vec<Subscription>,
    /// Whether everything goes to EventBridge.
    pub(crate) event_bridge: bool,
}

impl Notification {
    /// Whether nothing is told to anybody.
    pub(crate) fn is_empty(&self) -> bool {
        self.subscriptions.is_empty() && !self.event_bridge
    }
}

impl Document for Notification {
    const KIND: &'static str = "notification";
    const ROOT: &'static str = "NotificationConfiguration";
    /// Never answered: without a document the configuration is empty.
    const MISSING: Code = Code::InternalError;

    fn parse(root: &Element) -> Result<Self> {
        const EVENT_BRIDGE: &str = "EventBridgeConfiguration";
        let elements = Service::ALL.map(Service::element);
        let [topic, queue, function] = elements;
        root.only(&[topic, queue, function, EVENT_BRIDGE])?;
        let mut subscriptions = Vec::new();
        for service in Service::ALL {
            for element in root.all(service.element()) {
                subscriptions.push(Subscription::parse(service, element)?);
            }
        }
        if subscriptions.len() > MAX_CONFIGURATIONS {
            let message = "The number of notification configurations exceeds the limit of 100.";
            return Err(S3Error::new(Code::InvalidArgument, message));
        }
        let mut ids = BTreeSet::new();
        if !subscriptions.iter().all(|one| ids.insert(one.id.as_str())) {
            let message = "Same ID used for multiple configurations. IDs must be unique";
            return Err(S3Error::new(Code::InvalidArgument, message));
        }
        for (position, one) in subscriptions.iter().enumerate() {
            let mut later = subscriptions.iter().skip(position + 1);
            if let Some(other) = later.find(|other| one.overlaps(other)) {
                return Err(filter::overlap(&one.filter, &other.filter));
            }
        }
        let event_bridge = root.optional(EVENT_BRIDGE)?;
        if let Some(element) = event_bridge {
            element.only(&[])?;
        }
        Ok(Self {
            subscriptions,
            event_bridge: event_bridge.is_some(),
        })
    }

    fn write(&self, w: &mut Writer) {
        for one in &self.subscriptions {
            w.element(one.destination.service.element(), |w| one.write(w));
        }
        if self.event_bridge {
            w.element("EventBridgeConfiguration", |_| {});
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn parse(content: &str) -> Result<Notification> {
        let xml = format!("<NotificationConfiguration>{content}</NotificationConfiguration>");
        Notification::parse(&Element::parse(xml.as_bytes(), Notification::ROOT)?)
    }

    fn queue(id: &str, events: &[&str], prefix: &str) -> String {
        let events: String = events
            .iter()
            .map(|e| format!("<Event>{e}</Event>"))
            .collect();
        format!(
            "<QueueConfiguration><Id>{id}</Id><Queue>arn:aws:sqs:us-east-1:111122223333:q</Queue>{events}\
             <Filter><S3Key><FilterRule><Name>prefix</Name><Value>{prefix}</Value></FilterRule></S3Key></Filter>\
             </QueueConfiguration>"
        )
    }

    #[test]
    fn a_configuration_comes_back_as_it_was_put() {
        let content = queue("one", &["s3:ObjectCreated:*", "s3:ObjectAcl:Put"], "a/")
            + "<CloudFunctionConfiguration><CloudFunction>arn:aws:lambda:us-east-1:111122223333:function:f</CloudFunction>\
               <Event>s3:ObjectRemoved:Delete</Event></CloudFunctionConfiguration><EventBridgeConfiguration/>";
        let parsed = parse(&content).unwrap();
        assert_eq!(parsed.subscriptions[0].destination.name, "q");
        assert_eq!(parsed.subscriptions[1].destination.name, "f");
        assert!(!parsed.subscriptions[1].id.is_empty() && parsed.event_bridge);
        let xml = Writer::document(Notification::ROOT, |w| parsed.write(w));
        let root = Element::parse(xml.as_bytes(), Notification::ROOT).unwrap();
        assert_eq!(Notification::parse(&root).unwrap(), parsed);
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn a_subscription_wants_its_events_of_its_keys() {
        let parsed = parse(&queue("one", &["s3:ObjectCreated:*"], "a/")).unwrap();
        let one = &parsed.subscriptions[0];
        assert!(one.wants(Happening::Copy, "a/b"));
        assert!(!one.wants(Happening::Copy, "b") && !one.wants(Happening::Delete, "a/b"));
    }

    #[test]
    fn what_s3_would_not_take_is_refused() {
        let put = ["s3:ObjectCreated:Put"];
        let overlapping = queue("1", &put, "a") + &queue("2", &["s3:ObjectCreated:*"], "ab");
        let everything = queue("1", &put, "") + &queue("2", &put, "");
        let refused = parse(&everything).unwrap_err();
        assert!(refused.message.starts_with("Configurations overlap."));
        let arn =
            |arn: &str| queue("1", &put, "").replace("arn:aws:sqs:us-east-1:111122223333:q", arn);
        let long = queue(&"x".repeat(MAX_ID + 1), &put, "");
        for (content, code) in [
            (overlapping, Code::InvalidArgument),
            (
                queue("1", &put, "a") + &queue("1", &put, "b"),
                Code::InvalidArgument,
            ),
            (
                queue("1", &["s3:ObjectCreated:Move"], ""),
                Code::InvalidArgument,
            ),
            (queue("1", &[], ""), Code::MalformedXml),
            (arn("q"), Code::InvalidArgument),
            (
                arn("arn:aws:sns:us-east-1:111122223333:q"),
                Code::InvalidArgument,
            ),
            (arn("arn:aws:sqs:us-east-1:1:q"), Code::InvalidArgument),
            (long, Code::InvalidArgument),
            ("<Rule/>".to_owned(), Code::MalformedXml),
        ] {
            assert_eq!(parse(&content).unwrap_err().kind(), code, "{content:.200}");
        }
        parse(&(queue("1", &put, "a") + &queue("2", &put, "b"))).unwrap();
    }
}
