//! The trail as a whole: what is recorded, when it is durable, how it is found again.

use std::time::Duration;

use sealgate_audit::{
    AuditError, LookupRequest, Resource, Trail, TrailAttribute, TrailEntry, lookup_json,
    parse_attribute,
};
use sealgate_policy::PrincipalKind;
use serde_json::{Map, Value, json};

use super::{ACCOUNT, NOW, event, index, trail};

async fn all(trail: &Trail) -> Vec<TrailEntry> {
    let request = LookupRequest {
        account_id: ACCOUNT.to_owned(),
        ..Default::default()
    };
    trail.lookup(request).await.unwrap().events
}

fn record(entry: &TrailEntry) -> Value {
    serde_json::from_slice(&entry.event).unwrap()
}

#[tokio::test]
async fn a_record_has_the_form_of_cloudtrail() {
    let (_folder, trail) = trail().await;
    let mut event = event("Decrypt", NOW);
    event.request_parameters = json!({ "keyId": "k" });
    event.read_only = true;
    event.resources.push(Resource {
        account_id: ACCOUNT.to_owned(),
        kind: "AWS::KMS::Key".to_owned(),
        arn: "arn:aws:kms:us-east-1:111122223333:key/k".to_owned(),
    });
    trail.record(event).await.unwrap();
    let entry = all(&trail).await.remove(0);
    let mut found = record(&entry);
    assert_eq!(found["eventID"], entry.event_id);
    found.as_object_mut().unwrap().remove("eventID");
    assert_eq!(
        found,
        json!({
            "eventVersion": "1.11",
            "userIdentity": {
                "type": "IAMUser",
                "principalId": "AIDAEXAMPLE",
                "arn": "arn:aws:iam::111122223333:user/alice",
                "accountId": "111122223333",
                "accessKeyId": "AKIAEXAMPLE",
                "userName": "alice",
            },
            "eventTime": "2026-11-24T12:00:00Z",
            "eventSource": "kms.amazonaws.com",
            "eventName": "Decrypt",
            "awsRegion": "us-east-1",
            "sourceIPAddress": "192.0.2.1",
            "userAgent": "aws-cli/2",
            "requestParameters": { "keyId": "k" },
            "responseElements": null,
            "requestID": "REQUEST",
            "readOnly": true,
            "resources": [{
                "accountId": "111122223333",
                "type": "AWS::KMS::Key",
                "ARN": "arn:aws:kms:us-east-1:111122223333:key/k",
            }],
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": "111122223333",
            "eventCategory": "Management",
        })
    );
    let shown = lookup_json(&entry);
    assert_eq!(shown["ReadOnly"], "true");
    assert_eq!(shown["Username"], "alice");
    assert_eq!(shown["Resources"][0]["ResourceType"], "AWS::KMS::Key");
}

#[tokio::test]
async fn each_kind_of_principal_is_shown_as_cloudtrail_does() {
    let (_folder, trail) = trail().await;
    for (kind, expected) in [
        (PrincipalKind::Root, "Root"),
        (PrincipalKind::Anonymous, "AWSAccount"),
        (
            PrincipalKind::Service {
                name: "s3.amazonaws.com".to_owned(),
            },
            "AWSService",
        ),
    ] {
        let mut event = event("Encrypt", NOW);
        event.principal.kind = kind;
        event.error = Some(("AccessDenied".to_owned(), "no".to_owned()));
        trail.record(event).await.unwrap();
        let found = record(&all(&trail).await[0]);
        assert_eq!(found["userIdentity"]["type"], expected);
        assert_eq!(found["errorCode"], "AccessDenied");
        assert_eq!(found["errorMessage"], "no");
    }
}

#[tokio::test]
async fn a_service_on_behalf_of_a_caller_stands_in_for_the_address() {
    let (_folder, trail) = trail().await;
    let mut event = event("Decrypt", NOW);
    event.set_invoked_by("s3.amazonaws.com");
    trail.record(event).await.unwrap();
    let found = record(&all(&trail).await[0]);
    for shown in [
        &found["sourceIPAddress"],
        &found["userAgent"],
        &found["userIdentity"]["invokedBy"],
    ] {
        assert_eq!(shown, "s3.amazonaws.com");
    }
    assert_eq!(found["userIdentity"]["userName"], "alice");
}

