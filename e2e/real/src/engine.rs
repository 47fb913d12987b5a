//! What runs on a real node: llama.cpp, a model of random weights, and a client.

use anyhow::{Context, Result};

use crate::image::{Entry, Image, digest};
use crate::programs::{model, node_program};

/// The program that stands in for the tools of an image. It is one file without libraries.
pub const BUSYBOX: &str = "/bin/busybox";

/// The program that asks an engine: an address, then a question.
pub const CLIENT: &str = "/bin/client";

/// The images of a test.
#[derive(Clone, Debug)]
pub struct Images {
    /// Holds the namespaces of a pod.
    pub sandbox: Image,
    /// The engine, with what is needed to look around in it.
    pub engine: Image,
    /// The weights, and nothing else.
    pub model: Image,
    /// Asks the engine.
    pub client: Image,
    /// The digest of the file of weights.
    pub weights_digest: String,
}

impl Images {
    /// Writes them, under the names that a model is given by: the engine's repository, that of the weights, and the path of
    /// the weights in it.
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
            Entry::program("/app/llama-server", read(&node_program("llama-server")?)?),
        ];
        server.extend(tools.clone());
        let sleep = [BUSYBOX, "sleep", "2147483647"];
        let weights_digest = digest(&weights_content);
        Ok(Self {
            sandbox: Image::new("registry.region.example/e2e/sandbox", &tools, &sleep)?,
            engine: Image::new(engine, &server, &["/app/llama-server"])?,
            model: Image::new(weights, &[Entry::file(path, weights_content)], &[])?,
            client: Image::new("registry.region.example/e2e/client", &client, &[CLIENT])?,
            weights_digest,
        })
    }

    /// All of them, the one that holds the namespaces first.
    pub const fn all(&self) -> [&Image; 4] {
        [&self.sandbox, &self.engine, &self.model, &self.client]
    }
}

fn read(path: &std::path::Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("reading {}", path.display()))
}
