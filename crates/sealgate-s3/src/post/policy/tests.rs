#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use proptest::prelude::*;
use serde_json::json;
use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-11-30 12:00 UTC);
const LATER: &str = "2026-11-30T12:00:01Z";

fn parse(document: &str) -> Result<Policy> {
    Policy::parse(&STANDARD.encode(document))
}

fn with(conditions: Value) -> Result<Policy> {
    parse(&json!({"expiration": LATER, "conditions": conditions}).to_string())
}

/// How long the file may be, by a policy for the bucket `b` with these conditions.
fn check(conditions: Value, form: &[(&str, &str)]) -> Result<RangeInclusive<u64>> {
    let mut all = vec![json!({"bucket": "b"})];
    all.extend(conditions.as_array().unwrap().iter().cloned());
    with(all.into())?.check("b", &Form::of(form), NOW)
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T>) -> (&'static str, String) {
    let error = outcome.unwrap_err();
    (error.code(), error.message)
}

fn denied_with(conditions: Value, form: &[(&str, &str)], reason: &str) {
    let denied = (
        "AccessDenied",
        format!("Invalid according to Policy: {reason}"),
    );
    assert_eq!(refusal(check(conditions, form)), denied);
}

#[test]
fn conditions_hold_for_the_fields_they_name_in_any_case_of_names() {
    let form = [
        ("KEY", "user/a/b.txt"),
        ("Content-Type", "image/png, image/gif"),
        ("x-amz-meta-TAG", ""),
        ("x-ignore-this", "1"),
        ("policy", "…"),
        ("X-Amz-Signature", "…"),
    ];
    let conditions = json!([
        ["StArTs-WiTh", "$kEy", "user/a/"],
        ["starts-with", "$content-type", "image/"],
        ["eq", "$X-Amz-Meta-Tag", ""],
        ["starts-with", "$x-amz-meta-tag", ""],
        ["content-length-range", 1, 100],
        ["content-length-range", "5", "1000"],
    ]);
    assert_eq!(check(conditions, &form).unwrap(), 5..=100);
    assert_eq!(check(json!([]), &[]).unwrap(), 0..=MAX_BODY);
}

