//! A real S3 server that the pods of a real node reach over TLS, at an address that is known before the node is there: what a
//! store of the region's own is to an installation.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use hemvist_e2e::certificates::Authority;
use hemvist_e2e::command::Program;
use hemvist_e2e::ports::free_port;
use hemvist_e2e::process::{Launch, Process};
use hemvist_e2e::{Progress, wait_until};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::{Value, json};

pub use crate::gate::Gate;
use crate::node::RealNode;
use crate::programs::object_store;

/// The one bucket.
pub const BUCKET: &str = "models";

/// The address, in the node's network and in no other.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 245, 0, 1);
const PORT: u16 = 8443;

/// Who may read and write, and how that is shown.
const ACCESS: &str = "reader";
const SECRET: &str = "reader-secret";

const PATIENCE: Duration = Duration::from_secs(30);

/// The store as an installation configures it, as values of the chart.
pub fn settings() -> [String; 2] {
    [format!("mirrors[0].endpoint={}", endpoint()), format!("mirrors[0].networks={{{ADDRESS}/32}}")]
}

/// The address, as a model names it.
pub fn endpoint() -> String {
    format!("https://{ADDRESS}:{PORT}")
}

/// A store that runs. It ends with this value; end it with [`ObjectStore::stop`] where errors matter.
#[derive(Debug)]
pub struct ObjectStore {
    server: Process,
    gate: Gate,
    address: SocketAddr,
    folder: PathBuf,
}

impl ObjectStore {
    /// Starts a server with an authority of its own, and lets the pods of the node come to it.
    ///
    /// # Errors
    /// Where the server has not been built or does not come up.
    pub async fn start(node: &RealNode) -> Result<Self> {
        let cluster = node.folder().parent().context("a node without a cluster")?;
        let folder = cluster.join("object-store");
        let objects = folder.join("objects");
        std::fs::create_dir_all(objects.join(BUCKET))
            .with_context(|| format!("making {}", objects.display()))?;
        write_certificates(&folder).context("making the certificates of the store")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let server = start_server(cluster, &folder, &objects, address)?;
        let address_of_node = format!("{ADDRESS}/32");
        node.run(&["ip", "address", "add", &address_of_node, "dev", "lo"]).await?;
        let gate = Gate::open(listen_in(node.first_process())?, address)?;
        let mut store = Self { server, gate, address, folder };
        wait_until("the S3 server", PATIENCE, async || {
            store.server.ensure_running()?;
            Ok(Progress::when(TcpStream::connect(address).is_ok(), "it does not listen"))
        })
        .await?;
        Ok(store)
    }

    /// What stands between the server and the pods.
    pub const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Puts an object, as an administrator does.
    ///
    /// # Errors
    /// Where the server refuses it.
    pub async fn put(&self, key: &str, content: &[u8]) -> Result<()> {
        let file = self.folder.join("upload");
        std::fs::write(&file, content).with_context(|| format!("writing {}", file.display()))?;
        let (authority, file) = (self.authority().display().to_string(), file.display().to_string());
        let user = format!("{ACCESS}:{SECRET}");
        let url = format!("https://{}/{BUCKET}/{key}", self.address);
        let arguments = [
            ["--silent", "--show-error"],
            ["--aws-sigv4", "aws:amz:us-east-1:s3"],
            ["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"],
            ["--cacert", &authority],
            ["--user", &user],
            ["--upload-file", &file],
        ];
        let arguments: Vec<_> = arguments.as_flattened().iter().copied().chain(["--fail", &url]).collect();
        Program::new("curl")
            .run(&arguments, "")
            .await?
            .success()
            .with_context(|| format!("putting {key}"))?;
        std::fs::remove_file(&file).with_context(|| format!("removing {file}"))
    }

    /// The Secret with which a model fetches.
    ///
    /// # Errors
    /// Where the authority cannot be read.
    pub fn secret(&self, namespace: &str, name: &str) -> Result<Value> {
        let authority = std::fs::read_to_string(self.authority()).context("reading the store's authority")?;
        Ok(json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": name},
            "stringData": {"accessKey": ACCESS, "secretKey": SECRET, "ca.crt": authority},
        }))
    }

    /// Ends it and waits until it is gone.
    ///
    /// # Errors
    /// Where it does not end.
    pub async fn stop(mut self) -> Result<()> {
        self.server.stop(PATIENCE).await
    }

    fn authority(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }
}

fn start_server(cluster: &Path, folder: &Path, objects: &Path, address: SocketAddr) -> Result<Process> {
    let file = |name: &str| folder.join(name).into_os_string();
    let address = address.to_string();
    let mut arguments: Vec<_> =
        ["--access", ACCESS, "--secret", SECRET, "--quiet", "--port", &address].map(Into::into).into();
    arguments.extend(["--cert".into(), file("tls.crt"), "--key".into(), file("tls.key")]);
    arguments.extend(["posix".into(), objects.into()]);
    Process::start(&Launch {
        name: "object-store".to_owned(),
        program: object_store()?,
        arguments,
        environment: Vec::new(),
        folder: cluster.to_owned(),
    })
}

/// An authority that nobody else knows, and a certificate of it for the address that pods and administrators use.
fn write_certificates(folder: &Path) -> Result<()> {
    let authority = Authority::new("authority of the region")?;
    std::fs::write(folder.join("ca.crt"), authority.pem()).context("writing ca.crt")?;
    let names = [ADDRESS, Ipv4Addr::LOCALHOST].map(|address| address.to_string());
    authority.issue(&folder.join("tls"), "object-store", &names.each_ref().map(String::as_str))
}

/// A socket belongs to the network that it was made in, whoever uses it then.
fn listen_in(node: u32) -> Result<TcpListener> {
    let listen = move || -> Result<TcpListener> {
        let network = File::open(format!("/proc/{node}/ns/net"))?;
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok(TcpListener::bind((ADDRESS, PORT))?)
    };
    // Only the thread moves, and it ends.
    let listener = std::thread::spawn(listen).join().map_err(|_| anyhow!("the thread did not end"))?;
    listener.context("listening in the node's network")
}
