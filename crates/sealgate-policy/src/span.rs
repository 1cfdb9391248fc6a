//! Where in a document each statement stands, for the simulator's `MatchedStatements`.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Statement.html>
//!
//! Runs only over documents that have been parsed, so it knows strings and brackets and no more of JSON.

/// A place in a policy document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column, in characters from 1.
    pub column: u32,
}

/// Where a statement starts and ends, as the examples of the AWS CLI's `simulate-custom-policy` and
/// `simulate-principal-policy` show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// After the brace of a statement that stands alone; in a list, after the bracket or the
    /// statement before.
    pub start: Position,
    /// After the closing brace.
    pub end: Position,
}

/// The spans of the objects in the member `Statement` of the document's object, in order.
pub(crate) fn statement_spans(document: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut scan = Scan {
        at: Position { line: 1, column: 1 },
        depth: 0,
    };
    // Statements are at depth 2, or at depth 3 where they stand in a list.
    let (mut in_statement, mut listed, mut start) = (false, false, Position::default());
    let mut characters = document.chars();
    let mut name = String::new();
    while let Some(character) = scan.next(&mut characters) {
        match character {
            '"' => {
                let text = scan.string(&mut characters);
                if scan.depth == 1 {
                    name = text;
                }
            }
            ':' if scan.depth == 1 => in_statement = unescaped(&name) == "Statement",
            ',' if scan.depth == 1 => in_statement = false,
            '{' | '[' => {
                scan.depth += 1;
                if in_statement && scan.depth == 2 {
                    listed = character == '[';
                    start = scan.at;
                }
            }
            '}' | ']' => {
                if in_statement && character == '}' && scan.depth == 2 + u32::from(listed) {
                    spans.push(Span {
                        start,
                        end: scan.at,
                    });
                    start = scan.at;
                }
                scan.depth = scan.depth.saturating_sub(1);
            }
            _ => {}
        }
    }
    spans
}

/// A member's name may be written with escapes: `"Stat\u0065ment"`.
fn unescaped(name: &str) -> String {
    serde_json::from_str(&format!("\"{name}\"")).unwrap_or_default()
}

struct Scan {
    at: Position,
    depth: u32,
}

impl Scan {
    fn next(&mut self, characters: &mut std::str::Chars<'_>) -> Option<char> {
        let character = characters.next()?;
        if character == '\n' {
            self.at.line += 1;
            self.at.column = 1;
        } else {
            self.at.column += 1;
        }
        Some(character)
    }

    /// The rest of a string whose opening quote is behind, as it is written.
    fn string(&mut self, characters: &mut std::str::Chars<'_>) -> String {
        let mut text = String::new();
        while let Some(character) = self.next(characters) {
            match character {
                '"' => break,
                '\\' => {
                    text.push('\\');
                    text.extend(self.next(characters));
                }
                _ => text.push(character),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(document: &str) -> Vec<[u32; 4]> {
        let each = |span: Span| {
            [
                span.start.line,
                span.start.column,
                span.end.line,
                span.end.column,
            ]
        };
        statement_spans(document).into_iter().map(each).collect()
    }

    #[test]
    fn a_single_statement_stands_where_the_aws_cli_example_says() {
        let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}"#;
        assert_eq!(ends(document), [[1, 38, 1, 167]]);
    }

    #[test]
    fn statements_of_a_list_follow_one_another() {
        let document = "{\n    \"Version\": \"2012-10-17\",\n    \"Statement\": [\n        {\n            \
             \"Sid\": \"}{\\\"[é\",\n            \"Effect\": \"Allow\",\n            \"Action\": [\"a:*\"],\n            \
             \"Resource\": \"*\"\n        },\n {}], \"Id\": {} }";
        assert_eq!(ends(document), [[3, 19, 9, 10], [9, 10, 10, 4]]);
    }

    #[test]
    fn an_escaped_name_is_the_same_name() {
        assert_eq!(ends(r#"{"St\u0061tement":{}}"#).len(), 1);
        assert_eq!(ends(r#"{"Id":{"Statement":{}}}"#).len(), 0);
    }
}
