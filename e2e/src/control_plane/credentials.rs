//! Keys, certificates and tokens of one cluster. They live as long as its data folder and protect nothing.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::KeyPair;

use crate::certificates::Authority;
use crate::kubeconfig::Access;

/// Who the API server is to the servers to which it passes requests on, and the beginning of the names of its files.
pub(super) const FRONT_PROXY: &str = "front-proxy-client";

/// The authority of [`FRONT_PROXY`]. One of its own, since whom it vouches for may speak for everybody.
pub(super) const FRONT_PROXY_AUTHORITY: &str = "front-proxy-ca.crt";

/// Who the parts of a cluster are: file name, user, groups. The administrator may also say where nodes are, for which the
/// chart names a group of its own. KWOK is a user of its own with a kubelet's rights, so
/// that the audit log and admission policies see who it is.
const USERS: [(&str, &str, &str); 4] = [
    ("admin", "admin", "system:masters,hemvist:clearance-admins"),
    ("kube-controller-manager", "system:kube-controller-manager", ""),
    ("kube-scheduler", "system:kube-scheduler", ""),
    ("kwok", "kwok", ""),
];

/// The files that the parts of a cluster know each other by.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    folder: PathBuf,
}

impl Credentials {
    /// Makes all of them in `folder`, for an API server at `server` and with these users besides the cluster's own.
    pub(super) fn create(folder: &Path, server: &str, users: &[[String; 3]]) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let credentials = Self { folder: folder.to_owned() };
        credentials.create_certificates().context("making certificates")?;
        credentials.create_service_account_key().context("making the service-account key")?;
        credentials.create_users(server, users).context("making the users")?;
        Ok(credentials)
    }

    /// A file of this name, such as `ca.crt`, `tls.crt`, `tls.key`, `service-account.key`, `service-account.pub`,
    /// `tokens.csv`.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The kubeconfig of a user of the cluster's own, such as `admin`.
    pub(super) fn kubeconfig(&self, user: &str) -> PathBuf {
        self.file(&format!("{user}.kubeconfig"))
    }

    fn write(&self, name: &str, content: &str) -> Result<()> {
        let path = self.file(name);
        std::fs::write(&path, content).with_context(|| format!("writing {}", path.display()))
    }

    fn create_certificates(&self) -> Result<()> {
        let authority = Authority::new("hemvist-e2e")?;
        self.write("ca.crt", &authority.pem())?;
        let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"];
        authority.issue(&self.file("tls"), "kube-apiserver", &names)?;
        let front_proxy = Authority::new("hemvist-e2e-front-proxy")?;
        self.write(FRONT_PROXY_AUTHORITY, &front_proxy.pem())?;
        front_proxy.issue(&self.file(FRONT_PROXY), FRONT_PROXY, &[])
    }

    fn create_service_account_key(&self) -> Result<()> {
        let key = KeyPair::generate()?;
        self.write("service-account.key", &key.serialize_pem())?;
        self.write("service-account.pub", &key.public_key_pem())
    }

    fn create_users(&self, server: &str, users: &[[String; 3]]) -> Result<()> {
        let mut tokens = String::new();
        let further =
            users.iter().map(|[name, user, groups]| (name.as_str(), user.as_str(), groups.as_str()));
        for (name, user, group) in USERS.into_iter().chain(further) {
            let token = random_token()?;
            tokens.extend([token.as_str(), ",", user, ",", user, ",\"", group, "\"\n"]);
            let access = Access {
                server: server.to_owned(),
                certificate_authority: self.file("ca.crt"),
                token,
                namespace: "default".to_owned(),
            };
            access.write(&self.kubeconfig(name))?;
        }
        self.write("tokens.csv", &tokens)
    }
}

fn random_token() -> Result<String> {
    let mut bytes = [0_u8; 16];
    let mut source = std::fs::File::open("/dev/urandom").context("opening the source of randomness")?;
    source.read_exact(&mut bytes).context("reading randomness")?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
