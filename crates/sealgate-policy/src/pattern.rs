//! Text patterns: wildcards `*` and `?`, and policy variables.
//!
//! Patterns are compiled to bytes in which two values that UTF-8 never uses stand for the wildcards,
//! so a literal `*` (from `${*}`, or from the value of a variable) cannot be taken for one.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>

use smallvec::SmallVec;

use crate::error::PolicyError;
use crate::key::Key;
use crate::request::Request;

/// Any number of characters.
pub(crate) const MANY: u8 = 0xff;
/// Exactly one character.
pub(crate) const ONE: u8 = 0xfe;

/// What a pattern may contain besides literal text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Syntax {
    pub(crate) wildcards: bool,
    /// Only policies of version 2012-10-17 have variables; in older ones `${` is text.
    pub(crate) variables: bool,
}

#[derive(Debug, Clone)]
enum Part {
    Glob(Vec<u8>),
    Variable { key: Key, default: Option<Box<str>> },
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(Shape);

#[derive(Debug, Clone)]
enum Shape {
    Any,
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
    Glob { glob: Box<[u8]>, shortest: usize },
    Template(Box<[Part]>),
}

impl Pattern {
    pub(crate) const ANY: Pattern = Pattern(Shape::Any);

    pub(crate) fn parse(text: &str, syntax: Syntax) -> Result<Pattern, PolicyError> {
        Ok(Pattern::from_parts(parse_parts(text, syntax)?))
    }

    /// Splits at the first `fields - 1` colons of the text (not those of variables) into patterns.
    pub(crate) fn parse_fields(
        text: &str,
        fields: usize,
        syntax: Syntax,
    ) -> Result<Vec<Pattern>, PolicyError> {
        let mut split: Vec<Vec<Part>> = vec![Vec::new()];
        for part in parse_parts(text, syntax)? {
            match part {
                Part::Glob(glob) => {
                    let room = fields.saturating_sub(split.len()) + 1;
                    for (index, piece) in glob.splitn(room, |&byte| byte == b':').enumerate() {
                        if index > 0 {
                            split.push(Vec::new());
                        }
                        if let Some(field) = split.last_mut()
                            && !piece.is_empty()
                        {
                            field.push(Part::Glob(piece.to_vec()));
                        }
                    }
                }
                variable @ Part::Variable { .. } => {
                    if let Some(field) = split.last_mut() {
                        field.push(variable);
                    }
                }
            }
        }
        Ok(split.into_iter().map(Pattern::from_parts).collect())
    }

    fn from_parts(mut parts: Vec<Part>) -> Pattern {
        let glob = match parts.as_mut_slice() {
            [] => Vec::new(),
            [Part::Glob(glob)] => std::mem::take(glob),
            _ => return Pattern(Shape::Template(parts.into())),
        };
        let wildcards = glob.iter().filter(|&&byte| byte >= ONE).count();
        Pattern(match glob.as_slice() {
            [MANY] => Shape::Any,
            [prefix @ .., MANY] if wildcards == 1 => Shape::Prefix(prefix.into()),
            _ if wildcards == 0 => Shape::Exact(glob.into()),
            _ => Shape::Glob {
                shortest: shortest(&glob),
                glob: glob.into(),
            },
        })
    }

    /// True if this is one literal text and equal to `text`.
    pub(crate) fn is_exactly(&self, text: &str) -> bool {
        matches!(&self.0, Shape::Exact(exact) if **exact == *text.as_bytes())
    }

    /// The literal text of a pattern without wildcards and variables.
    pub(crate) fn literal(&self) -> Option<&str> {
        match &self.0 {
            Shape::Exact(exact) => std::str::from_utf8(exact).ok(),
            _ => None,
        }
    }

    /// Whether the whole of `text` matches. A variable without a value in the request equals nothing.
    pub(crate) fn matches(&self, text: &str, request: &Request<'_>) -> bool {
        let text = text.as_bytes();
        match &self.0 {
            Shape::Any => true,
            Shape::Exact(exact) => **exact == *text,
            Shape::Prefix(prefix) => text.starts_with(prefix),
            Shape::Glob { glob, shortest } => {
                *shortest <= text.len() && glob_match::<false>(glob, text)
            }
            Shape::Template(parts) => expand(parts, request).is_some_and(|glob| {
                shortest(&glob) <= text.len() && glob_match::<false>(&glob, text)
            }),
        }
    }

