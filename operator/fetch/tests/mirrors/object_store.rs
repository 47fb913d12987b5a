//! Weights in an object store.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::program::{Bench, digest_of, noise, until};
use crate::relay::Relay;
use crate::server::{BUCKET, Server};

const MIB: usize = 1 << 20;

/// Large enough that sockets and buffers hold only a small part of it.
const LARGE: usize = 48 * MIB;

/// How much of it a relay lets through before it stalls.
const SOME: u64 = 24 << 20;

fn from<'a>(endpoint: &'a str, prefix: &'a str) -> [&'a str; 7] {
    ["object-store", "--endpoint", endpoint, "--bucket", BUCKET, "--prefix", prefix]
}

fn length(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

#[test]
fn a_folder_is_fetched_verified_and_sealed_and_then_left_alone() {
    let server = Server::start();
    let files: [(&str, &[u8]); 4] = [
        ("config.json", b"{}"),
        ("a/b c+d.safetensors", &noise(1, 3 * MIB)),
        ("empty.txt", b""),
        ("LICENSE", b"x"),
    ];
    for (name, content) in files {
        server.put(&format!("llama/{}", name.replace(' ', "%20").replace('+', "%2B")), content);
    }
    server.put("llama-other/config.json", b"another model whose name begins alike");
    let (bench, digest) = (Server::bench(), digest_of(&files));
    bench.fetch(&digest, &from(&server.endpoint(), "llama")).is(0, "Verified");
    let sealed = bench.sealed(&digest);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&sealed), mode(&sealed.join("config.json"))), (0o555, 0o444));
    assert_eq!(std::fs::read(sealed.join("a/b c+d.safetensors")).unwrap(), files[1].1);
    assert_eq!(std::fs::read_dir(bench.volume()).unwrap().count(), 1, "something else is left behind");
    drop(server);
    bench.fetch(&digest, &from("http://127.0.0.1:9", "llama")).is(0, "Verified");
    std::fs::set_permissions(sealed.join("config.json"), std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(sealed.join("config.json"), b"[]").unwrap();
    bench.fetch(&digest, &from("http://127.0.0.1:9", "llama")).is(10, "ModelDigestMismatch");
}

#[test]
fn one_file_is_fetched_with_the_digest_of_its_content() {
    let server = Server::start();
    server.put("m/q4.gguf", b"four");
    server.put("m/q8.gguf", b"eight");
    server.put("m/setup.py", b"not asked for");
    let bench = Server::bench();
    let digest = "sha256:04efaf080f5a3e74e1c29d1ca6a48569382cbbcd324e8d59d2b83ef21c039f00".parse().unwrap();
    let endpoint = server.endpoint();
    let run = |path: &'static str| {
        let order = ["--path", path].into_iter().chain(from(&endpoint, "m"));
        bench.fetch(&digest, &order.collect::<Vec<_>>())
    };
    run("q4.gguf").is(0, "Verified");
    run("q4.gguf").is(0, "Verified");
    let names: Vec<_> =
        std::fs::read_dir(bench.sealed(&digest)).unwrap().map(|found| found.unwrap().file_name()).collect();
    assert_eq!(names, ["q4.gguf"]);
}

#[test]
fn a_killed_fetch_continues_where_it_was() {
    let server = Server::start();
    let content = noise(2, LARGE);
    server.put("m/model.safetensors", &content);
    let (bench, digest) = (Server::bench(), digest_of(&[("model.safetensors", &content)]));
    begin_and_kill(&server, &bench, &digest);
    assert!(!bench.sealed(&digest).exists());
    let relay = Relay::new(server.address());
    bench.fetch(&digest, &from(&relay.endpoint(), "m")).is(0, "Verified");
    assert!(relay.sent() < LARGE as u64 - SOME / 2, "{} bytes were fetched again", relay.sent());
}

/// Fetches a part of `m/model.safetensors`, and is killed then.
fn begin_and_kill(server: &Server, bench: &Bench, digest: &hemvist_digest::Digest) {
    let relay = Relay::stalling(server.address(), SOME);
    let run = bench.start(digest, &from(&relay.endpoint(), "m"));
    let part = bench.partial(digest).join("model.safetensors");
    until("a part of the file", || length(&part) > SOME / 2);
    run.kill();
}

#[test]
fn an_object_that_changed_since_is_fetched_from_its_beginning() {
    let server = Server::start();
    let (old, new) = (noise(3, LARGE), noise(4, LARGE));
    server.put("m/model.safetensors", &old);
    let (bench, digest) = (Server::bench(), digest_of(&[("model.safetensors", &new)]));
    begin_and_kill(&server, &bench, &digest);
    server.put("m/model.safetensors", &new);
    bench.fetch(&digest, &from(&server.endpoint(), "m")).is(0, "Verified");
}

