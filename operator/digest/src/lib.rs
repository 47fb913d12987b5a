//! What the digest of weights is: for people who write it into `spec.model.digest`, and for the pods that hold the weights
//! to it.
//!
//! Of one file it is the SHA-256 of its content. Of a folder it is the SHA-256 of a list with one line for each regular
//! file in it and below, `<sha256>  <relative path>`, sorted by the bytes of the paths: what `sha256sum` prints. Of a GGUF
//! model that is split into several files, it is the same list of all its parts, named by the first.
//!
//! A link, a device or a name that `sha256sum` would write otherwise is an error, because a list that leaves out what an
//! engine reads would be no proof of it.

mod error;
mod walk;

use std::fmt::{self, Write};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN};

pub use crate::error::DigestError;
pub use crate::walk::parts;
use crate::walk::{Found, found};

/// How much is read at once, in bytes: large enough that a networked volume reads ahead.
const CHUNK: usize = 1 << 20;

/// What a digest begins with in text.
const PREFIX: &str = "sha256:";

/// A SHA-256. In text `sha256:` and 64 hexadecimal digits, in small letters.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest([u8; SHA256_OUTPUT_LEN]);

impl Digest {
    /// The 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        self.0.iter().fold(String::with_capacity(2 * SHA256_OUTPUT_LEN), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{PREFIX}{}", self.hex())
    }
}

/// A text that is no digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a digest is sha256: and 64 hexadecimal digits in small letters")]
pub struct NotADigest;

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let digits = text.strip_prefix(PREFIX).ok_or(NotADigest)?.as_bytes();
        let plain = digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        if digits.len() != 2 * SHA256_OUTPUT_LEN || !plain {
            return Err(NotADigest);
        }
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| NotADigest)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NotADigest)?;
        }
        Ok(Self(bytes))
    }
}

/// The digest of what is at `path`, a file or a folder, with up to `threads` files read at the same time.
///
/// # Errors
/// Where something cannot be read, or is nothing that a digest is defined of.
pub fn digest(path: &Path, threads: NonZeroUsize) -> Result<Digest, DigestError> {
    match found(path)? {
        Found::File(file) => of_file(&file),
        Found::Files { below, names } => {
            let digests = of_files(&below, &names, threads)?;
            let mut list = Context::new(&SHA256);
            for (name, digest) in names.iter().zip(digests) {
                list.update(digest.hex().as_bytes());
                list.update(b"  ");
                list.update(name.as_os_str().as_encoded_bytes());
                list.update(b"\n");
            }
            Ok(finished(list))
        }
    }
}

/// The digests of the files `names` below a folder, in the same order.
fn of_files(below: &Path, names: &[PathBuf], threads: NonZeroUsize) -> Result<Vec<Digest>, DigestError> {
    let next = AtomicUsize::new(0);
    let results: Vec<OnceLock<Result<Digest, DigestError>>> = names.iter().map(|_| OnceLock::new()).collect();
    let work = || {
        while let Some(place) =
            Some(next.fetch_add(1, Ordering::Relaxed)).filter(|place| *place < names.len())
        {
            // Each place is taken once, so that nothing is there yet.
            let _ = results[place].set(of_file(&below.join(&names[place])));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.get().min(names.len()) {
            scope.spawn(work);
        }
        work();
    });
    results.into_iter().filter_map(OnceLock::into_inner).collect()
}

fn of_file(path: &Path) -> Result<Digest, DigestError> {
    let failed = |source| DigestError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let mut content = Context::new(&SHA256);
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(finished(content)),
            Ok(length) => content.update(&chunk[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

fn finished(context: Context) -> Digest {
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    bytes.copy_from_slice(context.finish().as_ref());
    Digest(bytes)
}

#[cfg(test)]
mod tests;