    /// Whether a variable has no value in the request, so that the pattern stands for nothing.
    pub(crate) fn is_unresolved(&self, request: &Request<'_>) -> bool {
        match &self.0 {
            Shape::Template(parts) => expand(parts, request).is_none(),
            Shape::Any | Shape::Exact(_) | Shape::Prefix(_) | Shape::Glob { .. } => false,
        }
    }

    pub(crate) fn each_key<'a>(&'a self, visit: &mut dyn FnMut(&'a Key)) {
        if let Shape::Template(parts) = &self.0 {
            for part in parts {
                if let Part::Variable { key, .. } = part {
                    visit(key);
                }
            }
        }
    }

    /// Like [`matches`](Pattern::matches) for a pattern without wildcards, but blind to case.
    pub(crate) fn equals_ignoring_case(&self, text: &str, request: &Request<'_>) -> bool {
        let equals = |operand: &[u8]| {
            std::str::from_utf8(operand).is_ok_and(|operand| {
                let operand = operand.chars().flat_map(char::to_lowercase);
                operand.eq(text.chars().flat_map(char::to_lowercase))
            })
        };
        match &self.0 {
            Shape::Exact(exact) => equals(exact),
            Shape::Template(parts) => expand(parts, request).is_some_and(|bytes| equals(&bytes)),
            Shape::Any | Shape::Prefix(_) | Shape::Glob { .. } => false,
        }
    }
}

/// An expanded pattern: most fit without an allocation.
type Expanded = SmallVec<[u8; 256]>;

fn expand(parts: &[Part], request: &Request<'_>) -> Option<Expanded> {
    let mut glob = Expanded::new();
    for part in parts {
        match part {
            Part::Glob(bytes) => glob.extend_from_slice(bytes),
            // A value is literal text, whatever characters are in it.
            Part::Variable { key, default } => match (request.values(key).single(), default) {
                (Some(value), _) => glob.extend_from_slice(value.text().as_bytes()),
                (None, Some(default)) => glob.extend_from_slice(default.as_bytes()),
                (None, None) => return None,
            },
        }
    }
    Some(glob)
}

fn parse_parts(text: &str, syntax: Syntax) -> Result<Vec<Part>, PolicyError> {
    let mut parts = Vec::new();
    let mut glob = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if syntax.variables
            && let Some(inner) = rest.strip_prefix("${")
        {
            let (name, after) = inner
                .split_once('}')
                .ok_or_else(|| PolicyError::InvalidVariable(text.to_owned()))?;
            rest = after;
            match name {
                "*" | "?" | "$" => glob.extend_from_slice(name.as_bytes()),
                _ => {
                    if !glob.is_empty() {
                        parts.push(Part::Glob(std::mem::take(&mut glob)));
                    }
                    parts.push(parse_variable(name, text)?);
                }
            }
            continue;
        }
        // Up to the next `$` that is not the first byte; `$` is ASCII, so this is a char boundary.
        let end = rest
            .bytes()
            .skip(1)
            .position(|byte| byte == b'$')
            .map_or(rest.len(), |at| at + 1);
        let (piece, after) = rest.split_at(end);
        for byte in piece.bytes() {
            match byte {
                // Several in a row match what one does.
                b'*' if syntax.wildcards => {
                    if glob.last() != Some(&MANY) {
                        glob.push(MANY);
                    }
                }
                b'?' if syntax.wildcards => glob.push(ONE),
                _ => glob.push(byte),
            }
        }
        rest = after;
    }
    if !glob.is_empty() {
        parts.push(Part::Glob(glob));
    }
    Ok(parts)
}

/// The inside of `${…}`: a condition key, optionally with a default in single quotes.
fn parse_variable(inner: &str, text: &str) -> Result<Part, PolicyError> {
    let invalid = || PolicyError::InvalidVariable(text.to_owned());
    let (name, default) = match inner.split_once(',') {
        None => (inner, None),
        Some((name, default)) => {
            let default = default
                .trim()
                .strip_prefix('\'')
                .and_then(|rest| rest.strip_suffix('\''));
            (name, Some(default.ok_or_else(invalid)?.into()))
        }
    };
    let name = name.trim();
    if !name.contains(':') || name.contains("${") {
        return Err(invalid());
    }
    Ok(Part::Variable {
        key: Key::parse(name)?,
        default,
    })
}

