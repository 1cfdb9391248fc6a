//! The ring: a file of slots, of which each has its own place in time. What is older than the ring is long is
//! overwritten by what has the same place, so the file never grows and nothing has to be cleaned up.
//!
//! ```text
//! slot 0              "sealgate series 1\n", then zeros
//! slots 1 to 1440     15 seconds each: six hours; the slot of a time t is 1 + t / 15 mod 1440
//! 2016 slots more     5 minutes each: a week
//! a slot, 256 bytes   time u64, milliseconds u32, columns 28 × u64, zeros to 248, CRC-64/NVME of these 248 bytes
//! ```
//!
//! Integers are little-endian. A slot whose checksum does not fit, or whose time has another place, is empty: so a
//! write that was torn costs one slot. Nothing is synced, and nothing that fails here stops anything.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crc_fast::{CrcAlgorithm, checksum};
use parking_lot::Mutex;

use crate::sample::{COLUMNS, Sample};

const MAGIC: &[u8] = b"sealgate series 1\n";
const SLOT: usize = 256;
const BODY: usize = SLOT - 8;
const TIERS: [Tier; 2] = [Tier::Fine, Tier::Coarse];

/// How fine the samples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// 15 seconds, for six hours.
    Fine,
    /// Five minutes, for a week.
    Coarse,
}

impl Tier {
    /// Seconds of a sample.
    #[must_use]
    pub fn step(self) -> u64 {
        match self {
            Tier::Fine => 15,
            Tier::Coarse => 300,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn slots(self) -> u64 {
        match self {
            Tier::Fine => 1440,
            Tier::Coarse => 2016,
        }
    }

    fn start(self, time: u64) -> u64 {
        time - time % self.step()
    }

    /// The slot of a time.
    fn place(self, time: u64) -> usize {
        let first = match self {
            Tier::Fine => 1,
            Tier::Coarse => 1 + Tier::Fine.slots(),
        };
        usize::try_from(first + time / self.step() % self.slots()).unwrap_or_default()
    }
}

fn slots() -> usize {
    usize::try_from(1 + Tier::Fine.slots() + Tier::Coarse.slots()).unwrap_or_default()
}

/// Samples of the last week.
pub struct Ring {
    slots: Mutex<Vec<Option<Sample>>>,
    file: Option<File>,
}

impl Ring {
    /// A ring in memory, which begins empty.
    #[must_use]
    pub fn in_memory() -> Ring {
        Ring {
            slots: Mutex::new(vec![None; slots()]),
            file: None,
        }
    }

    /// The ring in a file, which is made if it is not there or is none of ours. Where the file cannot be used, the
    /// ring is in memory: figures are worth less than a gateway that starts.
    #[must_use]
    pub fn open(path: &Path) -> Ring {
        let opened = open(path).and_then(|(file, fresh)| {
            let slots = if fresh {
                vec![None; slots()]
            } else {
                load(&file)?
            };
            Ok((file, slots))
        });
        match opened {
            Ok((file, slots)) => Ring {
                slots: Mutex::new(slots),
                file: Some(file),
            },
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "figures over time are not kept");
                Ring::in_memory()
            }
        }
    }

    /// Counts what was counted in the span that began at `sample.time`.
    pub fn add(&self, sample: &Sample) {
        let mut slots = self.slots.lock();
        for tier in TIERS {
            let (time, place) = (tier.start(sample.time), tier.place(sample.time));
            let Some(slot) = slots.get_mut(place) else {
                continue;
            };
            let mut sum = slot.filter(|slot| slot.time == time).unwrap_or(Sample {
                time,
                ..Sample::default()
            });
            sum.add(sample);
            *slot = Some(sum);
            if let Some(file) = &self.file
                && let Err(error) = file.write_all_at(&encode(&sum), (place * SLOT) as u64)
            {
                tracing::debug!(%error, "a sample was not written");
            }
        }
    }

