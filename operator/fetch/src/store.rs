//! The folder of a volume in which weights are stored, and the progress of the fetch into it.
//!
//! For the digest `sha256:0a…` there are `sha256-0a…` with what is verified and is never written again, and while it is
//! fetched `sha256-0a….partial` with what has come, `sha256-0a….list` with what it was when it came, and `sha256-0a….lock`.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hemvist_api::condition::Reason;
use hemvist_digest::Digest;
use rustix::fs::{FlockOperation, OFlags, flock, statvfs};

use crate::listing::Entry;
use crate::outcome::Failure;

/// Room that is left on the volume besides the weights, in bytes: for folders, and for others who write there.
const MARGIN: u64 = 16 << 20;

/// Where the weights with a digest are kept, or are to be.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    name: String,
}

/// Keeps others from fetching the same weights to the same place, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, not read")] File);

impl Store {
    /// The place below `root` for weights with this digest.
    pub fn new(root: &Path, digest: &Digest) -> Self {
        Self { root: root.to_owned(), name: format!("sha256-{}", digest.hex()) }
    }

    /// The folder of what is verified.
    pub fn sealed(&self) -> PathBuf {
        self.root.join(&self.name)
    }

    /// The folder of what has come so far.
    pub fn partial(&self) -> PathBuf {
        self.root.join(format!("{}.partial", self.name))
    }

    fn list(&self) -> PathBuf {
        self.root.join(format!("{}.list", self.name))
    }

    fn lock_file(&self) -> PathBuf {
        self.root.join(format!("{}.lock", self.name))
    }

