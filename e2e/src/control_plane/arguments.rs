//! The command lines of the parts of a cluster.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::credentials::{Credentials, FRONT_PROXY, FRONT_PROXY_AUTHORITY};
use super::options::{Component, Options};
use crate::ports::free_port;

/// The ports of one cluster, all of them on the loopback address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    etcd_clients: u16,
    etcd_peers: u16,
    api_server: u16,
    kwok: u16,
}

impl Ports {
    pub(super) fn choose() -> Result<Self> {
        Ok(Self {
            etcd_clients: free_port()?,
            etcd_peers: free_port()?,
            api_server: free_port()?,
            kwok: free_port()?,
        })
    }

    pub(super) fn server(self) -> String {
        format!("https://127.0.0.1:{}", self.api_server)
    }

    pub(super) fn all(self) -> [u16; 4] {
        [self.etcd_clients, self.etcd_peers, self.api_server, self.kwok]
    }
}

/// What the command lines are made of.
#[derive(Clone, Debug)]
pub(super) struct Arguments {
    pub(super) folder: PathBuf,
    pub(super) ports: Ports,
    pub(super) credentials: Credentials,
    pub(super) options: Options,
}

impl Arguments {
    /// The arguments of one part.
    pub(super) fn of(&self, component: Component) -> Vec<String> {
        let mut arguments = match component {
            Component::Etcd => self.etcd(),
            Component::ApiServer => self.api_server(),
            Component::ControllerManager => self.controller_manager(),
            Component::Scheduler => self.scheduler(),
            Component::Kwok => self.kwok(),
        };
        let further = self.options.arguments.iter().filter(|(other, _)| *other == component);
        arguments.extend(further.map(|(_, argument)| argument.clone()));
        arguments
    }

    pub(super) fn audit_log(&self) -> PathBuf {
        self.folder.join("audit.log")
    }

    pub(super) fn audit_policy(&self) -> PathBuf {
        self.folder.join("audit-policy.json")
    }

    /// The folder from which the API server reads policies.
    pub(super) fn policies_on_disk(&self) -> PathBuf {
        self.folder.join("admission")
    }

    pub(super) fn admission_configuration(&self) -> PathBuf {
        self.folder.join("admission.json")
    }

    pub(super) fn stages(&self) -> PathBuf {
        self.folder.join("kwok.yaml")
    }

    fn etcd(&self) -> Vec<String> {
        let clients = format!("http://127.0.0.1:{}", self.ports.etcd_clients);
        let peers = format!("http://127.0.0.1:{}", self.ports.etcd_peers);
        vec![
            path_flag("--data-dir", &self.folder.join("etcd")),
            format!("--listen-client-urls={clients}"),
            format!("--advertise-client-urls={clients}"),
            format!("--listen-peer-urls={peers}"),
            format!("--initial-advertise-peer-urls={peers}"),
            format!("--initial-cluster=default={peers}"),
            // The data lives as long as a test; writing it through to the disk is what would be measured.
            "--unsafe-no-fsync".to_owned(),
            "--log-level=warn".to_owned(),
        ]
    }

    fn api_server(&self) -> Vec<String> {
        let mut arguments = vec![
            format!("--etcd-servers=http://127.0.0.1:{}", self.ports.etcd_clients),
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            // A loopback address is not allowed as an endpoint of the Service `kubernetes`, which no one here uses.
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--secure-port={}", self.ports.api_server),
            path_flag("--tls-cert-file", &self.credentials.file("tls.crt")),
            path_flag("--tls-private-key-file", &self.credentials.file("tls.key")),
            path_flag("--cert-dir", &self.folder.join("certificates")),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            path_flag("--service-account-key-file", &self.credentials.file("service-account.pub")),
            path_flag("--service-account-signing-key-file", &self.credentials.file("service-account.key")),
            path_flag("--token-auth-file", &self.credentials.file("tokens.csv")),
            "--authorization-mode=Node,RBAC".to_owned(),
            "--enable-admission-plugins=NodeRestriction".to_owned(),
            "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
            "--allow-privileged=true".to_owned(),
        ];
        arguments.extend(self.front_proxy());
        if self.options.policies_on_disk.is_some() {
            let file = self.admission_configuration();
            arguments.push(path_flag("--admission-control-config-file", &file));
        }
        if self.options.audit {
            arguments.push(path_flag("--audit-log-path", &self.audit_log()));
            arguments.push(path_flag("--audit-policy-file", &self.audit_policy()));
        }
        arguments
    }

    /// By what servers know it to which it passes requests on, as of every cluster that serves metrics.
    fn front_proxy(&self) -> [String; 7] {
        let client = |kind: &str| self.credentials.file(&format!("{FRONT_PROXY}.{kind}"));
        [
            path_flag("--requestheader-client-ca-file", &self.credentials.file(FRONT_PROXY_AUTHORITY)),
            format!("--requestheader-allowed-names={FRONT_PROXY}"),
            "--requestheader-username-headers=X-Remote-User".to_owned(),
            "--requestheader-group-headers=X-Remote-Group".to_owned(),
            "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
            path_flag("--proxy-client-cert-file", &client("crt")),
            path_flag("--proxy-client-key-file", &client("key")),
        ]
    }

    fn controller_manager(&self) -> Vec<String> {
        let mut arguments = self.client_of_the_api_server("kube-controller-manager");
        arguments.extend([
            // As real clusters have it: each controller is a user of its own.
            "--use-service-account-credentials=true".to_owned(),
            path_flag("--root-ca-file", &self.credentials.file("ca.crt")),
            path_flag("--service-account-private-key-file", &self.credentials.file("service-account.key")),
        ]);
        arguments
    }

    fn scheduler(&self) -> Vec<String> {
        self.client_of_the_api_server("kube-scheduler")
    }

    fn client_of_the_api_server(&self, user: &str) -> Vec<String> {
        let qps = self.options.client_qps;
        vec![
            path_flag("--kubeconfig", &self.credentials.kubeconfig(user)),
            "--leader-elect=false".to_owned(),
            // Serves nothing: metrics and health would cost two more ports for each cluster.
            "--secure-port=0".to_owned(),
            format!("--kube-api-qps={qps}"),
            format!("--kube-api-burst={}", 2 * qps),
        ]
    }

    fn kwok(&self) -> Vec<String> {
        vec![
            path_flag("--kubeconfig", &self.credentials.kubeconfig("kwok")),
            path_flag("--config", &self.stages()),
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake".to_owned(),
            "--node-lease-duration-seconds=40".to_owned(),
            "--cidr=10.244.0.0/16".to_owned(),
            "--node-ip=10.245.0.1".to_owned(),
            format!("--node-port={}", self.ports.kwok),
            format!("--server-address=127.0.0.1:{}", self.ports.kwok),
        ]
    }
}

fn path_flag(flag: &str, path: &Path) -> String {
    format!("{flag}={}", path.display())
}
