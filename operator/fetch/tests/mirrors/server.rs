//! A real S3 server on the loopback.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::program::{Bench, until};

const ACCESS: &str = "reader";
const SECRET: &str = "reader-secret";

/// The one bucket.
pub const BUCKET: &str = "models";

/// An S3 server with its objects. It ends when it is dropped.
pub struct Server {
    child: Child,
    objects: TempDir,
    address: SocketAddr,
}

impl Server {
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// A server with further arguments.
    pub fn with(arguments: &[&str]) -> Self {
        let objects = tempfile::tempdir().unwrap();
        std::fs::create_dir(objects.path().join(BUCKET)).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new(program())
            .args(["--access", ACCESS, "--secret", SECRET, "--quiet", "--port", &address.to_string()])
            .args(arguments)
            .arg("posix")
            .arg(objects.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { child, objects, address };
        until("the S3 server", || TcpStream::connect(address).is_ok());
        server
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Puts an object, as an administrator does.
    pub fn put(&self, key: &str, content: &[u8]) {
        let file = self.objects.path().join(".upload");
        std::fs::write(&file, content).unwrap();
        let status = Command::new("curl")
            .args(["--silent", "--show-error", "--fail", "--aws-sigv4", "aws:amz:us-east-1:s3"])
            .args(["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"])
            .args(["--user", &format!("{ACCESS}:{SECRET}"), "--upload-file"])
            .arg(&file)
            .arg(format!("{}/{BUCKET}/{key}", self.endpoint()))
            .status()
            .expect("curl puts the objects; it has to be installed");
        assert!(status.success(), "{key} could not be put");
        std::fs::remove_file(file).unwrap();
    }

    /// Where the objects lie as files, for those whose version does not matter.
    pub fn objects_of_bucket(&self) -> PathBuf {
        self.objects.path().join(BUCKET)
    }

    /// A volume with the right credentials.
    pub fn bench() -> Bench {
        let bench = Bench::new();
        bench.secret("accessKey", ACCESS).secret("secretKey", &format!("{SECRET}\n"));
        bench
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let program = target.join("objectstore/bin/versitygw");
    assert!(program.is_file(), "there is no S3 server for the tests; build it with `make objectstore`");
    program
}
