//! Engines and weights that fail, each in its own way, under the names of those that work.

use anyhow::{Context, Result};

use crate::engine::BUSYBOX;
use crate::image::{Entry, Image};
use crate::programs::node_program;

/// Where the engine's program is in its image.
const PROGRAM: &str = "/app/llama-server";

/// Images that fail.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Has no program.
    pub empty: Image,
    /// Its program is for other processors.
    pub foreign: Image,
    /// Takes all the memory that it can get.
    pub greedy: Image,
    /// Listens where nobody asks.
    pub elsewhere: Image,
    /// Never comes to an end of its loading.
    pub slow: Image,
    /// Weights that are no file of the format that they say.
    pub weights: Image,
}

impl Broken {
    /// Writes them, under the names that a model is given by: the engine's repository, that of the weights, and the path of
    /// the weights in it.
    ///
    /// # Errors
    /// Where a program has not been built.
    pub fn write(engine: &str, weights: &str, path: &str) -> Result<Self> {
        let busybox = node_program("busybox")?;
        let busybox = std::fs::read(&busybox).with_context(|| format!("reading {}", busybox.display()))?;
        let tools =
            [Entry::directory("/bin"), Entry::program(BUSYBOX, busybox.clone()), Entry::directory("/app")];
        let image = |program: Option<Vec<u8>>| {
            let program = program.map(|program| Entry::program(PROGRAM, program));
            Image::new(engine, &tools.iter().cloned().chain(program).collect::<Vec<_>>(), &[PROGRAM])
        };
        let script = |line: &str| image(Some(format!("#!{BUSYBOX} sh\n{line}\n").into_bytes()));
        Ok(Self {
            empty: image(None)?,
            foreign: image(Some(for_other_processors(busybox)))?,
            greedy: script(&format!("exec {BUSYBOX} tail /dev/zero"))?,
            elsewhere: script(&format!("exec {BUSYBOX} httpd -f -p 9999"))?,
            slow: script(&format!("echo 'loaded 12 of 163 shards'; exec {BUSYBOX} sleep 2147483647"))?,
            weights: Image::new(weights, &[Entry::file(path, b"no GGUF".to_vec())], &[])?,
        })
    }

    /// All of them.
    pub const fn all(&self) -> [&Image; 6] {
        [&self.empty, &self.foreign, &self.greedy, &self.elsewhere, &self.slow, &self.weights]
    }
}

/// The program with a header that names processors which this machine does not have.
fn for_other_processors(mut program: Vec<u8>) -> Vec<u8> {
    /// Where an ELF file says which processors it is for.
    const MACHINE: usize = 18;
    /// IBM's, whose programs also have their bytes in another order.
    const S390: u8 = 22;
    if let Some(machine) = program.get_mut(MACHINE) {
        *machine = S390;
    }
    program
}
