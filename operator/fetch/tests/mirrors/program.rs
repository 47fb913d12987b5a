//! The program, as a Job runs it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hemvist_digest::Digest;
use serde_json::Value;
use tempfile::TempDir;

/// A volume with a folder for the Secret beside it.
pub struct Bench {
    folder: TempDir,
    volume: PathBuf,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    pub status: i32,
    pub reason: String,
    pub message: String,
    pub log: String,
}

/// A run that goes on. It is killed when it is dropped.
pub struct Running {
    child: Child,
    termination_log: PathBuf,
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let volume = folder.path().join("volume");
        std::fs::create_dir(&volume).unwrap();
        std::fs::create_dir(folder.path().join("secret")).unwrap();
        Self { folder, volume }
    }

    pub fn volume(&self) -> &Path {
        &self.volume
    }

    /// What is verified, by its digest.
    pub fn sealed(&self, digest: &Digest) -> PathBuf {
        self.volume.join(format!("sha256-{}", digest.hex()))
    }

    /// What has come so far, by its digest.
    pub fn partial(&self, digest: &Digest) -> PathBuf {
        self.volume.join(format!("sha256-{}.partial", digest.hex()))
    }

    /// Writes an entry of the Secret.
    pub fn secret(&self, name: &str, value: &str) -> &Self {
        std::fs::write(self.folder.path().join("secret").join(name), value).unwrap();
        self
    }

    /// Fetches, with `from` for the mirror.
    pub fn fetch(&self, digest: &Digest, from: &[&str]) -> Ended {
        self.start(digest, from).wait()
    }

    /// Begins to fetch, with `from` for the mirror.
    pub fn start(&self, digest: &Digest, from: &[&str]) -> Running {
        let secret = self.folder.path().join("secret");
        let fixed = ["fetch", "--digest", &digest.to_string(), "--into"].map(str::to_owned);
        let mut arguments: Vec<String> = fixed.into();
        arguments.extend([
            self.volume.display().to_string(),
            "--credentials".to_owned(),
            secret.display().to_string(),
        ]);
        arguments.extend(from.iter().map(|&argument| argument.to_owned()));
        self.run(&arguments)
    }

    pub fn run(&self, arguments: &[String]) -> Running {
        let termination_log = self.folder.path().join("termination-log");
        let _ = std::fs::remove_file(&termination_log);
        let child = Command::new(env!("CARGO_BIN_EXE_hemvist-fetch"))
            .arg("--termination-log")
            .arg(&termination_log)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running { child, termination_log }
    }
}

impl Running {
    /// Waits for the end.
    pub fn wait(mut self) -> Ended {
        let (stdout, stderr) = (self.child.stdout.take().unwrap(), self.child.stderr.take().unwrap());
        let status = self.child.wait().unwrap();
        let log = std::io::read_to_string(stdout).unwrap() + &std::io::read_to_string(stderr).unwrap();
        let text = std::fs::read_to_string(&self.termination_log).unwrap_or_default();
        let outcome: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}; {log}"));
        assert!(!text.contains('\n'), "more than one line: {text}");
        let word = |name: &str| outcome[name].as_str().unwrap().to_owned();
        Ended { status: status.code().unwrap(), reason: word("reason"), message: word("message"), log }
    }

    /// Kills it without a word, as a node that fails does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    pub fn is(&self, status: i32, reason: &str) {
        assert_eq!((self.status, self.reason.as_str()), (status, reason), "{}\n{}", self.message, self.log);
    }
}

/// Waits until a condition holds.
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The digest of files, by the tool that people have.
pub fn digest_of(files: &[(&str, &[u8])]) -> Digest {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let line = "find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum -- | sha256sum";
    let output = Command::new("sh").args(["-c", line]).current_dir(folder.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    format!("sha256:{}", text.split_whitespace().next().unwrap()).parse().unwrap()
}

/// Bytes without a pattern, always the same for a seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes
}
