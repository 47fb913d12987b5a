//! Container images, written by hand: an OCI image layout in a tar archive, as containerd imports it.
//!
//! The same content gives the same bytes, and so the same digest: no time, no user, entries in the order given.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The block that tar counts in.
const BLOCK: usize = 512;

/// Where containerd reads the name of an image that it imports.
const NAME_ANNOTATION: &str = "io.containerd.image.name";

/// One file or directory of an image.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    path: String,
    mode: u32,
    content: Option<Vec<u8>>,
}

impl Entry {
    /// A directory that everybody can read.
    pub fn directory(path: &str) -> Self {
        Self { path: format!("{}/", path.trim_matches('/')), mode: 0o755, content: None }
    }

    /// A file that everybody can read.
    pub fn file(path: &str, content: Vec<u8>) -> Self {
        Self { path: path.trim_start_matches('/').to_owned(), mode: 0o644, content: Some(content) }
    }

    /// A file that everybody can run.
    pub fn program(path: &str, content: Vec<u8>) -> Self {
        Self { mode: 0o755, ..Self::file(path, content) }
    }
}

/// An image of one layer.
#[derive(Clone, Debug)]
pub struct Image {
    repository: String,
    digest: String,
    archive: Vec<u8>,
}

impl Image {
    /// Writes the image of `repository` with these entries, which runs `command` where nothing else is said.
    ///
    /// # Errors
    /// Where a path does not fit into an archive.
    pub fn new(repository: &str, entries: &[Entry], command: &[&str]) -> Result<Self> {
        let layer = archive(entries).with_context(|| format!("writing the layer of {repository}"))?;
        let config = json!({
            "architecture": architecture(),
            "os": "linux",
            "config": {"Entrypoint": command},
            "rootfs": {"type": "layers", "diff_ids": [digest(&layer)]},
        })
        .to_string()
        .into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer)],
        })
        .to_string()
        .into_bytes();
        let digest = digest(&manifest);
        let mut described = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
        described["annotations"] = json!({NAME_ANNOTATION: format!("{repository}@{digest}")});
        let index = json!({"schemaVersion": 2, "manifests": [described]}).to_string().into_bytes();
        let mut entries = vec![
            Entry::file("oci-layout", json!({"imageLayoutVersion": "1.0.0"}).to_string().into_bytes()),
            Entry::file("index.json", index),
        ];
        entries.extend([config, manifest, layer].map(blob));
        Ok(Self { repository: repository.to_owned(), digest, archive: archive(&entries)? })
    }

    /// The image by its digest, as a pod names it.
    pub fn reference(&self) -> String {
        format!("{}@{}", self.repository, self.digest)
    }

    /// The digest of the manifest.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    pub fn archive(&self) -> &[u8] {
        &self.archive
    }
}

/// The architecture of this machine, as images name it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(content), "size": content.len()})
}

fn blob(content: Vec<u8>) -> Entry {
    let path = format!("blobs/{}", digest(&content).replacen(':', "/", 1));
    Entry::file(&path, content)
}

/// The digest of some bytes, as `sha256:…`.
pub fn digest(content: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(content) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A tar archive in the format that POSIX calls ustar.
fn archive(entries: &[Entry]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for entry in entries {
        let content = entry.content.as_deref().unwrap_or_default();
        bytes.extend(header(entry, content.len())?);
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    }
    bytes.resize(bytes.len() + 2 * BLOCK, 0);
    Ok(bytes)
}

fn header(entry: &Entry, size: usize) -> Result<[u8; BLOCK]> {
    ensure!(entry.path.len() <= 100, "{} is longer than the 100 bytes of a plain header", entry.path);
    let mut header = [0; BLOCK];
    let mut put =
        |offset: usize, text: &str| header[offset..offset + text.len()].copy_from_slice(text.as_bytes());
    put(0, &entry.path);
    put(100, &format!("{:07o}", entry.mode));
    // User, group and time of change: none of them may depend on where the image is written.
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{size:011o}"));
    put(136, "00000000000");
    // While the sum is taken its own field counts as spaces.
    put(148, "        ");
    put(156, if entry.content.is_some() { "0" } else { "5" });
    put(257, "ustar\u{0}00");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Image {
        let entries = [Entry::directory("/app"), Entry::program("/app/run", b"#!/bin/sh\n".to_vec())];
        Image::new("registry.example/tools/run", &entries, &["/app/run"]).unwrap()
    }

    /// The files of an archive, read by the lengths that its headers state.
    fn files(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut files = Vec::new();
        let mut offset = 0;
        while archive[offset] != 0 {
            let text = |from: usize, to: usize| {
                String::from_utf8_lossy(&archive[offset + from..offset + to])
                    .trim_end_matches('\0')
                    .to_owned()
            };
            let size = usize::from_str_radix(&text(124, 135), 8).unwrap();
            let content = archive[offset + BLOCK..offset + BLOCK + size].to_vec();
            files.push((text(0, 100), content));
            offset += BLOCK + size.next_multiple_of(BLOCK);
        }
        files
    }

    #[test]
    fn the_same_content_gives_the_same_bytes() {
        assert_eq!(image().archive(), image().archive());
        let other =
            Image::new("registry.example/tools/run", &[Entry::directory("/app")], &["/app/run"]).unwrap();
        assert_ne!(image().digest(), other.digest());
    }

    #[test]
    fn every_blob_has_the_digest_that_names_it() {
        let image = image();
        let files = files(image.archive());
        let blobs: Vec<_> = files.iter().filter(|(path, _)| path.starts_with("blobs/sha256/")).collect();
        assert_eq!(blobs.len(), 3);
        for (path, content) in blobs {
            assert_eq!(digest(content), path.trim_start_matches("blobs/").replace('/', ":"));
        }
    }

    #[test]
    fn the_index_names_the_layer() {
        let image = image();
        let files = files(image.archive());
        let read = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap();
            let path = format!("blobs/{}", digest.replace(':', "/"));
            let (_, content) = files.iter().find(|(found, _)| *found == path).unwrap();
            assert_eq!(descriptor["size"], content.len());
            content.clone()
        };
        let (_, index) = files.iter().find(|(path, _)| path == "index.json").unwrap();
        let index: Value = serde_json::from_slice(index).unwrap();
        let described = &index["manifests"][0];
        assert_eq!(described["annotations"][NAME_ANNOTATION], image.reference());
        assert_eq!(described["digest"], image.digest());
        let manifest: Value = serde_json::from_slice(&read(described)).unwrap();
        let config: Value = serde_json::from_slice(&read(&manifest["config"])).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);
        let layer = read(&manifest["layers"][0]);
        let names: Vec<_> = super::tests::files(&layer).into_iter().map(|(path, _)| path).collect();
        assert_eq!(names, ["app/", "app/run"]);
    }

    #[test]
    fn a_header_has_the_sum_of_its_bytes() {
        let layer = archive(&[Entry::file("/a", b"content".to_vec())]).unwrap();
        let stated = u32::from_str_radix(std::str::from_utf8(&layer[148..154]).unwrap(), 8).unwrap();
        let mut header = layer[..BLOCK].to_vec();
        header[148..156].fill(b' ');
        assert_eq!(stated, header.iter().map(|&byte| u32::from(byte)).sum::<u32>());
        assert_eq!(&layer[100..107], b"0000644");
        assert_eq!(layer.len(), 4 * BLOCK);
    }

    #[test]
    fn a_path_that_does_not_fit_is_refused() {
        assert!(Image::new("r", &[Entry::directory(&"a".repeat(120))], &[]).is_err());
    }
}
