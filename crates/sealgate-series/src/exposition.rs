//! The text of metrics, read: OpenMetrics as this gateway writes it. What is no metric is passed over, so that a
//! gateway of another version can be read, too.

/// A line: a metric, its labels, its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Its name, with the suffix of its kind (`_total`, `_bucket`).
    pub name: String,
    /// Its labels.
    pub labels: Vec<(String, String)>,
    /// Its value.
    pub value: f64,
}

impl Metric {
    /// The value of a label; empty without it.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        let label = self.labels.iter().find(|(label, _)| label == name);
        label.map_or("", |(_, value)| value)
    }
}

/// The metrics of a text.
#[must_use]
pub fn parse(text: &str) -> Vec<Metric> {
    text.lines().filter_map(line).collect()
}

fn line(text: &str) -> Option<Metric> {
    if text.starts_with('#') {
        return None;
    }
    let end = text.find(['{', ' '])?;
    let (name, rest) = text.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    // What follows the value (a time, an exemplar) is not read.
    let value = rest.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Metric {
        name: name.to_owned(),
        labels,
        value,
    })
}

/// The labels up to the closing brace, and what is behind it.
fn labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        if let Some(behind) = rest.strip_prefix('}') {
            return Some((labels, behind));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut letters = quoted.char_indices();
        let end = loop {
            match letters.next()? {
                (at, '"') => break at + 1,
                (_, '\\') => value.push(match letters.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        };
        labels.push((name.to_owned(), value));
        rest = quoted.get(end..)?;
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_read_and_what_is_none_is_passed_over() {
        let text = "# HELP a Words.\na_total 3\nb{x=\"1\",y=\"q\\\"\\\\\\n\"} 0.5 17\nno value\n{} 1\nc{x=\"1 2\n# EOF\n";
        let read = parse(text);
        assert_eq!(read.len(), 3, "{read:?}");
        assert_eq!((read[0].name.as_str(), read[0].value), ("a_total", 3.0));
        assert_eq!(
            (read[1].label("x"), read[1].label("y"), read[1].label("z")),
            ("1", "q\"\\\n", "")
        );
        assert_eq!(read[2].name, "");
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "\\PC{0,200}", more in "[a-z{}\\\\\"=, 0-9\n]{0,200}") {
            let _ = parse(&text);
            let _ = parse(&more);
        }

        #[test]
        fn what_is_written_is_read(name in "[a-z_]{1,20}", value in "[^\n]{0,20}", number in any::<u32>()) {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
            let read = parse(&format!("{name}{{a=\"{escaped}\",b=\"c\"}} {number}\n"));
            prop_assert_eq!(read.len(), 1);
            prop_assert_eq!(read[0].label("a"), value);
            prop_assert_eq!(read[0].label("b"), "c");
            prop_assert_eq!(read[0].value, f64::from(number));
        }
    }
}
