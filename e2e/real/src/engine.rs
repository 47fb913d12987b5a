//! What runs on a real node: llama.cpp with the proxy beside it, a model of random weights, and a client.

use std::path::Path;

use anyhow::{Context, Result};

use crate::image::{Entry, Image, digest};
use crate::programs::{model, node_program, proxy};

/// The program that stands in for the tools of an image. It is one file without libraries.
pub const BUSYBOX: &str = "/bin/busybox";

/// The engine's own program, which the one that a model starts is a script in front of.
pub const SERVER: &str = "/app/bin/llama-server";

/// Starts the engine without the devices that it is told to use: the node only says that it has any. Everything else is
/// handed on as it was said.
const LAUNCHER: &str = r#"#!/bin/busybox sh
count=$#
while [ "$count" -gt 0 ]; do
    if [ "$1" = --device ]; then
        shift
        count=$((count - 1))
    else
        set -- "$@" "$1"
    fi
    shift
    count=$((count - 1))
done
exec /bin/busybox env -u PWD -u SHLVL /app/bin/llama-server "$@"
"#;

/// The program that asks an engine: an address, then a question.
pub const CLIENT: &str = "/bin/client";

/// The repository of the proxy's image, as the chart names it where nothing is said.
const PROXY: &str = "registry.region.example/envoyproxy/envoy";

/// The images of a test.
#[derive(Clone, Debug)]
pub struct Images {
    /// Holds the namespaces of a pod.
    pub sandbox: Image,
    /// The engine, with what is needed to look around in it.
    pub engine: Image,
    /// The proxy beside the engine.
    pub proxy: Image,
    /// The weights, and nothing else.
    pub model: Image,
    /// Asks the engine.
    pub client: Image,
    /// The digest of the file of weights.
    pub weights_digest: String,
}

impl Images {
    /// Writes them, under the names that a model is given by: the engine's repository, that of the weights, and the path of
    /// the weights in it; and the proxy's under the name that the chart gives it.
    ///
    /// # Errors
    /// Where a program or the model has not been built.
    pub fn write(engine: &str, weights: &str, path: &str) -> Result<Self> {
        let busybox = read(&node_program("busybox")?)?;
        let weights_content = read(&model()?)?;
        let tools = [Entry::directory("/bin"), Entry::program(BUSYBOX, busybox)];
        let client = [Entry::directory("/bin"), Entry::program(CLIENT, read(&node_program("client")?)?)];
        let mut server = vec![
            Entry::directory("/app"),
            Entry::directory("/app/bin"),
            Entry::program("/app/llama-server", LAUNCHER.into()),
            Entry::program(SERVER, read(&node_program("llama-server")?)?),
        ];
        server.extend(tools.clone());
        let sleep = [BUSYBOX, "sleep", "2147483647"];
        let weights_digest = digest(&weights_content);
        Ok(Self {
            sandbox: Image::new("registry.region.example/e2e/sandbox", &tools, &sleep)?,
            engine: Image::new(engine, &server, &["/app/llama-server"])?,
            proxy: Image::new(PROXY, &files(&proxy()?)?, &[])?,
            model: Image::new(weights, &[Entry::file(path, weights_content)], &[])?,
            client: Image::new("registry.region.example/e2e/client", &client, &[CLIENT])?,
            weights_digest,
        })
    }

    /// All of them, the one that holds the namespaces first.
    pub const fn all(&self) -> [&Image; 5] {
        [&self.sandbox, &self.engine, &self.proxy, &self.model, &self.client]
    }
}

/// Every directory and program below a folder, as they lie in an image.
fn files(root: &Path) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut paths: Vec<_> = std::fs::read_dir(&folder)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
            .with_context(|| format!("reading {}", folder.display()))?;
        // The same files give the same digest, in whatever order the file system tells of them.
        paths.sort();
        for path in paths {
            let inside = Path::new("/").join(path.strip_prefix(root)?);
            let inside = inside.to_str().context("a path that is not UTF-8")?.to_owned();
            if path.is_dir() {
                entries.push(Entry::directory(&inside));
                folders.push(path);
            } else {
                entries.push(Entry::program(&inside, read(&path)?));
            }
        }
    }
    Ok(entries)
}

fn read(path: &std::path::Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("reading {}", path.display()))
}
