//! Requests exactly as they are written: a library would tidy a path that is to be tried untidy.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `GET` and the like.
    pub method: &'a str,
    /// The host that is asked for, whatever the address.
    pub host: &'a str,
    /// The path with its query.
    pub path: &'a str,
    /// JSON, or nothing.
    pub body: &'a str,
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// The first line and the headers.
    pub head: String,
    /// What follows them, as it came.
    pub body: String,
}

impl Request<'_> {
    /// Asks by a connection of its own.
    ///
    /// # Errors
    /// Where nobody listens at the address, or what comes back is no answer.
    pub async fn send(&self, address: SocketAddr) -> Result<Answer> {
        let Self { method, host, path, body } = self;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let exchange = async {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            // Not until the end where the answer says where that is: a server may wait before it hangs up.
            while !is_whole(&answer) && stream.read_buf(&mut answer).await? > 0 {}
            anyhow::Ok(answer)
        };
        let answer = tokio::time::timeout(PATIENCE, exchange)
            .await
            .with_context(|| format!("{method} {path} was not answered"))?
            .with_context(|| format!("{method} {path} at {address}"))?;
        Answer::read(&String::from_utf8_lossy(&answer))
    }
}

/// Whether an answer that says how long it is has come.
fn is_whole(answer: &[u8]) -> bool {
    Answer::read(&String::from_utf8_lossy(answer)).is_ok_and(|answer| {
        let length = answer.header("content-length").and_then(|length| length.parse().ok());
        length.is_some_and(|length: usize| answer.body.len() >= length)
    })
}

impl Answer {
    fn read(text: &str) -> Result<Self> {
        let (head, body) = text.split_once("\r\n\r\n").with_context(|| format!("no answer: {text:?}"))?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.with_context(|| format!("no status in {head:?}"))?;
        Ok(Self { status, head: head.to_owned(), body: body.to_owned() })
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.find(|(one, _)| one.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The object of the body, which may have come in pieces.
    ///
    /// # Errors
    /// Where it is none.
    pub fn json(&self) -> Result<Value> {
        let (start, end) = (self.body.find('{'), self.body.rfind('}'));
        let object = start.zip(end).and_then(|(start, end)| self.body.get(start..=end));
        let object = object.with_context(|| format!("no object: {self:?}"))?;
        serde_json::from_str(object).with_context(|| format!("no object: {self:?}"))
    }
}