#[test]
fn a_condition_that_fails_is_shown_as_it_was_written() {
    let form = [("key", "a/b"), ("Content-Type", "image/png,text/html")];
    for (condition, shown) in [
        (json!(["eq", "$Key", "a/c"]), r#"["eq", "$Key", "a/c"]"#),
        (json!(["eq", "$key", "A/B"]), r#"["eq", "$key", "A/B"]"#),
        (json!({"Key": "\"x\""}), r#"["eq", "$Key", "\"x\""]"#),
        (json!(["eq", "key", "a/b"]), r#"["eq", "key", "a/b"]"#),
        (
            json!(["starts-with", "$key", "b"]),
            r#"["starts-with", "$key", "b"]"#,
        ),
        (
            json!(["starts-with", "$Content-Type", "image/"]),
            r#"["starts-with", "$Content-Type", "image/"]"#,
        ),
        // A field that is not there meets nothing, not even an empty prefix.
        (
            json!(["starts-with", "$acl", ""]),
            r#"["starts-with", "$acl", ""]"#,
        ),
        (json!({"bucket": "c"}), r#"["eq", "$bucket", "c"]"#),
        (
            json!(["content-length-range", "test", "10"]),
            r#"["content-length-range", "test", "10"]"#,
        ),
    ] {
        denied_with(
            json!([condition]),
            &form,
            &format!("Policy Condition failed: {shown}"),
        );
    }
}

#[test]
fn each_field_needs_a_condition_and_so_does_the_bucket() {
    let key = json!([["starts-with", "$key", ""]]);
    let form = [("key", "k"), ("X-Amz-Meta-Foo", "bar")];
    denied_with(key.clone(), &form, "Extra input fields: X-Amz-Meta-Foo");
    denied_with(
        key.clone(),
        &[("key", "k"), ("x-amz-date", "")],
        "Extra input fields: x-amz-date",
    );
    // A range is about no field.
    denied_with(
        json!([["content-length-range", 0, 1]]),
        &[("key", "k")],
        "Extra input fields: key",
    );
    let elsewhere = with(key)
        .unwrap()
        .check("b", &Form::of(&[("key", "k")]), NOW);
    let denied = "Invalid according to Policy: Extra input fields: bucket";
    assert_eq!(refusal(elsewhere), ("AccessDenied", denied.to_owned()));
}

#[test]
fn a_policy_holds_until_it_expires() {
    let policy = with(json!([{"bucket": "b"}])).unwrap();
    let form = Form::default();
    assert!(policy.check("b", &form, NOW).is_ok());
    for now in [
        datetime!(2026-11-30 12:00:01 UTC),
        datetime!(2027-01-01 0:00 UTC),
    ] {
        assert_eq!(
            refusal(policy.check("b", &form, now)),
            (
                "AccessDenied",
                "Invalid according to Policy: Policy expired.".to_owned()
            )
        );
    }
}

#[test]
fn escapes_of_policies_that_json_has_not_are_read() {
    let of = |text: &str| {
        let document = format!(
            r#"{{"expiration": "{LATER}", "conditions": [{{"bucket": "b"}}, ["eq", "$key", "{text}"]]}}"#
        );
        parse(&document).unwrap()
    };
    for (text, key) in [
        (r"\$a", "$a"),
        (r"\\$a", r"\$a"),
        (r"\v", "\u{b}"),
        (r"\\v", r"\v"),
        (r#"\"$"#, "\"$"),
    ] {
        let form = Form::of(&[("key", key)]);
        assert!(of(text).check("b", &form, NOW).is_ok(), "{text}");
    }
}

#[test]
fn a_document_that_is_no_policy_is_refused() {
    let expiration = |value: &str| {
        let reason = format!("Invalid 'expiration' value: '{value}'");
        (
            json!({"expiration": value, "conditions": []}).to_string(),
            reason,
        )
    };
    let conditions = |value: Value, reason: &str| {
        let document = json!({"expiration": LATER, "conditions": value});
        (document.to_string(), reason.to_owned())
    };
    let other = |document: &str, reason: &str| (document.to_owned(), reason.to_owned());
    const ONE: &str =
        "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.";
    for (document, reason) in [
        other("expiration", "Invalid JSON."),
        other("[]", "Invalid JSON."),
        other("{\"expiration\": \"\\", "Invalid JSON."),
        other(r#"{"conditions": []}"#, "Policy missing expiration."),
        other(r#"{"expiration": "x"}"#, "Policy missing conditions."),
        other(r#"{"EXPIRATION": "x"}"#, "Unexpected: 'expiration'"),
        other(r#"{"Statement": []}"#, "Unexpected: 'statement'"),
        other(
            r#"{"expiration": 1, "conditions": []}"#,
            "Invalid 'expiration' value: '1'",
        ),
        expiration("2026-11-30 12:00:00"),
        expiration("2026-11-30T12:00:00+00:00"),
        expiration("2026-02-30T00:00:00Z"),
        expiration("+12026-11-30T12:00:00Z"),
        expiration("tomorrow"),
        conditions(json!({}), "Invalid 'conditions' value: must be a List."),
        conditions(json!([{}]), ONE),
        conditions(json!([{"acl": "a", "key": "k"}]), ONE),
        conditions(
            json!([{"acl": 1}]),
            "Invalid Simple-Condition: value must be a string.",
        ),
        conditions(json!([{"acl": null}]), "Invalid JSON."),
        conditions(
            json!(["bucket"]),
            "Invalid Condition: must be a List or Object.",
        ),
        conditions(
            json!([[]]),
            "Invalid Condition: missing operation identifier.",
        ),
        conditions(
            json!([["ends-with", "$key", "x"]]),
            "Invalid Condition: unknown operation 'ends-with'.",
        ),
        conditions(
            json!([["eq", "$key"]]),
            "Invalid eq: wrong number of arguments.",
        ),
        conditions(json!([["eq", "$key", 1]]), "Invalid JSON."),
        conditions(
            json!([["content-length-range", 0]]),
            "Invalid content-length-range: wrong number of arguments.",
        ),
        conditions(
            json!([["content-length-range", -1, 0]]),
            "Invalid content-length-range: negative length.",
        ),
        conditions(json!([["content-length-range", 0, 512.0]]), "Invalid JSON."),
    ] {
        let message = format!("Invalid Policy: {reason}");
        assert_eq!(
            refusal(parse(&document)),
            ("InvalidPolicyDocument", message),
            "{document}"
        );
    }
    assert_eq!(
        refusal(Policy::parse("{policy}")).0,
        "InvalidPolicyDocument"
    );
    for expiration in [
        "2026-11-30T12:00:01Z",
        "2026-11-30T12:00:01.000Z",
        "2026-11-30T12:00:01.5Z",
    ] {
        let document = json!({"expiration": expiration, "conditions": []});
        assert!(parse(&document.to_string()).is_ok(), "{expiration}");
    }
}

proptest! {
    #[test]
    fn no_document_makes_the_parser_fail_otherwise_than_by_refusing(text in ".{0,200}") {
        let _ = parse(&text);
        let _ = Policy::parse(&text);
        let _ = parse(&format!(r#"{{"expiration": "{LATER}", "conditions": [{text}]}}"#));
    }

    #[test]
    fn a_form_passes_just_if_each_field_is_what_its_condition_says(
        fields in proptest::collection::btree_map("[a-z]{1,6}", "[ -~]{0,12}", 0..6),
        change in any::<Option<(proptest::sample::Index, bool)>>(),
    ) {
        prop_assume!(!fields.contains_key("bucket") && !fields.contains_key("file") && !fields.contains_key("policy"));
        let conditions: Vec<Value> = fields.iter().map(|(name, value)| json!({name.as_str(): value})).collect();
        let mut form: Vec<(String, String)> = fields.clone().into_iter().collect();
        let change = change.filter(|_| !form.is_empty());
        if let Some((at, remove)) = &change {
            let at = at.index(form.len());
            if *remove {
                form.remove(at);
            } else {
                form[at].1.push('x');
            }
        }
        let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        prop_assert_eq!(check(conditions.into(), &form).is_ok(), change.is_none());
    }

    #[test]
    fn a_prefix_holds_for_what_begins_with_it(prefix in "[ -~]{0,8}", rest in "[ -~]{0,8}") {
        let condition = json!([["starts-with", "$key", prefix]]);
        let key = format!("{prefix}{rest}");
        prop_assert!(check(condition.clone(), &[("key", &key)]).is_ok());
        prop_assert_eq!(check(condition, &[("key", &rest)]).is_ok(), rest.starts_with(&prefix));
    }
}
