//! Why a digest cannot be calculated.

use std::io;
use std::path::PathBuf;

/// Why there is no digest.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// Something could not be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Neither a regular file nor a folder.
    #[error("{}: neither a regular file nor a folder; of a link, copy what it leads to", .0.display())]
    NotRegular(PathBuf),
    /// A name that `sha256sum` would not write as it is.
    #[error("{}: the name has a backslash or an end of line in it", .0.display())]
    Name(PathBuf),
    /// A folder without a file.
    #[error("{}: there is no file in the folder", .0.display())]
    Empty(PathBuf),
    /// A part of a split model that is not there.
    #[error("{}: this part of the split model is missing", .0.display())]
    MissingPart(PathBuf),
}
