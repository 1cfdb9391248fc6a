//! LookupEvents.

use serde_json::json;

use super::*;

#[tokio::test]
async fn calls_are_found_in_the_trail() {
    let world = World::new().await;
    let root = world.root();
    world.iam(&root, "CreateUser&UserName=alice").await;
    world.iam(&root, "DeleteUser&UserName=alice").await;
    let answer = world
        .cloudtrail(
            &root,
            "LookupEvents",
            json!({ "LookupAttributes": [{ "AttributeKey": "EventName", "AttributeValue": "CreateUser" }], "StartTime": 1_000_000_000.5 }),
        )
        .await;
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (200, "application/x-amz-json-1.1")
    );
    let events = answer.json()["Events"].as_array().unwrap().clone();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["EventSource"], "iam.amazonaws.com");
    assert!(events[0]["EventTime"].is_number());
    let record: Value =
        serde_json::from_str(events[0]["CloudTrailEvent"].as_str().unwrap()).unwrap();
    assert_eq!(record["responseElements"]["user"]["userName"], "alice");

    // The lookup itself is a call.
    let record = world.records().await.remove(0);
    assert_eq!(record["eventName"], "LookupEvents");
    assert_eq!(
        record["requestParameters"]["lookupAttributes"],
        json!([{ "attributeKey": "EventName", "attributeValue": "CreateUser" }])
    );
}

#[tokio::test]
async fn pages_follow_their_token() {
    let world = World::new().await;
    let root = world.root();
    for user in ["a", "b", "c"] {
        world
            .iam(&root, &format!("CreateUser&UserName={user}"))
            .await;
    }
    let lookup = |token: Option<Value>| {
        let mut body = json!({
            "LookupAttributes": [{ "AttributeKey": "EventName", "AttributeValue": "CreateUser" }],
            "MaxResults": 2,
        });
        if let Some(token) = token {
            body["NextToken"] = token;
        }
        let (world, root) = (&world, &root);
        async move { world.cloudtrail(root, "LookupEvents", body).await.json() }
    };
    let first = lookup(None).await;
    assert_eq!(first["Events"].as_array().unwrap().len(), 2);
    let second = lookup(Some(first["NextToken"].clone())).await;
    assert_eq!(second["Events"].as_array().unwrap().len(), 1);
    assert_eq!(second["NextToken"], Value::Null);
}

#[tokio::test]
async fn faults_have_their_codes() {
    let world = World::new().await;
    let root = world.root();
    let attribute = |key: &str| json!({ "AttributeKey": key, "AttributeValue": "x" });
    for (body, code) in [
        (json!({ "MaxResults": 0 }), "InvalidMaxResultsException"),
        (json!({ "MaxResults": 51 }), "InvalidMaxResultsException"),
        (json!({ "NextToken": "x" }), "InvalidNextTokenException"),
        (
            json!({ "StartTime": 2_000_000_000, "EndTime": 1_000_000_000 }),
            "InvalidTimeRangeException",
        ),
        (
            json!({ "LookupAttributes": [attribute("Colour")] }),
            "InvalidLookupAttributesException",
        ),
        (
            json!({ "LookupAttributes": [attribute("EventId"), attribute("Username")] }),
            "InvalidLookupAttributesException",
        ),
        (
            json!({ "EventCategory": "management" }),
            "InvalidEventCategoryException",
        ),
        (
            json!({ "StartTime": "yesterday" }),
            "SerializationException",
        ),
        (
            json!({ "LookupAttributes": [{ "AttributeKey": "EventId" }] }),
            "ValidationException",
        ),
    ] {
        let answer = world.cloudtrail(&root, "LookupEvents", body.clone()).await;
        assert_eq!(answer.error(), (400, code.to_owned()), "{body}");
    }
    let insight = world
        .cloudtrail(&root, "LookupEvents", json!({ "EventCategory": "insight" }))
        .await;
    assert_eq!(insight.json(), json!({ "Events": [] }));
}

#[tokio::test]
async fn only_who_may_looks_events_up() {
    let world = World::new().await;
    let nobody = world.user("nobody", &[]).await;
    let answer = world.cloudtrail(&nobody, "LookupEvents", json!({})).await;
    assert_eq!(answer.error(), (400, "AccessDeniedException".into()));
    assert!(
        answer.json()["message"]
            .as_str()
            .unwrap()
            .contains("cloudtrail:LookupEvents")
    );
    assert_eq!(
        world.records().await[0]["errorCode"],
        "AccessDeniedException"
    );
    let may = world
        .user("may", &[&allow("\"cloudtrail:LookupEvents\"", "*")])
        .await;
    assert_eq!(
        world
            .cloudtrail(&may, "LookupEvents", json!({}))
            .await
            .status,
        200
    );
}