/// The fewest bytes a text has that matches. Checked first, it also bounds the work of a match by the
/// square of the text's length, however long the pattern.
fn shortest(glob: &[u8]) -> usize {
    glob.iter().filter(|&&byte| byte != MANY).count()
}

/// Matches the whole of `text`, which is UTF-8. Only the last `*` is ever retried, so the time is at
/// most the product of the lengths. With `FOLD`, ASCII letters of the text are lowered first.
pub(crate) fn glob_match<const FOLD: bool>(glob: &[u8], text: &[u8]) -> bool {
    let (mut at, mut position) = (0, 0);
    // Where the pattern goes on after the last `*`, and where in the text that was tried.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&byte) = text.get(position) {
        match glob.get(at) {
            Some(&MANY) => {
                at += 1;
                if at == glob.len() {
                    return true;
                }
                retry = Some((at, position));
                continue;
            }
            Some(&ONE) => {
                at += 1;
                position += char_len(byte);
                continue;
            }
            Some(&literal)
                if literal
                    == if FOLD {
                        byte.to_ascii_lowercase()
                    } else {
                        byte
                    } =>
            {
                at += 1;
                position += 1;
                continue;
            }
            _ => {}
        }
        let Some((after, tried)) = retry else {
            return false;
        };
        let next = tried + text.get(tried).map_or(1, |&lead| char_len(lead));
        retry = Some((after, next));
        (at, position) = (after, next);
    }
    glob.get(at..)
        .is_some_and(|rest| rest.iter().all(|&byte| byte == MANY))
}

/// The length of a UTF-8 character from its first byte.
fn char_len(lead: u8) -> usize {
    match lead {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    fn glob(pattern: &str) -> Vec<u8> {
        let syntax = Syntax {
            wildcards: true,
            variables: false,
        };
        match parse_parts(pattern, syntax).unwrap().pop() {
            Some(Part::Glob(glob)) => glob,
            _ => Vec::new(),
        }
    }

    fn matches(pattern: &str, text: &str) -> bool {
        glob_match::<false>(&glob(pattern), text.as_bytes())
    }

    /// The definition, in exponential time.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, rest) => rest.is_none(),
            (Some(('*', after)), None) => naive(after, text),
            (Some(('*', after)), Some((_, rest))) => naive(after, text) || naive(pattern, rest),
            (Some(_), None) => false,
            (Some((wanted, after)), Some((found, rest))) => {
                (*wanted == '?' || wanted == found) && naive(after, rest)
            }
        }
    }

    #[test]
    fn a_question_mark_is_one_character_of_any_width() {
        assert!(matches("a?c", "abc"));
        assert!(matches("a?c", "aéc"));
        assert!(matches("?", "🗝"));
        assert!(!matches("??", "🗝"));
        assert!(!matches("*??", "é"));
        assert!(!matches("a?c", "ac"));
    }

    #[test]
    fn a_star_is_any_number_of_characters() {
        for text in ["", "a", "a/b:c"] {
            assert!(matches("*", text));
        }
        assert!(matches("a*b*c", "a-b-b-c-c"));
        assert!(!matches("a*b*c", "a-c-b"));
        assert!(!matches("*.txt", "a.txt.gz"));
    }

    #[test]
    fn hostile_patterns_cost_no_exponential_time() {
        let pattern = "*a".repeat(500) + "b";
        assert!(!matches(&pattern, &"a".repeat(1024)));
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab?*é]{0,8}", text in "[abé]{0,10}") {
            let (p, t): (Vec<_>, Vec<_>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(matches(&pattern, &text), naive(&p, &t));
        }

        #[test]
        fn the_shortest_match_is_no_longer_than_a_text_that_matches(
            pattern in "[ab?*é]{0,8}", text in "[abé]{0,10}"
        ) {
            if matches(&pattern, &text) {
                prop_assert!(shortest(&glob(&pattern)) <= text.len());
            }
        }
    }
}
