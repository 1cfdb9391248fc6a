//! Lines of JSON, written member by member: every request has one, and a line must cost little beside the request.

use std::fmt::{self, Write as _};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// What most lines fit in.
const USUAL_SIZE: usize = 512;

/// Formats an event as one object: `timestamp`, `level`, the event's fields, `target`.
pub struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut line = Line {
            bytes: Vec::with_capacity(USUAL_SIZE),
            target: None,
        };
        line.bytes.extend_from_slice(b"{\"timestamp\":\"");
        // Only a year beyond 9999 has no such form; a line without time beats none.
        let _ = OffsetDateTime::now_utc().format_into(&mut line.bytes, &Rfc3339);
        line.bytes.push(b'"');
        line.record("level", metadata.level().as_str());
        event.record(&mut line);
        match line.target.take() {
            Some(target) => line.record("target", &target),
            None => line.record("target", metadata.target()),
        }
        line.bytes.extend_from_slice(b"}\n");
        writer.write_str(str::from_utf8(&line.bytes).map_err(|_| fmt::Error)?)
    }
}

/// A line being written.
struct Line {
    bytes: Vec<u8>,
    /// Of a crate that writes to `log`, which comes here through a target that is always the same.
    target: Option<String>,
}

impl Line {
    fn name(&mut self, name: &str) {
        self.bytes.push(b',');
        self.text(name);
        self.bytes.push(b':');
    }

    fn text(&mut self, text: &str) {
        // Neither a text nor a vector refuses.
        let _ = serde_json::to_writer(&mut self.bytes, text);
    }

    fn record(&mut self, name: &str, text: &str) {
        self.name(name);
        self.text(text);
    }

    fn number(&mut self, field: &Field, number: impl fmt::Display) {
        use std::io::Write as _;
        self.name(field.name());
        let _ = write!(self.bytes, "{number}");
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "log.target" => self.target = Some(value.to_owned()),
            "log.module_path" | "log.file" => {}
            name => self.record(name, value),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.number(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() != "log.line" {
            self.number(field, value);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.number(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.number(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        match value.is_finite() {
            true => self.number(field, value),
            false => self.number(field, "null"),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.name(field.name());
        self.bytes.push(b'"');
        let _ = write!(Escaped(&mut self.bytes), "{value:?}");
        self.bytes.push(b'"');
    }
}

/// The inside of a string of JSON, as it comes from a formatter.
struct Escaped<'l>(&'l mut Vec<u8>);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let before = self.0.len();
        serde_json::to_writer(&mut *self.0, text).map_err(|_| fmt::Error)?;
        // Without its quotation marks.
        self.0.pop();
        self.0.remove(before);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::sync::Arc;

    use parking_lot::Mutex;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Clone, Default)]
    struct Out(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Out {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_an_object_with_the_fields_of_its_event() {
        let out = Out::default();
        let writer = out.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .event_format(JsonLines)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let (absent, hostile): (Option<&str>, _) = (None, "\"},{\n\u{1}é");
            tracing::warn!(
                target: "sealgate::x",
                hostile,
                shown = %format_args!("{hostile}{hostile}"),
                absent,
                count = 3_u64,
                less = -3_i64,
                yes = true,
                half = 0.5,
                none = f64::NAN,
                "a \"message\""
            );
            tracing::info!("another");
        });
        let text = String::from_utf8(out.0.lock().clone()).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let [first, second] = &lines[..] else {
            panic!("{text}");
        };
        let time = first["timestamp"].as_str().unwrap();
        assert!(OffsetDateTime::parse(time, &Rfc3339).is_ok() && time.ends_with('Z'));
        let hostile = "\"},{\n\u{1}é";
        let expected = json!({
            "timestamp": time,
            "level": "WARN",
            "message": "a \"message\"",
            "hostile": hostile,
            "shown": hostile.repeat(2),
            "count": 3,
            "less": -3,
            "yes": true,
            "half": 0.5,
            "none": null,
            "target": "sealgate::x",
        });
        assert_eq!(*first, expected);
        assert_eq!(second["message"], "another");
    }
}
