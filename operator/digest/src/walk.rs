//! Which files a digest covers.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::DigestError;

/// What a digest is of.
pub enum Found {
    /// The content of one file.
    File(PathBuf),
    /// A list of files.
    Files {
        /// The folder that they are in.
        below: PathBuf,
        /// Their paths in it, sorted by bytes.
        names: Vec<PathBuf>,
    },
}

/// What is at `path`.
pub fn found(path: &Path) -> Result<Found, DigestError> {
    let kind = kind(path)?;
    if kind.is_dir() {
        let mut names = Vec::new();
        collect(path, Path::new(""), &mut names)?;
        if names.is_empty() {
            return Err(DigestError::Empty(path.to_owned()));
        }
        names.sort_by(|one, other| bytes(one).cmp(bytes(other)));
        return Ok(Found::Files { below: path.to_owned(), names });
    }
    if !kind.is_file() {
        return Err(DigestError::NotRegular(path.to_owned()));
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some(names) = parts(name) else { return Ok(Found::File(path.to_owned())) };
    let below = path.parent().unwrap_or(Path::new("")).to_owned();
    for name in &names {
        let part = below.join(name);
        match fs::symlink_metadata(&part) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => return Err(DigestError::NotRegular(part)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(DigestError::MissingPart(part));
            }
            Err(source) => return Err(DigestError::Read { path: part, source }),
        }
    }
    Ok(Found::Files { below, names: names.into_iter().map(PathBuf::from).collect() })
}

/// The names of all parts of a split GGUF model, of which `name` is the first: the engine is told of that one alone, and
/// reads the others because of their names.
pub fn parts(name: &str) -> Option<Vec<String>> {
    const DIGITS: usize = 5;
    let stem = name.strip_suffix(".gguf")?;
    let (rest, total) = stem.rsplit_once("-of-")?;
    let (model, first) = rest.rsplit_once('-')?;
    let number = |text: &str| -> Option<u32> {
        let plain = text.len() == DIGITS && text.bytes().all(|digit| digit.is_ascii_digit());
        if plain { text.parse().ok() } else { None }
    };
    let last = number(total).filter(|last| *last > 1)?;
    (number(first)? == 1)
        .then(|| (1..=last).map(|part| format!("{model}-{part:05}-of-{total}.gguf")).collect())
}

fn collect(root: &Path, below: &Path, names: &mut Vec<PathBuf>) -> Result<(), DigestError> {
    let folder = root.join(below);
    let failed = |source| DigestError::Read { path: folder.clone(), source };
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let name = below.join(entry.map_err(failed)?.file_name());
        let path = root.join(&name);
        let kind = kind(&path)?;
        if kind.is_dir() {
            collect(root, &name, names)?;
        } else if !kind.is_file() {
            return Err(DigestError::NotRegular(path));
        } else if bytes(&name).iter().any(|byte| matches!(byte, b'\\' | b'\n' | b'\r')) {
            return Err(DigestError::Name(path));
        } else {
            names.push(name);
        }
    }
    Ok(())
}

/// What is at `path` itself; a link is not followed.
fn kind(path: &Path) -> Result<fs::FileType, DigestError> {
    let read = fs::symlink_metadata(path);
    read.map(|metadata| metadata.file_type())
        .map_err(|source| DigestError::Read { path: path.to_owned(), source })
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}
