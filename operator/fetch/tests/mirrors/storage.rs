//! A volume that is too small. It is a file system in memory, which only the superuser can mount.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{digest_of, noise, until};
use crate::relay::Relay;
use crate::server::{BUCKET, Server};

const MIB: usize = 1 << 20;

/// A small file system. It is unmounted when it is dropped.
struct Small(PathBuf);

impl Small {
    /// `None` where it could not be mounted.
    fn mount(at: &Path, mebibytes: usize) -> Option<Self> {
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(at.to_owned()));
        }
        eprintln!("SKIPPED: a small file system could not be mounted; it needs the superuser");
        None
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn weights_that_do_not_fit_are_not_begun() {
    let server = Server::start();
    let content = noise(1, 24 * MIB);
    server.put("m/model.safetensors", &content);
    let (bench, digest) = (Server::bench(), digest_of(&[("model.safetensors", &content)]));
    let Some(_small) = Small::mount(bench.volume(), 32) else { return };
    let relay = Relay::new(server.address());
    let from = ["object-store", "--endpoint", &relay.endpoint(), "--bucket", BUCKET, "--prefix", "m"];
    let ended = bench.fetch(&digest, &from);
    ended.is(20, "StorageFull");
    assert!(ended.message.contains("24 MiB"), "{}", ended.message);
    assert!(relay.sent() < MIB as u64);
}

#[test]
fn a_disk_that_fills_up_meanwhile_is_reported_and_the_rest_comes_when_there_is_room() {
    let server = Server::start();
    let content = noise(2, 24 * MIB);
    server.put("m/model.safetensors", &content);
    let (bench, digest) = (Server::bench(), digest_of(&[("model.safetensors", &content)]));
    let Some(_small) = Small::mount(bench.volume(), 48) else { return };
    let relay = Relay::stalling(server.address(), 16 << 20);
    let from = ["object-store", "--endpoint", &relay.endpoint(), "--bucket", BUCKET, "--prefix", "m"];
    let run = bench.start(&digest, &from);
    let part = bench.partial(&digest).join("model.safetensors");
    until("a part of the file", || part.metadata().is_ok_and(|metadata| metadata.len() > 8 << 20));
    let filler = bench.volume().join("filler");
    // As much as fits; that not all of it does is the purpose.
    let _ = std::fs::write(&filler, vec![1; 48 * MIB]);
    relay.release();
    run.wait().is(20, "StorageFull");
    std::fs::remove_file(filler).unwrap();
    bench.fetch(&digest, &from).is(0, "Verified");
}
