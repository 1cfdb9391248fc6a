//! A queue kept in a file: a message is a line, and is there when it is on disk. A file that is full is set aside
//! under a number, `NAME.jsonl.1` being the oldest that is left.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::TargetError;

pub(crate) struct Queue {
    path: PathBuf,
    max_size: u64,
    keep: u32,
    /// The file at its end; `None` after a failure, from where on it is opened anew.
    open: Mutex<Option<Open>>,
}

struct Open {
    file: File,
    size: u64,
}

impl Queue {
    pub(crate) fn open(path: PathBuf, max_size: u64, keep: u32) -> Result<Self, TargetError> {
        let open = open_file(&path).map_err(|error| TargetError::File {
            path: path.clone(),
            error,
        })?;
        Ok(Self {
            path,
            max_size,
            keep,
            open: Mutex::new(Some(open)),
        })
    }

    /// Appends lines, durably. After an error some may be there: they will be handed in again.
    pub(crate) fn append(&self, lines: &[Bytes]) -> io::Result<()> {
        let mut text = Vec::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
        for line in lines {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        let mut place = self.open.lock();
        let mut open = match place.take() {
            Some(open) => open,
            None => open_file(&self.path)?,
        };
        if open.size > 0 && open.size + text.len() as u64 > self.max_size {
            self.set_aside()?;
            open = open_file(&self.path)?;
        }
        open.file.write_all(&text)?;
        open.file.sync_data()?;
        open.size += text.len() as u64;
        *place = Some(open);
        Ok(())
    }

    /// Gives the full file the next number, and deletes those that are too many.
    fn set_aside(&self) -> io::Result<()> {
        let mut numbers = numbers(&self.path)?;
        let next = numbers.last().map_or(1, |last| last + 1);
        if self.keep == 0 {
            fs::remove_file(&self.path)?;
        } else {
            fs::rename(&self.path, numbered(&self.path, next))?;
            numbers.push(next);
        }
        let surplus = numbers.len().saturating_sub(self.keep as usize);
        for number in numbers.iter().take(surplus) {
            fs::remove_file(numbered(&self.path, *number))?;
        }
        sync_folder(&self.path)
    }
}

fn numbered(path: &Path, number: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// The numbers of the files that were set aside, in order.
fn numbers(path: &Path) -> io::Result<Vec<u64>> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str()))
    else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?.file_name();
        let number = entry.to_str().and_then(|entry| {
            entry
                .strip_prefix(name)?
                .strip_prefix('.')?
                .parse::<u64>()
                .ok()
        });
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Opens the file at its end. A last line that a crash cut off is taken away: its message was not told of as
/// delivered, and comes again.
fn open_file(path: &Path) -> io::Result<Open> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    let mut size = file.metadata()?.len();
    let whole = end_of_lines(&mut file, size)?;
    if whole < size {
        file.set_len(whole)?;
        size = whole;
    }
    file.sync_all()?;
    sync_folder(path)?;
    Ok(Open { file, size })
}

/// Where the last line that is whole ends.
fn end_of_lines(file: &mut File, size: u64) -> io::Result<u64> {
    const STEP: u64 = 64 * 1024;
    let mut end = size;
    while end > 0 {
        let start = end.saturating_sub(STEP);
        file.seek(SeekFrom::Start(start))?;
        let mut piece = Vec::new();
        Read::by_ref(file)
            .take(end - start)
            .read_to_end(&mut piece)?;
        if let Some(position) = piece.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + position as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn lines(texts: &[&'static str]) -> Vec<Bytes> {
        texts
            .iter()
            .map(|text| Bytes::from_static(text.as_bytes()))
            .collect()
    }

    #[test]
    fn lines_are_appended_and_a_line_cut_off_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queues/q.jsonl");
        let queue = Queue::open(path.clone(), 1000, 2).unwrap();
        queue.append(&lines(&["{1}", "{2}"])).unwrap();
        drop(queue);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{cut").unwrap();
        let queue = Queue::open(path.clone(), 1000, 2).unwrap();
        queue.append(&lines(&["{3}"])).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{1}\n{2}\n{3}\n");
    }

    #[test]
    fn a_full_file_is_set_aside_and_so_many_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("q.jsonl");
        let queue = Queue::open(path.clone(), 8, 2).unwrap();
        for text in [
            "{1111}",
            "{2222}",
            "{3333}",
            "{4444}",
            "a line longer than a file may be",
        ] {
            queue.append(&lines(&[text])).unwrap();
        }
        assert_eq!(numbers(&path).unwrap(), [3, 4]);
        let read = |path: PathBuf| fs::read_to_string(path).unwrap();
        assert_eq!(read(numbered(&path, 3)), "{3333}\n");
        assert_eq!(read(numbered(&path, 4)), "{4444}\n");
        assert!(read(path).starts_with("a line"));
    }
}
