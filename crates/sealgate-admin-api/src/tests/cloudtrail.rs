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

/// What a call answers, or status and code of its refusal.
async fn call(world: &World, caller: &Caller, operation: &str, body: Value) -> Value {
    let answer = world.cloudtrail(caller, operation, body).await;
    if answer.status == 200 {
        answer.json()
    } else {
        json!(answer.error())
    }
}

#[tokio::test]
async fn a_trail_is_made_started_changed_stopped_and_deleted() {
    let world = World::new().await;
    let root = world.root();
    world.bucket("logs").await;
    let made = call(
        &world,
        &root,
        "CreateTrail",
        json!({
            "Name": "main", "S3BucketName": "logs", "S3KeyPrefix": "audit",
            "EnableLogFileValidation": true, "TagsList": [{ "Key": "team" }],
        }),
    )
    .await;
    let arn = "arn:aws:cloudtrail:us-east-1:111111111111:trail/main";
    let described = json!({
        "Name": "main", "S3BucketName": "logs", "S3KeyPrefix": "audit", "TrailARN": arn,
        "IncludeGlobalServiceEvents": true, "IsMultiRegionTrail": false,
        "LogFileValidationEnabled": true, "IsOrganizationTrail": false,
    });
    assert_eq!(made, described);
    let record = world.records().await.remove(0);
    assert_eq!(record["requestParameters"]["s3BucketName"], "logs");
    assert_eq!(record["responseElements"]["trailARN"], arn);

    let status =
        |name: &'static str| call(&world, &root, "GetTrailStatus", json!({ "Name": name }));
    assert_eq!(status("main").await["IsLogging"], false);
    assert_eq!(
        call(&world, &root, "StartLogging", json!({ "Name": arn })).await,
        json!({})
    );
    let started = status(arn).await;
    assert_eq!(started["IsLogging"], true);
    assert!(started["StartLoggingTime"].is_number());

    let selectors = json!([{
        "ReadWriteType": "WriteOnly", "IncludeManagementEvents": false,
        "DataResources": [{ "Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::photos/"] }],
        "ExcludeManagementEventSources": [],
    }]);
    let put = json!({ "TrailName": "main", "EventSelectors": selectors });
    let expected = json!({ "TrailARN": arn, "EventSelectors": selectors });
    assert_eq!(
        call(&world, &root, "PutEventSelectors", put).await,
        expected
    );
    let get = json!({ "TrailName": "main" });
    assert_eq!(
        call(&world, &root, "GetEventSelectors", get).await,
        expected
    );
    assert!(world.trail.selects_data());

    let update = json!({ "Name": "main", "S3KeyPrefix": "", "EnableLogFileValidation": false });
    let updated = call(&world, &root, "UpdateTrail", update).await;
    assert_eq!(updated["LogFileValidationEnabled"], false);
    assert_eq!(updated.get("S3KeyPrefix"), None);

    let trails = call(&world, &root, "DescribeTrails", json!({})).await;
    assert_eq!(trails["trailList"][0]["HasCustomEventSelectors"], true);
    let named = json!({ "trailNameList": ["other"] });
    assert_eq!(
        call(&world, &root, "DescribeTrails", named).await["trailList"],
        json!([])
    );
    let get = call(&world, &root, "GetTrail", json!({ "Name": "main" })).await;
    assert_eq!(get["Trail"]["HomeRegion"], "us-east-1");
    let listed = call(&world, &root, "ListTrails", json!({})).await;
    assert_eq!(listed["Trails"][0]["TrailARN"], arn);

    let tag = json!({ "ResourceId": arn, "TagsList": [{ "Key": "a", "Value": "b" }] });
    call(&world, &root, "AddTags", tag).await;
    let untag = json!({ "ResourceId": arn, "TagsList": [{ "Key": "team" }] });
    call(&world, &root, "RemoveTags", untag).await;
    let tags = call(
        &world,
        &root,
        "ListTags",
        json!({ "ResourceIdList": [arn] }),
    )
    .await;
    assert_eq!(
        tags["ResourceTagList"][0]["TagsList"],
        json!([{ "Key": "a", "Value": "b" }])
    );

    call(&world, &root, "StopLogging", json!({ "Name": "main" })).await;
    assert_eq!(status("main").await["IsLogging"], false);
    assert!(!world.trail.selects_data());
    assert_eq!(
        call(&world, &root, "DeleteTrail", json!({ "Name": "main" })).await,
        json!({})
    );
    assert_eq!(status("main").await, json!([400, "TrailNotFoundException"]));
}

#[tokio::test]
async fn what_a_trail_cannot_be_is_refused_with_cloudtrails_code() {
    let world = World::new().await;
    let root = world.root();
    world.bucket("logs").await;
    let trail = |more: Value| {
        let mut body = json!({ "Name": "main", "S3BucketName": "logs" });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let unsupported = "UnsupportedOperationException";
    for (operation, body, code) in [
        (
            "CreateTrail",
            trail(json!({ "Name": "x" })),
            "InvalidTrailNameException",
        ),
        (
            "CreateTrail",
            trail(json!({ "S3BucketName": "none" })),
            "S3BucketDoesNotExistException",
        ),
        (
            "CreateTrail",
            trail(json!({ "S3BucketName": "" })),
            "InvalidS3BucketNameException",
        ),
        (
            "CreateTrail",
            trail(json!({ "S3KeyPrefix": "/" })),
            "InvalidS3PrefixException",
        ),
        (
            "CreateTrail",
            trail(json!({ "SnsTopicName": "t" })),
            unsupported,
        ),
        (
            "CreateTrail",
            trail(json!({ "CloudWatchLogsRoleArn": "r" })),
            unsupported,
        ),
        (
            "CreateTrail",
            trail(json!({ "IsOrganizationTrail": true })),
            unsupported,
        ),
        (
            "CreateTrail",
            trail(json!({ "KmsKeyId": "alias/none" })),
            "KmsKeyNotFoundException",
        ),
        (
            "DeleteTrail",
            json!({ "Name": "none" }),
            "TrailNotFoundException",
        ),
        ("GetTrail", json!({}), "InvalidTrailNameException"),
        (
            "ListTags",
            json!({ "ResourceIdList": ["main"] }),
            "CloudTrailARNInvalidException",
        ),
        (
            "PutEventSelectors",
            json!({ "TrailName": "main", "AdvancedEventSelectors": [{}] }),
            "InvalidEventSelectorsException",
        ),
        ("CreateInsight", json!({}), "UnknownOperationException"),
    ] {
        let refused = call(&world, &root, operation, body.clone()).await;
        assert_eq!(refused[1], code, "{operation} {body}");
    }
    let mallory = world
        .user("mallory", &[&allow("\"cloudtrail:GetTrail\"", "*")])
        .await;
    for (operation, body) in [
        ("CreateTrail", trail(json!({}))),
        ("StopLogging", json!({ "Name": "main" })),
        ("DescribeTrails", json!({})),
    ] {
        let refused = call(&world, &mallory, operation, body).await;
        assert_eq!(
            refused,
            json!([400, "AccessDeniedException"]),
            "{operation}"
        );
        assert_eq!(
            world.records().await[0]["errorCode"],
            "AccessDeniedException"
        );
    }
}