#[tokio::test]
async fn a_client_cannot_make_records_of_any_size() {
    let (_folder, trail) = trail().await;
    let mut event = event("Encrypt", NOW);
    let pairs: Map<String, Value> = (0..20_000)
        .map(|number| (format!("pair {number}"), json!("value")))
        .collect();
    event.request_parameters = json!({ "encryptionContext": pairs });
    event.user_agent = Some("é".repeat(10_000));
    event.error = Some(("ValidationException".to_owned(), "é".repeat(10_000)));
    trail.record(event).await.unwrap();

    let entries = all(&trail).await;
    let found = record(&entries[0]);
    assert!(entries[0].event.len() < 10_000);
    assert_eq!(found["requestParameters"]["omitted"], true);
    assert_eq!(found["errorMessage"], "é".repeat(512));
    assert_eq!(found["userAgent"], "é".repeat(512));
}

#[tokio::test]
async fn batched_records_are_there_within_a_second_and_at_once_for_who_looks() {
    let folder = tempfile::tempdir().unwrap();
    let index = index(folder.path()).await;
    let trail = Trail::new(index.clone(), "us-east-1");
    trail.record_batched(event("Decrypt", NOW)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(index.trail_state().await.unwrap().last, 1);
    for _ in 0..20 {
        trail.record_batched(event("Decrypt", NOW)).await.unwrap();
    }
    assert_eq!(all(&trail).await.len(), 21);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_records_than_the_queue_holds_are_all_kept() {
    let (_folder, trail) = trail().await;
    let senders: Vec<_> = (0..8)
        .map(|_| {
            let trail = trail.clone();
            tokio::spawn(async move {
                for _ in 0..700 {
                    trail.record_batched(event("Decrypt", NOW)).await.unwrap();
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    trail.flush().await.unwrap();
    let mut count = 0;
    let mut request = LookupRequest {
        account_id: ACCOUNT.to_owned(),
        ..Default::default()
    };
    loop {
        let page = trail.lookup(request.clone()).await.unwrap();
        count += page.events.len();
        match page.next_token {
            Some(token) => request.next_token = Some(token),
            None => break,
        }
    }
    assert_eq!(count, 8 * 700);
}

#[tokio::test]
async fn a_record_that_cannot_be_kept_fails() {
    let folder = tempfile::tempdir().unwrap();
    let index = index(folder.path()).await;
    let trail = Trail::new(index.clone(), "us-east-1");
    index.close().await;
    let failed = trail.record(event("Decrypt", NOW)).await.unwrap_err();
    assert_eq!((failed.code(), failed.status()), ("InternalFailure", 500));
    assert!(
        !failed.message().contains("closed"),
        "the cause is for the log"
    );
    // The first batched record is accepted; once the index has refused it, the next one fails at once.
    trail.record_batched(event("Decrypt", NOW)).await.unwrap();
    assert!(trail.flush().await.is_err());
    assert!(trail.record_batched(event("Decrypt", NOW)).await.is_err());
}

#[tokio::test]
async fn events_are_found_by_every_attribute() {
    let (_folder, trail) = trail().await;
    let mut wanted = event("Decrypt", NOW);
    wanted.read_only = true;
    wanted.principal.access_key_id = Some("AKIAOTHER".to_owned());
    wanted.principal.kind = PrincipalKind::User {
        name: "bob".to_owned(),
    };
    wanted.event_source = "iam.amazonaws.com";
    wanted.resources.push(Resource {
        account_id: ACCOUNT.to_owned(),
        kind: "AWS::IAM::User".to_owned(),
        arn: "bob".to_owned(),
    });
    trail.record(event("Encrypt", NOW)).await.unwrap();
    trail.record(wanted).await.unwrap();
    let id = all(&trail).await[0].event_id.clone();
    for (attribute, value) in [
        ("EventId", id.as_str()),
        ("EventName", "Decrypt"),
        ("ReadOnly", "true"),
        ("Username", "bob"),
        ("ResourceType", "AWS::IAM::User"),
        ("ResourceName", "bob"),
        ("EventSource", "iam.amazonaws.com"),
        ("AccessKeyId", "AKIAOTHER"),
    ] {
        let attribute = parse_attribute(attribute).unwrap();
        let request = LookupRequest {
            account_id: ACCOUNT.to_owned(),
            attribute: Some((attribute, value.to_owned())),
            ..Default::default()
        };
        let found = trail.lookup(request).await.unwrap().events;
        assert_eq!(found.len(), 1, "{attribute:?}");
        assert_eq!(found[0].event_id, id, "{attribute:?}");
    }
    assert_eq!(
        parse_attribute("Colour").unwrap_err().code(),
        "InvalidLookupAttributesException"
    );
}

#[tokio::test]
async fn another_account_sees_nothing() {
    let (_folder, trail) = trail().await;
    trail.record(event("Encrypt", NOW)).await.unwrap();
    let request = LookupRequest {
        account_id: "999999999999".to_owned(),
        ..Default::default()
    };
    assert!(trail.lookup(request).await.unwrap().events.is_empty());
}

#[tokio::test]
async fn pages_follow_each_other_and_tokens_belong_to_their_query() {
    let (_folder, trail) = trail().await;
    for second in 0..5 {
        let time = NOW + Duration::from_secs(second);
        trail
            .record(event(&format!("E{second}"), time))
            .await
            .unwrap();
    }
    let first = LookupRequest {
        account_id: ACCOUNT.to_owned(),
        start: Some(NOW + Duration::from_secs(1)),
        max_results: Some(3),
        ..Default::default()
    };
    let page = trail.lookup(first.clone()).await.unwrap();
    let names: Vec<_> = page
        .events
        .iter()
        .map(|entry| entry.event_name.as_str())
        .collect();
    assert_eq!(names, ["E4", "E3", "E2"]);
    let next = LookupRequest {
        next_token: page.next_token,
        ..first.clone()
    };
    let page = trail.lookup(next.clone()).await.unwrap();
    assert_eq!(page.events.len(), 1);
    assert_eq!(page.events[0].event_name, "E1");
    assert_eq!(page.next_token, None);

    let attribute = Some((TrailAttribute::EventName, "E1".to_owned()));
    let other_query = LookupRequest {
        attribute,
        ..next.clone()
    };
    assert_eq!(
        trail.lookup(other_query).await,
        Err(AuditError::InvalidNextToken)
    );
    for token in ["", "zz", "01", &"00".repeat(17), &"01".repeat(40)] {
        let request = LookupRequest {
            next_token: Some(token.to_owned()),
            ..first.clone()
        };
        assert_eq!(
            trail.lookup(request).await,
            Err(AuditError::InvalidNextToken),
            "{token}"
        );
    }
}

#[tokio::test]
async fn impossible_requests_are_refused() {
    let (_folder, trail) = trail().await;
    for max_results in [-1, 0, 51, i64::MAX] {
        let request = LookupRequest {
            max_results: Some(max_results),
            ..Default::default()
        };
        assert_eq!(
            trail.lookup(request).await,
            Err(AuditError::InvalidMaxResults)
        );
    }
    let request = LookupRequest {
        start: Some(NOW),
        end: Some(NOW - Duration::from_secs(1)),
        ..Default::default()
    };
    assert_eq!(
        trail.lookup(request).await,
        Err(AuditError::InvalidTimeRange)
    );
}

#[tokio::test]
async fn the_owner_of_a_key_gets_a_record_of_its_own_of_a_foreign_use() {
    let (_folder, trail) = trail().await;
    let owner = "444455556666";
    let mut event = event("Decrypt", NOW);
    event.resources.push(Resource {
        account_id: owner.to_owned(),
        kind: "AWS::KMS::Key".to_owned(),
        arn: format!("arn:aws:kms:us-east-1:{owner}:key/k"),
    });
    event.share_with_owners();
    trail.record(event).await.unwrap();
    let own = record(&all(&trail).await[0]);
    let request = LookupRequest {
        account_id: owner.to_owned(),
        ..Default::default()
    };
    let entry = trail.lookup(request).await.unwrap().events.remove(0);
    assert_eq!((&entry.username, &entry.access_key_id), (&None, &None));
    let theirs = record(&entry);
    assert_eq!(
        theirs["userIdentity"],
        json!({ "type": "AWSAccount", "principalId": "AIDAEXAMPLE", "accountId": ACCOUNT })
    );
    assert_eq!(theirs["recipientAccountId"], owner);
    assert_eq!(own["recipientAccountId"], ACCOUNT);
    assert!(own["sharedEventID"].is_string());
    assert_eq!(own["sharedEventID"], theirs["sharedEventID"]);
    assert_ne!(own["eventID"], theirs["eventID"]);
}
