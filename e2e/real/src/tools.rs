//! The image of Hemvist's own tools, as an installation names it by digest: `hemvist-fetch`, which fetches and verifies weights.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use hemvist_e2e::binaries::workspace_program;
use hemvist_e2e::command::Program;

use crate::image::{Entry, Image};

/// The program's name, by which its process is known.
pub const PROGRAM: &str = "hemvist-fetch";

/// Where the program is in the image: where a container looks for programs that are named without a path.
const PLACE: &str = "/usr/local/bin/hemvist-fetch";

/// The repository, as the chart names it where nothing is said.
const REPOSITORY: &str = "registry.region.example/hemvist/hemvist-tools";

/// Writes the image: the program as this workspace builds it, the libraries that it needs, and nothing else. There is no shell
/// in it, no user and no certificate of an authority.
///
/// # Errors
/// Where the program has not been built.
pub async fn image() -> Result<Image> {
    let program = workspace_program(PROGRAM)?;
    let needed = Program::new("ldd").run(&[&program], "").await?.success()?;
    let libraries: BTreeSet<&str> = needed.split_whitespace().filter(|word| word.starts_with('/')).collect();
    let mut files = vec![Entry::program(PLACE, read(&program)?)];
    for library in &libraries {
        files.push(Entry::program(library, read(Path::new(library))?));
    }
    let folders: BTreeSet<&Path> = libraries
        .iter()
        .copied()
        .chain([PLACE])
        .flat_map(|path| Path::new(path).ancestors().skip(1))
        .collect();
    // A folder before what is in it, as their paths are ordered.
    let folders = folders.into_iter().filter_map(Path::to_str).filter(|path| *path != "/");
    let entries: Vec<_> = folders.map(Entry::directory).chain(files).collect();
    Image::new(REPOSITORY, &entries, &[PLACE])
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("reading {}", path.display()))
}
