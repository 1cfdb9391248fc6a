//! The storage classes that S3 has, and what can be done with each.

/// A class, and what can be done with it.
struct StorageClass {
    name: &'static str,
    /// Whether its objects are read at once, as all are here: it may have a store of its own.
    at_once: bool,
    /// Its place on the way that lifecycles move objects down, below the common class.
    down: Option<u8>,
}

const fn class(name: &'static str, at_once: bool, down: Option<u8>) -> StorageClass {
    StorageClass {
        name,
        at_once,
        down,
    }
}

const ALL: [StorageClass; 13] = [
    // It is the first store's.
    class("STANDARD", false, None),
    class("STANDARD_IA", true, Some(0)),
    class("INTELLIGENT_TIERING", true, Some(1)),
    class("ONEZONE_IA", true, Some(2)),
    class("GLACIER_IR", true, Some(3)),
    class("GLACIER", false, Some(4)),
    class("DEEP_ARCHIVE", false, Some(5)),
    class("REDUCED_REDUNDANCY", true, None),
    class("OUTPOSTS", false, None),
    class("SNOW", false, None),
    class("EXPRESS_ONEZONE", false, None),
    class("FSX_OPENZFS", false, None),
    class("FSX_ONTAP", false, None),
];

fn find(name: &str) -> Option<&'static StorageClass> {
    ALL.iter().find(|class| class.name == name)
}

/// Whether S3 has it.
pub(crate) fn is_known(name: &str) -> bool {
    find(name).is_some()
}

/// Where it is on the way that lifecycles move objects down. `None`: they move nothing into it.
pub(crate) fn way_down(name: &str) -> Option<u8> {
    find(name).and_then(|class| class.down)
}

/// Whether it may have a store of its own.
pub fn may_have_store(name: &str) -> bool {
    find(name).is_some_and(|class| class.at_once)
}

/// Those that may have a store of their own.
pub fn with_store() -> impl Iterator<Item = &'static str> {
    ALL.iter()
        .filter(|class| class.at_once)
        .map(|class| class.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_known_and_moved_into_and_have_no_store() {
        for name in ["GLACIER", "DEEP_ARCHIVE"] {
            assert!(is_known(name) && way_down(name).is_some() && !may_have_store(name));
        }
        assert!(!is_known("COLD") && !is_known("standard_ia"));
    }

    #[test]
    fn the_way_down_ends_in_the_archives() {
        assert_eq!(way_down("STANDARD"), None);
        assert!(way_down("STANDARD_IA") < way_down("GLACIER_IR"));
        assert!(way_down("GLACIER_IR") < way_down("DEEP_ARCHIVE"));
    }
}
