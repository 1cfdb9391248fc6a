//! Names of events: those that a configuration may ask for, and those that happen here
//! ([event types](https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html)).

use sealgate_index::Effect;

/// What a configuration may ask for. Some never happen here, and are taken as S3 takes them.
const KNOWN: [&str; 27] = [
    "s3:ReducedRedundancyLostObject",
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Post",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationNotTracked",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationReplicatedAfterThreshold",
    "s3:LifecycleTransition",
    "s3:IntelligentTiering",
    "s3:ObjectAcl:Put",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Put",
    "s3:ObjectTagging:Delete",
];

/// Whether a configuration may ask for it.
pub(crate) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}

/// Whether what is asked for takes an event in, or all that another takes in.
pub(crate) fn covers(asked: &str, name: &str) -> bool {
    match asked.strip_suffix('*') {
        Some(family) => name.starts_with(family),
        None => asked == name,
    }
}

/// Whether some event could be one of both.
pub(crate) fn share(one: &str, other: &str) -> bool {
    covers(one, other) || covers(other, one)
}

macro_rules! happenings {
    ($($variant:ident $name:literal $effect:ident $version:literal $detail:literal $reason:literal;)*) => {
        /// What happens here to an object.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Happening { $(#[doc = $name] $variant,)* }

        impl Happening {
            #[cfg(test)]
            const ALL: &'static [Happening] = &[$(Self::$variant,)*];

            /// The name, with its `s3:`.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What the write does to the version if this happens.
            pub(crate) fn effect(self) -> Effect {
                match self { $(Self::$variant => Effect::$effect,)* }
            }

            /// The version of the message's form.
            pub(crate) fn message_version(self) -> &'static str {
                match self { $(Self::$variant => $version,)* }
            }

            /// EventBridge's `detail-type`, and the reason in its detail.
            pub(crate) fn bridge(self) -> (&'static str, &'static str) {
                match self { $(Self::$variant => ($detail, $reason),)* }
            }
        }
    };
}

// Versions by https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html,
// EventBridge's words by https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html.
happenings! {
    Put "s3:ObjectCreated:Put" Put "2.1" "Object Created" "PutObject";
    Post "s3:ObjectCreated:Post" Put "2.1" "Object Created" "POST Object";
    Copy "s3:ObjectCreated:Copy" Put "2.1" "Object Created" "CopyObject";
    Complete "s3:ObjectCreated:CompleteMultipartUpload" Put "2.1" "Object Created" "CompleteMultipartUpload";
    Delete "s3:ObjectRemoved:Delete" Removed "2.1" "Object Deleted" "DeleteObject";
    Mark "s3:ObjectRemoved:DeleteMarkerCreated" Marked "2.1" "Object Deleted" "DeleteObject";
    PutTags "s3:ObjectTagging:Put" Changed "2.3" "Object Tags Added" "";
    DeleteTags "s3:ObjectTagging:Delete" Changed "2.3" "Object Tags Deleted" "";
    PutAcl "s3:ObjectAcl:Put" Changed "2.3" "Object ACL Updated" "";
    Expire "s3:LifecycleExpiration:Delete" Removed "2.3" "Object Deleted" "Lifecycle Expiration";
    Transition "s3:LifecycleTransition" Changed "2.3" "Object Storage Class Changed" "";
    Unreplicated "s3:Replication:OperationFailedReplication" Changed "2.2" "" "";
    ExpireMark "s3:LifecycleExpiration:DeleteMarkerCreated" Marked "2.3" "Object Deleted" "Lifecycle Expiration";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_can_be_asked_for() {
        for happening in Happening::ALL {
            assert!(is_known(happening.name()), "{happening:?}");
        }
        for wrong in ["s3:*", "ObjectCreated:Put", "s3:objectcreated:put", ""] {
            assert!(!is_known(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_star_takes_in_its_family() {
        assert!(covers("s3:ObjectCreated:*", "s3:ObjectCreated:Copy"));
        assert!(!covers("s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"));
        assert!(!covers("s3:ObjectCreated:Put", "s3:ObjectCreated:Post"));
        assert!(share("s3:ObjectCreated:Put", "s3:ObjectCreated:*"));
        assert!(!share("s3:ObjectTagging:*", "s3:ObjectAcl:Put"));
    }
}
