//! Where weights are fetched from.

mod http;
mod hub;
mod object_store;
mod signature;

use std::io::Read;

use crate::listing::{Entry, Surplus};
use crate::outcome::Failure;

pub use http::{Credentials, Endpoint, Trust};
pub use hub::Hub;
pub use object_store::ObjectStore;

/// What a mirror answers to a request for the rest of a file.
pub enum Content {
    /// The rest, from the byte that was requested.
    Rest(Box<dyn Read + Send>),
    /// The whole file from its beginning: the mirror gives no parts.
    Whole(Box<dyn Read + Send>),
    /// Another content than the one that was listed.
    Changed,
}

/// A place that holds weights as files.
pub trait Mirror: Sync {
    /// Every file that it holds, unchecked.
    ///
    /// # Errors
    /// Where it does not answer, or refuses.
    fn list(&self) -> Result<Vec<Entry>, Failure>;

    /// The content of a file from byte `from` on.
    ///
    /// # Errors
    /// Where it does not answer, or refuses.
    fn open(&self, entry: &Entry, from: u64) -> Result<Content, Failure>;

    /// What is done about files that are no files of weights.
    fn surplus(&self) -> Surplus;
}