    /// Waits until nobody else fetches the same weights to the same place.
    ///
    /// # Errors
    /// Where the volume cannot be written.
    pub fn lock(&self) -> Result<Lock, Failure> {
        let path = self.lock_file();
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).custom_flags(no_links()).open(&path);
        let file = file.map_err(|error| failed(&path, &error))?;
        flock(&file, FlockOperation::LockExclusive).map_err(|error| failed(&path, &error.into()))?;
        Ok(Lock(file))
    }

    /// Makes the place ready for `entries`: what came earlier of the same version of a file stays, and all else goes.
    /// Says how many bytes stay.
    ///
    /// # Errors
    /// Where the volume cannot be written.
    pub fn prepare(&self, entries: &[Entry]) -> Result<u64, Failure> {
        let partial = self.partial();
        fs::create_dir_all(&partial).map_err(|error| failed(&partial, &error))?;
        let before = self.listed_before();
        let stays: BTreeMap<PathBuf, &Entry> = entries
            .iter()
            .filter(|entry| entry.version.is_some() && before.contains(entry))
            .map(|entry| (PathBuf::from(&entry.path), entry))
            .collect();
        let kept = self.sweep(Path::new(""), &stays)?;
        let list = self.list();
        let text = serde_json::to_vec(entries).unwrap_or_default();
        let write = |path: &Path| {
            let mut file = File::create(path)?;
            file.write_all(&text)?;
            file.sync_all()
        };
        let new = list.with_extension("list.new");
        write(&new).and_then(|()| fs::rename(&new, &list)).map_err(|error| failed(&list, &error))?;
        Ok(kept)
    }

    fn listed_before(&self) -> Vec<Entry> {
        // What cannot be read was never written to its end, so nothing of it stays.
        fs::read(self.list()).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }

    /// Deletes everything below `folder` of the partial folder that does not stay, and counts the bytes of what does.
    fn sweep(&self, folder: &Path, stays: &BTreeMap<PathBuf, &Entry>) -> Result<u64, Failure> {
        let path = self.partial().join(folder);
        // One that was stopped while it sealed has left things read-only. Where that cannot be undone, writing fails and says so.
        let writable = |path: &Path, mode| drop(fs::set_permissions(path, Permissions::from_mode(mode)));
        writable(&path, 0o755);
        let with_path = |error: &io::Error| failed(&path, error);
        let mut kept = 0;
        for found in fs::read_dir(&path).map_err(|error| with_path(&error))? {
            let found = found.map_err(|error| with_path(&error))?;
            let name = folder.join(found.file_name());
            let metadata = found.path().symlink_metadata().map_err(|error| with_path(&error))?;
            match stays.get(&name) {
                _ if metadata.is_dir() => kept += self.sweep(&name, stays)?,
                Some(entry) if metadata.is_file() && metadata.len() <= entry.size => {
                    writable(&found.path(), 0o644);
                    kept += metadata.len();
                }
                _ => fs::remove_file(found.path()).map_err(|error| with_path(&error))?,
            }
        }
        Ok(kept)
    }

    /// Sees that `wanted` more bytes fit.
    ///
    /// # Errors
    /// Where they do not.
    pub fn has_room(&self, wanted: u64) -> Result<(), Failure> {
        let found = statvfs(&self.root).map_err(|error| failed(&self.root, &error.into()))?;
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        if wanted.saturating_add(MARGIN) <= free {
            return Ok(());
        }
        let message = format!(
            "{} more must be fetched, and the volume has {} free (besides a reserve)",
            mebibytes(wanted),
            mebibytes(free)
        );
        Err(Failure::new(Reason::StorageFull, message))
    }

    /// Opens the partial file of an entry for writing; with the bytes that it has.
    ///
    /// # Errors
    /// Where the volume cannot be written.
    pub fn open(&self, entry: &Entry) -> Result<(File, u64), Failure> {
        let path = self.partial().join(&entry.path);
        let open = || {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            let file = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .custom_flags(no_links())
                .open(&path)?;
            let length = file.metadata()?.len();
            Ok((file, length))
        };
        open().map_err(|error| failed(&path, &error))
    }

    /// Deletes what has come so far.
    ///
    /// # Errors
    /// Where the volume cannot be written.
    pub fn clear(&self) -> Result<(), Failure> {
        for path in [self.partial(), self.list()] {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&path, &error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes what has come read-only, has it written to the disk, and gives it its name. Until the last of these steps
    /// there is nothing of that name.
    ///
    /// # Errors
    /// Where the volume cannot be written.
    pub fn seal(&self) -> Result<(), Failure> {
        let (partial, sealed) = (self.partial(), self.sealed());
        let seal = || {
            close(&partial)?;
            fs::rename(&partial, &sealed)?;
            File::open(&self.root)?.sync_all()
        };
        seal().map_err(|error| failed(&sealed, &error))?;
        // They say nothing any more; that they are left is no fault.
        let _ = fs::remove_file(self.list());
        let _ = fs::remove_file(self.lock_file());
        Ok(())
    }
}

/// Makes a folder and all in it read-only, and has them written to the disk.
fn close(folder: &Path) -> io::Result<()> {
    for found in fs::read_dir(folder)? {
        let path = found?.path();
        if path.symlink_metadata()?.is_dir() {
            close(&path)?;
        } else {
            fs::set_permissions(&path, Permissions::from_mode(0o444))?;
            File::open(&path)?.sync_all()?;
        }
    }
    fs::set_permissions(folder, Permissions::from_mode(0o555))?;
    File::open(folder)?.sync_all()
}

/// A link that somebody put in the way is not followed.
fn no_links() -> i32 {
    OFlags::NOFOLLOW.bits().cast_signed()
}

/// What it means that something at `path` could not be written.
pub fn failed(path: &Path, error: &io::Error) -> Failure {
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let reason = if full { Reason::StorageFull } else { Reason::WeightsUnreadable };
    Failure::new(reason, format!("{}: {error}", path.display()))
}

/// An amount for people.
pub fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, version: &str) -> Entry {
        Entry { path: path.to_owned(), size: 3, version: Some(version.to_owned()) }
    }

    #[test]
    fn an_interrupted_seal_can_be_written_again() {
        let volume = tempfile::tempdir().unwrap();
        let digest = format!("sha256:{}", "0a".repeat(32)).parse().unwrap();
        let store = Store::new(volume.path(), &digest);
        let entries = [entry("a/one.json", "1"), entry("two.json", "1")];
        assert_eq!(store.prepare(&entries).unwrap(), 0);
        for entry in &entries {
            store.open(entry).unwrap().0.write_all(b"abc").unwrap();
        }
        close(&store.partial()).unwrap();
        let again = [entries[0].clone(), entry("two.json", "2")];
        assert_eq!(store.prepare(&again).unwrap(), 3, "what has changed goes, and the rest stays");
        let mode = |path: &str| store.partial().join(path).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(""), mode("a"), mode("a/one.json")), (0o755, 0o755, 0o644));
        assert!(!store.partial().join("two.json").exists());
    }
}