    /// The samples of the last `seconds`, the oldest first, in at most `points` spans of the same length. Spans
    /// without samples are left out; with the samples come the seconds of a span.
    #[must_use]
    pub fn window(&self, now: u64, seconds: u64, points: u64) -> (u64, Vec<Sample>) {
        let within = |tier: Tier| seconds <= tier.step() * tier.slots();
        let tier = match within(Tier::Fine) {
            true => Tier::Fine,
            false => Tier::Coarse,
        };
        let spans = seconds.div_ceil(tier.step()).div_ceil(points.max(1)).max(1);
        let step = spans * tier.step();
        let first = now.saturating_sub(seconds.min(tier.step() * tier.slots()));
        let slots = self.slots.lock();
        let mut samples: Vec<Sample> = Vec::new();
        let mut time = tier.start(first) + tier.step();
        while time <= now {
            let slot = slots.get(tier.place(time)).copied().flatten();
            if let Some(sample) = slot.filter(|slot| slot.time == time) {
                let start = time - time % step;
                match samples.last_mut().filter(|last| last.time == start) {
                    Some(last) => last.add(&sample),
                    None => samples.push(Sample {
                        time: start,
                        ..sample
                    }),
                }
            }
            time += tier.step();
        }
        (step, samples)
    }
}

/// The file, and whether there is nothing in it yet.
fn open(path: &Path) -> io::Result<(File, bool)> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    let length = (slots() * SLOT) as u64;
    let mut head = [0; SLOT];
    let ours = file.metadata()?.len() == length
        && file.read_exact_at(&mut head, 0).is_ok()
        && head.starts_with(MAGIC);
    if ours {
        return Ok((file, false));
    }
    file.set_len(0)?;
    file.set_len(length)?;
    file.write_all_at(MAGIC, 0)?;
    Ok((file, true))
}

fn load(file: &File) -> io::Result<Vec<Option<Sample>>> {
    let mut bytes = vec![0; slots() * SLOT];
    file.read_exact_at(&mut bytes, 0)?;
    let chunks = bytes.chunks_exact(SLOT).enumerate();
    Ok(chunks.map(|(place, slot)| decode(place, slot)).collect())
}

fn encode(sample: &Sample) -> [u8; SLOT] {
    let mut body = Vec::with_capacity(SLOT);
    body.extend_from_slice(&sample.time.to_le_bytes());
    body.extend_from_slice(&sample.millis.to_le_bytes());
    for column in sample.columns {
        body.extend_from_slice(&column.to_le_bytes());
    }
    body.resize(BODY, 0);
    let sum = checksum(CrcAlgorithm::Crc64Nvme, &body);
    body.extend_from_slice(&sum.to_le_bytes());
    let mut slot = [0; SLOT];
    slot.iter_mut().zip(body).for_each(|(to, from)| *to = from);
    slot
}

