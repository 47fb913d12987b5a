//! Weights in a mirror of a hub. No such server is to be had from a registry, so the few answers that count are here.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use crate::program::{Bench, digest_of};

const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";
const WEIGHTS: &[u8] = b"weights that are not large";

/// Where a large file is sent on to.
#[derive(Clone, Copy)]
enum SendsOn {
    ToItself,
    Elsewhere,
}

fn serve(sends_on: SendsOn) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            std::thread::spawn(move || answer(&client, address, sends_on));
        }
    });
    address
}

fn answer(mut client: &TcpStream, address: SocketAddr, sends_on: SendsOn) {
    let mut lines = BufReader::new(client).lines().map_while(Result::ok);
    let Some(request) = lines.next() else { return };
    let headers: Vec<_> = lines.take_while(|line| !line.is_empty()).map(|line| line.to_lowercase()).collect();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let tree = format!("/api/models/org/model/tree/{REVISION}?recursive=true");
    let resolve = format!("/org/model/resolve/{REVISION}");
    let (status, header, body) = if !headers
        .iter()
        .any(|line| line == "authorization: bearer token-of-reader")
    {
        ("401 Unauthorized", String::new(), Vec::new())
    } else if path == tree {
        let next = format!("link: <http://{address}{tree}&cursor=2>; rel=\"next\"\r\n");
        let list = r#"[{"type":"directory","path":"sub"},{"type":"file","path":"config.json","size":2,"oid":"a"},
            {"type":"file","path":"train.py","size":9,"oid":"b"}]"#;
        ("200 OK", next, list.into())
    } else if path == format!("{tree}&cursor=2") {
        let size = WEIGHTS.len();
        let list = format!(
            r#"[{{"type":"file","path":"sub/m.safetensors","size":130,"oid":"c","lfs":{{"oid":"d","size":{size},"pointerSize":130}}}}]"#
        );
        ("200 OK", String::new(), list.into())
    } else if path == format!("{resolve}/config.json") {
        ("200 OK", String::new(), b"{}".to_vec())
    } else if path == format!("{resolve}/sub/m.safetensors") {
        let to = match sends_on {
            SendsOn::ToItself => "/content/d".to_owned(),
            SendsOn::Elsewhere => "https://elsewhere.example/d".to_owned(),
        };
        ("302 Found", format!("location: {to}\r\n"), Vec::new())
    } else if path == "/content/d" {
        ("200 OK", String::new(), WEIGHTS.to_vec())
    } else {
        ("404 Not Found", String::new(), Vec::new())
    };
    let head =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{header}\r\n", body.len());
    let _ = client.write_all(head.as_bytes()).and_then(|()| client.write_all(&body));
}

fn fetched(sends_on: SendsOn, token: &str) -> (Bench, hemvist_digest::Digest, crate::program::Ended) {
    let endpoint = format!("http://{}", serve(sends_on));
    let bench = Bench::new();
    bench.secret("token", token);
    let digest = digest_of(&[("config.json", b"{}"), ("sub/m.safetensors", WEIGHTS)]);
    let from = ["hub", "--endpoint", &endpoint, "--repository", "org/model", "--revision", REVISION];
    let ended = bench.fetch(&digest, &from);
    (bench, digest, ended)
}

#[test]
fn a_repository_is_fetched_without_its_programs() {
    let (bench, digest, ended) = fetched(SendsOn::ToItself, "token-of-reader");
    ended.is(0, "Verified");
    assert!(bench.sealed(&digest).join("sub/m.safetensors").is_file());
    assert!(!bench.sealed(&digest).join("train.py").exists());
}

#[test]
fn a_mirror_that_sends_on_to_another_host_is_not_followed() {
    let (bench, digest, ended) = fetched(SendsOn::Elsewhere, "token-of-reader");
    ended.is(11, "MirrorContentRefused");
    assert!(!bench.sealed(&digest).exists());
}

#[test]
fn a_token_that_is_not_accepted_is_reported() {
    fetched(SendsOn::ToItself, "wrong").2.is(23, "MirrorDenied");
}
