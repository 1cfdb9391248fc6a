//! Every operation of AWS is answered or `501`; everything else is no operation.

use serde_json::json;

use super::*;
use crate::operations::{CLOUDTRAIL, IAM, KMS, STS};

fn versioned(service: Service, operation: &str) -> String {
    let version = match service {
        Service::Sts => "2011-06-15",
        _ => "2010-05-08",
    };
    format!("Action={operation}&Version={version}")
}

#[tokio::test]
async fn what_is_not_implemented_says_so() {
    let world = World::new().await;
    let root = world.root();
    for operation in KMS.not_implemented {
        let answer = world.kms(&root, operation, json!({})).await;
        assert_eq!(
            answer.error(),
            (501, "NotImplementedException".into()),
            "{operation}"
        );
        assert_eq!(
            answer.json()["message"],
            format!("KMS operation {operation} is not implemented by Sealgate yet.")
        );
    }
    for operation in CLOUDTRAIL.not_implemented {
        let answer = world.cloudtrail(&root, operation, json!({})).await;
        assert_eq!(
            answer.error(),
            (501, "NotImplementedException".into()),
            "{operation}"
        );
    }
    for (service, api) in [(Service::Iam, &IAM), (Service::Sts, &STS)] {
        for operation in api.not_implemented {
            let answer = world
                .form(service, &root, &versioned(service, operation))
                .await;
            assert_eq!(answer.code(), (501, "NotImplemented".into()), "{operation}");
            assert_eq!(answer.content_type, "text/xml");
        }
    }
    // They are calls, and so in the trail; with no parameters, among which a secret may be.
    let answer = world
        .iam(&root, "UploadServerCertificate&PrivateKey=hunter2")
        .await;
    assert_eq!(answer.status, 501);
    let record = world.records().await.remove(0);
    assert_eq!(
        (&record["eventName"], &record["errorCode"]),
        (&json!("UploadServerCertificate"), &json!("NotImplemented"))
    );
    assert!(!record.to_string().contains("hunter"));
    let answer = world
        .iam(
            &root,
            "ChangePassword&OldPassword=hunter2&NewPassword=hunter3",
        )
        .await;
    assert_eq!(answer.code(), (400, "InvalidUserType".into()));
    let record = world.records().await.remove(0);
    assert_eq!(record["eventName"], "ChangePassword");
    assert!(!record.to_string().contains("hunter"));
}

#[tokio::test]
async fn what_is_implemented_reaches_its_code() {
    let world = World::new().await;
    let root = world.root();
    for operation in KMS.implemented {
        let answer = world.kms(&root, operation, json!({})).await;
        assert_ne!(answer.status, 501, "{operation}");
        assert!(!answer.body.contains("UnknownOperation"), "{operation}");
    }
    for operation in CLOUDTRAIL.implemented {
        let answer = world.cloudtrail(&root, operation, json!({})).await;
        assert_ne!(answer.status, 501, "{operation}");
        assert!(!answer.body.contains("UnknownOperation"), "{operation}");
    }
    for (service, api) in [(Service::Iam, &IAM), (Service::Sts, &STS)] {
        for operation in api.implemented {
            let answer = world
                .form(service, &root, &versioned(service, operation))
                .await;
            assert!(!answer.body.contains("NotImplemented"), "{operation}");
            assert!(!answer.body.contains("InvalidAction"), "{operation}");
        }
    }
}

#[tokio::test]
async fn what_is_no_operation_is_refused() {
    let world = World::new().await;
    let root = world.root();
    for (service, target) in [
        (Service::Kms, "TrentService.NoSuch"),
        (Service::Kms, "TrentService"),
        (Service::Kms, "Trent.Encrypt"),
        (Service::Kms, ""),
        (Service::CloudTrail, "TrentService.Encrypt"),
        (Service::CloudTrail, "CloudTrail_20131101.NoSuch"),
    ] {
        let answer = world.json(service, &root, target, "{}").await;
        assert_eq!(
            answer.error(),
            (400, "UnknownOperationException".into()),
            "{target}"
        );
        assert_eq!(answer.content_type, "application/x-amz-json-1.1");
    }
    let bare = Request::post("/").body(Bytes::new()).unwrap();
    let answer = world.send(Service::Kms, &root, &local(), bare).await;
    assert_eq!(answer.error(), (400, "UnknownOperationException".into()));
    let get = Request::get("/")
        .header("x-amz-target", "TrentService.ListKeys")
        .body(Bytes::new())
        .unwrap();
    let answer = world.send(Service::Kms, &root, &local(), get).await;
    assert_eq!(answer.error(), (400, "UnknownOperationException".into()));

    assert_eq!(
        world.iam(&root, "NoSuch").await.code(),
        (400, "InvalidAction".into())
    );
    assert_eq!(
        world.iam(&root, "NoSuch").await.xml("Message").unwrap(),
        "Could not find operation NoSuch for version 2010-05-08"
    );
    assert_eq!(
        world.form(Service::Iam, &root, "").await.code(),
        (400, "MissingAction".into())
    );
    for version in ["", "&Version=2011-06-15", "&Version=2010-05-09"] {
        let answer = world
            .form(Service::Iam, &root, &format!("Action=GetUser{version}"))
            .await;
        assert_eq!(answer.code(), (400, "InvalidAction".into()), "{version}");
    }
    // The operations of one service are not those of the other.
    let answer = world.form(Service::Sts, &root, "Action=CreateUser").await;
    assert_eq!(answer.code(), (400, "InvalidAction".into()));
    assert!(
        answer
            .body
            .contains("https://sts.amazonaws.com/doc/2011-06-15/")
    );
}
