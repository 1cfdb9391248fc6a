//! Transitions: the sealed bytes of a body are copied into the store of another storage class, and the version is told
//! of them there, if it is still what it was. Nothing is opened, and no key is asked for.

use sealgate_blobs::{BlobError, FinishedBlob};
use sealgate_index::{Body, BodyMove, IndexError, Part, ScannedVersion, VersionRef};
use tokio::time::Instant;

use super::judge::Candidate;
use super::{LifecycleError, Origin, Pass};
use crate::tags::Tags;

impl Pass {
    /// Moves what of these versions is due.
    pub(super) async fn transitions(
        &mut self,
        found: &[(&ScannedVersion, Tags)],
    ) -> Result<(), LifecycleError> {
        if !self.rules.about_classes() {
            return Ok(());
        }
        for (scanned, tags) in found {
            let candidate = Candidate::new(scanned, tags);
            let class = scanned.listed.object.storage_class.as_deref();
            let Some(to) = self.rules.class(&candidate, class, self.note.day) else {
                continue;
            };
            let to = to.to_owned();
            if self.origin == Origin::DryRun {
                self.note.tally.moved += 1;
                continue;
            }
            let began = Instant::now();
            if self.transition(scanned, &to).await? {
                self.note.tally.moved += 1;
            } else {
                self.note.tally.changed += 1;
            }
            self.rest(began).await;
        }
        Ok(())
    }

    /// Moves a version. `false`: it is not what it was.
    async fn transition(
        &self,
        scanned: &ScannedVersion,
        class: &str,
    ) -> Result<bool, LifecycleError> {
        let index = &self.lifecycle.0.index;
        let listed = &scanned.listed;
        let (bucket, key) = (self.bucket.id, listed.object.key.as_str());
        let named = VersionRef::to(listed.version_id.as_deref());
        let version = match index.version(bucket, key, &named).await {
            Ok(found) if found.version.seq == listed.seq => found.version,
            Ok(_) | Err(IndexError::NoSuchKey | IndexError::NoSuchVersion) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        // A body in the index stays there, whatever its class.
        let parts = match &version.body {
            Body::Inline(_) => &[][..],
            Body::Parts(parts) => parts,
        };
        let events = self
            .lifecycle
            .0
            .events
            .of_transition(&self.bucket, key, class);
        let events = events.await.map_err(|_| LifecycleError::Damaged)?;
        let mut copies = Vec::with_capacity(parts.len());
        for part in parts {
            copies.push(self.copy(part, class).await?);
        }
        let change = BodyMove {
            seq: version.seq,
            storage_class: class.to_owned(),
            blobs: parts
                .iter()
                .zip(&copies)
                .map(|(part, copy)| (part.number, part.blob.clone(), copy.name().to_owned()))
                .collect(),
        };
        match index.move_body(bucket, key, named, change, events).await {
            Ok(_) => {
                copies.into_iter().for_each(FinishedBlob::commit);
                Ok(true)
            }
            // Dropped, the copies are removed.
            Err(
                IndexError::Conflict
                | IndexError::NoSuchKey
                | IndexError::NoSuchVersion
                | IndexError::NoSuchBucket
                | IndexError::DeleteMarker,
            ) => Ok(false),
            Err(error) => {
                // Whether the row names them is not known: the sweep for orphans will find out.
                copies.into_iter().for_each(FinishedBlob::commit);
                Err(error.into())
            }
        }
    }

    async fn copy(&self, part: &Part, class: &str) -> Result<FinishedBlob, BlobError> {
        let blobs = &self.lifecycle.0.blobs;
        let _hold = blobs.hold(vec![part.blob.clone()]);
        let mut reader = blobs.read(&part.blob, 0..part.sealed_size).await?;
        let mut writer = blobs.create_in(class)?;
        while let Some(piece) = reader.next().await? {
            writer.write(piece).await?;
        }
        writer.finish().await
    }
}