#[test]
fn an_object_that_changes_while_it_is_fetched_is_started_over() {
    let server = Server::start();
    let (old, new) = (noise(5, LARGE), noise(6, LARGE));
    server.put("m/model.safetensors", &old);
    let (bench, digest) = (Server::bench(), digest_of(&[("model.safetensors", &new)]));
    let relay = Relay::stalling(server.address(), SOME);
    let run = bench.start(&digest, &from(&relay.endpoint(), "m"));
    let part = bench.partial(&digest).join("model.safetensors");
    until("a part of the file", || length(&part) > SOME / 2);
    server.put("m/model.safetensors", &new);
    relay.break_off();
    let ended = run.wait();
    ended.is(0, "Verified");
    assert!(ended.log.contains("starting over"), "{}", ended.log);
}

#[test]
fn what_was_damaged_on_the_volume_is_fetched_again() {
    let server = Server::start();
    let content = noise(7, LARGE);
    server.put("m/model.safetensors", &content);
    let (bench, digest) = (Server::bench(), digest_of(&[("model.safetensors", &content)]));
    begin_and_kill(&server, &bench, &digest);
    let part = bench.partial(&digest).join("model.safetensors");
    std::fs::write(&part, noise(8, MIB)).unwrap();
    bench.fetch(&digest, &from(&server.endpoint(), "m")).is(0, "Verified");
}

#[test]
fn a_symbolic_link_on_the_volume_is_not_followed() {
    let server = Server::start();
    server.put("m/config.json", b"{}");
    let (bench, digest) = (Server::bench(), digest_of(&[("config.json", b"{}")]));
    let outside = bench.volume().join("outside");
    std::fs::write(&outside, b"kept").unwrap();
    std::fs::create_dir(bench.partial(&digest)).unwrap();
    std::os::unix::fs::symlink(&outside, bench.partial(&digest).join("config.json")).unwrap();
    bench.fetch(&digest, &from(&server.endpoint(), "m")).is(0, "Verified");
    assert_eq!(std::fs::read(outside).unwrap(), b"kept");
}

#[test]
fn wrong_content_is_refused_and_nothing_of_it_stays() {
    let server = Server::start();
    server.put("m/config.json", b"{\"other\": true}");
    let (bench, digest) = (Server::bench(), digest_of(&[("config.json", b"{}")]));
    let ended = bench.fetch(&digest, &from(&server.endpoint(), "m"));
    ended.is(10, "ModelDigestMismatch");
    assert!(ended.message.contains(&digest.to_string()), "{}", ended.message);
    assert!(!bench.sealed(&digest).exists() && !bench.partial(&digest).exists());
}

#[test]
fn what_is_no_file_of_weights_is_refused() {
    let server = Server::start();
    server.put("m/config.json", b"{}");
    server.put("m/pytorch_model.bin", b"code");
    let (bench, digest) = (Server::bench(), digest_of(&[("config.json", b"{}")]));
    let ended = bench.fetch(&digest, &from(&server.endpoint(), "m"));
    ended.is(11, "MirrorContentRefused");
    assert!(ended.message.contains("pytorch_model.bin"), "{}", ended.message);
    bench.fetch(&digest, &from(&server.endpoint(), "nowhere")).is(11, "MirrorContentRefused");
}

#[test]
fn a_denial_is_reported_and_no_secret_is() {
    let server = Server::start();
    server.put("m/config.json", b"{}");
    let (bench, digest) = (Server::bench(), digest_of(&[("config.json", b"{}")]));
    bench.secret("secretKey", "a-wrong-secret");
    let ended = bench.fetch(&digest, &from(&server.endpoint(), "m"));
    ended.is(23, "MirrorDenied");
    assert!(!ended.log.contains("a-wrong-secret") && !ended.message.contains("a-wrong-secret"));
    bench.fetch(&digest, &from("http://127.0.0.1:9", "m")).is(22, "MirrorUnreachable");
}

#[test]
fn many_pages_of_a_list_are_one_list() {
    let server = Server::start();
    let names: Vec<_> = (0..1100).map(|number| format!("{number:04}.txt")).collect();
    let bucket = server.objects_of_bucket();
    std::fs::create_dir(bucket.join("m")).unwrap();
    for name in &names {
        std::fs::write(bucket.join("m").join(name), name).unwrap();
    }
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), name.as_bytes())).collect();
    let (bench, digest) = (Server::bench(), digest_of(&files));
    bench.fetch(&digest, &from(&server.endpoint(), "m")).is(0, "Verified");
}

#[test]
fn over_tls_only_the_authority_of_the_secret_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("ca.crt"), folder.path().join("ca.key"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output();
    if !made.is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: openssl could not make a certificate");
        return;
    }
    let server = Server::with(&["--cert", certificate.to_str().unwrap(), "--key", key.to_str().unwrap()]);
    let bucket = server.objects_of_bucket();
    std::fs::create_dir(bucket.join("m")).unwrap();
    std::fs::write(bucket.join("m/config.json"), b"{}").unwrap();
    let (bench, digest) = (Server::bench(), digest_of(&[("config.json", b"{}")]));
    let endpoint = server.endpoint().replace("http:", "https:");
    bench.fetch(&digest, &from(&endpoint, "m")).is(22, "MirrorUnreachable");
    bench.secret("ca.crt", &std::fs::read_to_string(certificate).unwrap());
    bench.fetch(&digest, &from(&endpoint, "m")).is(0, "Verified");
}