fn decode(place: usize, slot: &[u8]) -> Option<Sample> {
    let (body, sum) = slot.split_at_checked(BODY)?;
    if checksum(CrcAlgorithm::Crc64Nvme, body).to_le_bytes() != sum {
        return None;
    }
    let (time, rest) = body.split_first_chunk()?;
    let (millis, rest) = rest.split_first_chunk()?;
    let mut columns = [0; COLUMNS];
    for (column, bytes) in columns.iter_mut().zip(rest.as_chunks::<8>().0) {
        *column = u64::from_le_bytes(*bytes);
    }
    let sample = Sample {
        time: u64::from_le_bytes(*time),
        millis: u32::from_le_bytes(*millis),
        columns,
    };
    let in_place =
        |tier: Tier| sample.time.is_multiple_of(tier.step()) && tier.place(sample.time) == place;
    (sample.millis > 0 && TIERS.into_iter().any(in_place)).then_some(sample)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn sample(time: u64, done: u64) -> Sample {
        let mut sample = Sample {
            time,
            millis: 15_000,
            ..Sample::default()
        };
        sample.columns[0] = done;
        sample
    }

    fn counts(samples: &[Sample]) -> Vec<(u64, u64)> {
        samples.iter().map(|it| (it.time, it.columns[0])).collect()
    }

    #[test]
    fn what_was_added_is_there_after_a_restart_and_the_file_never_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("series");
        let ring = Ring::open(&path);
        for at in 0..3000 {
            ring.add(&sample(NOW + at * 15, at));
        }
        let end = NOW + 2999 * 15;
        assert_eq!(fs::metadata(&path).unwrap().len(), 3457 * 256);
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        for ring in [ring, Ring::open(&path)] {
            let (step, fine) = ring.window(end, 60, 300);
            assert_eq!(step, 15);
            assert_eq!(
                counts(&fine),
                [
                    (end - 45, 2996),
                    (end - 30, 2997),
                    (end - 15, 2998),
                    (end, 2999)
                ]
            );
            // Six hours and no more, however long it ran.
            assert_eq!(ring.window(end, 6 * 3600, 9999).1.len(), 1440);
            let (step, coarse) = ring.window(end, 24 * 3600, 300);
            assert_eq!((step, coarse.len()), (300, 150));
            assert_eq!(
                coarse.iter().map(|it| it.columns[0]).sum::<u64>(),
                (0..3000).sum::<u64>()
            );
            let (step, week) = ring.window(end, 7 * 24 * 3600, 288);
            assert_eq!(step, 2100);
            assert!(week.iter().map(|it| it.millis).max().unwrap() <= 2_100_000);
        }
    }

    #[test]
    fn a_file_that_is_none_of_ours_is_made_anew_and_a_folder_is_not_needed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("series");
        for content in [&b""[..], b"something else", &[7; 3457 * 256]] {
            fs::write(&path, content).unwrap();
            let ring = Ring::open(&path);
            assert!(ring.window(NOW, 3600, 10).1.is_empty());
            ring.add(&sample(NOW, 5));
            assert_eq!(counts(&Ring::open(&path).window(NOW, 60, 10).1), [(NOW, 5)]);
        }
        let ring = Ring::open(folder.path());
        ring.add(&sample(NOW, 1));
        assert_eq!(ring.window(NOW, 60, 10).1.len(), 1);
    }

    /// The vector that the independent reader reads, too.
    #[test]
    fn a_slot_is_as_the_specification_says() {
        let vector = include_str!("../../../tests/format/vectors/series.json");
        let slot = vector
            .split("\"slot\": \"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let mut columns = [0; COLUMNS];
        for (place, column) in columns.iter_mut().enumerate() {
            *column = (place * place * 1_000_003) as u64;
        }
        let sample = Sample {
            time: NOW,
            millis: 15_007,
            columns,
        };
        let written: String = encode(&sample)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(written, slot);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_slot_is_read_as_it_was_written(time in 0..u64::MAX / 4, millis in 1u32.., columns in prop::array::uniform28(any::<u64>())) {
            for tier in TIERS {
                let sample = Sample { time: tier.start(time), millis, columns };
                prop_assert_eq!(decode(tier.place(time), &encode(&sample)), Some(sample));
                prop_assert_eq!(decode(tier.place(time) + 1, &encode(&sample)), None);
            }
        }

        #[test]
        fn a_torn_write_leaves_the_slot_empty_and_all_others_as_they_were(torn in 1usize..255, noise in any::<u8>(), old in any::<bool>()) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("series");
            let ring = Ring::open(&path);
            for at in 0..4 {
                ring.add(&sample(NOW + at * 15, at + 1));
            }
            drop(ring);
            let mut bytes = fs::read(&path).unwrap();
            let place = Tier::Fine.place(NOW + 30) * SLOT;
            // Over what was there before: an older sample, or nothing.
            let before = if old { encode(&sample(NOW + 30 - 15 * 1440, 77)) } else { [noise; SLOT] };
            bytes[place + torn..place + SLOT].copy_from_slice(&before[torn..]);
            fs::write(&path, &bytes).unwrap();
            let read = counts(&Ring::open(&path).window(NOW + 45, 60, 10).1);
            let whole = [(NOW, 1), (NOW + 15, 2), (NOW + 30, 3), (NOW + 45, 4)];
            let without: Vec<_> = whole.into_iter().filter(|(time, _)| *time != NOW + 30).collect();
            // Where the torn part happens to be as it was, the slot is whole.
            prop_assert!(read == without || (read == whole && bytes[place..place + SLOT] == encode(&sample(NOW + 30, 3))), "{read:?}");
        }

        #[test]
        fn no_damage_stops_the_start(at in 0usize..3457 * 256, byte in any::<u8>(), cut in any::<bool>()) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("series");
            Ring::open(&path).add(&sample(NOW, 1));
            let mut bytes = fs::read(&path).unwrap();
            bytes[at] = byte;
            if cut {
                bytes.truncate(at);
            }
            fs::write(&path, &bytes).unwrap();
            let ring = Ring::open(&path);
            ring.add(&sample(NOW + 15, 2));
            prop_assert!(counts(&ring.window(NOW + 15, 60, 10).1).contains(&(NOW + 15, 2)));
        }
    }
}
