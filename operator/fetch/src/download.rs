//! The files of a list, several at the same time, each resumed where it broke off.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use hemvist_api::condition::Reason;

use crate::listing::Entry;
use crate::mirror::{Content, Mirror};
use crate::outcome::Failure;
use crate::store::{Store, failed, mebibytes};

/// How much is written at once, in bytes.
const CHUNK: usize = 1 << 20;

/// How often a file is tried again without a byte having come.
const ATTEMPTS: u32 = 6;

/// How long is waited before it is tried again: this, doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// How often the progress of the fetch is logged.
const LOGGED_EVERY: Duration = Duration::from_secs(10);

/// How a download ended, where it did not fail.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Downloaded {
    /// Everything is there.
    All,
    /// A file is no longer the one that was listed.
    Changed,
}

/// One download of many files.
struct Download<'a> {
    mirror: &'a dyn Mirror,
    store: &'a Store,
    entries: &'a [Entry],
    next: AtomicUsize,
    bytes: AtomicU64,
    stopped: AtomicBool,
    ended: Mutex<Option<Result<Downloaded, Failure>>>,
}

/// Fetches what is missing of `entries` into `store`, which holds `kept` bytes of them already, with up to `connections` at
/// the same time.
///
/// # Errors
/// Where the mirror or the volume fails.
pub fn download(
    mirror: &dyn Mirror,
    store: &Store,
    entries: &[Entry],
    kept: u64,
    connections: NonZeroUsize,
) -> Result<Downloaded, Failure> {
    let download = Download {
        mirror,
        store,
        entries,
        next: AtomicUsize::new(0),
        bytes: AtomicU64::new(kept),
        stopped: AtomicBool::new(false),
        ended: Mutex::new(None),
    };
    let (finished, ends) = channel();
    std::thread::scope(|scope| {
        let download = &download;
        scope.spawn(move || download.tell(kept, &ends));
        let workers: Vec<_> = (0..connections.get()).map(|_| scope.spawn(|| download.work())).collect();
        for worker in workers {
            // A worker that panics has left a file short, which the digest finds.
            let _ = worker.join();
        }
        drop(finished);
    });
    download.ended.into_inner().ok().flatten().unwrap_or(Ok(Downloaded::All))
}

impl Download<'_> {
    fn work(&self) {
        while let Some(entry) = self.entries.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            if self.stopped.load(Ordering::Relaxed) {
                return;
            }
            match self.file(entry) {
                Ok(Downloaded::All) => {}
                other => {
                    self.stopped.store(true, Ordering::Relaxed);
                    // What ended it first is what is reported.
                    if let Ok(mut ended) = self.ended.lock() {
                        ended.get_or_insert(other);
                    }
                    return;
                }
            }
        }
    }

    /// Fetches one file, and tries again as long as something comes of it.
    fn file(&self, entry: &Entry) -> Result<Downloaded, Failure> {
        let path = self.store.partial().join(&entry.path);
        let (mut file, mut length) = self.store.open(entry)?;
        let mut attempt = 0;
        while length < entry.size && !self.stopped.load(Ordering::Relaxed) {
            let before = length;
            match self.rest(entry, &path, &mut file, &mut length) {
                Ok(Downloaded::Changed) => return Ok(Downloaded::Changed),
                Ok(Downloaded::All) => {}
                Err(failure) if failure.reason != Reason::MirrorUnreachable => return Err(failure),
                Err(failure) => {
                    attempt = if length > before { 1 } else { attempt + 1 };
                    if attempt >= ATTEMPTS {
                        return Err(failure);
                    }
                    tracing::warn!(path = entry.path, length, "{}; retrying", failure.message);
                    std::thread::sleep(FIRST_WAIT * 2_u32.pow(attempt - 1));
                }
            }
        }
        file.sync_all().map_err(|error| failed(&path, &error))?;
        Ok(Downloaded::All)
    }

    /// Asks once for what is missing of a file, of which `length` bytes are there.
    fn rest(
        &self,
        entry: &Entry,
        path: &Path,
        file: &mut File,
        length: &mut u64,
    ) -> Result<Downloaded, Failure> {
        let mut content = match self.mirror.open(entry, *length)? {
            Content::Changed => return Ok(Downloaded::Changed),
            Content::Rest(rest) => rest,
            Content::Whole(whole) => {
                self.bytes.fetch_sub(*length, Ordering::Relaxed);
                *length = 0;
                whole
            }
        };
        let failed = |error: std::io::Error| failed(path, &error);
        file.set_len(*length).map_err(failed)?;
        file.seek(SeekFrom::Start(*length)).map_err(failed)?;
        let broke_off = |why: String| {
            Failure::new(
                Reason::MirrorUnreachable,
                format!("{}: the mirror closed the connection: {why}", entry.path),
            )
        };
        let mut chunk = vec![0; CHUNK];
        while *length < entry.size && !self.stopped.load(Ordering::Relaxed) {
            let most = usize::try_from(entry.size - *length).unwrap_or(CHUNK).min(CHUNK);
            match content.read(&mut chunk[..most]) {
                Ok(0) => return Err(broke_off(format!("received {length} of {} bytes", entry.size))),
                Ok(came) => {
                    file.write_all(&chunk[..came]).map_err(failed)?;
                    *length += came as u64;
                    self.bytes.fetch_add(came as u64, Ordering::Relaxed);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(broke_off(error.to_string())),
            }
        }
        Ok(Downloaded::All)
    }

    /// Tells how far it is, from time to time, until the workers have ended.
    fn tell(&self, kept: u64, ends: &Receiver<()>) {
        let total: u64 = self.entries.iter().map(|entry| entry.size).sum();
        let begun = Instant::now();
        while let Err(RecvTimeoutError::Timeout) = ends.recv_timeout(LOGGED_EVERY) {
            let bytes = self.bytes.load(Ordering::Relaxed);
            let percent = bytes.saturating_mul(100) / total.max(1);
            let rate = bytes.saturating_sub(kept) / begun.elapsed().as_secs().max(1);
            tracing::info!(
                bytes,
                percent,
                "{} of {}, {}/s",
                mebibytes(bytes),
                mebibytes(total),
                mebibytes(rate)
            );
        }
    }
}
