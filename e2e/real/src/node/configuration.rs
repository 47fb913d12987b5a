//! The files that the programs of a node read.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::containerd::SOCKET;
use crate::programs::{cni_folder, node_program};

/// Where pods ask for names. Nobody answers: what is deployed gets no names, and clients get addresses.
const NAME_SERVER: &str = "10.96.0.10";

/// What the files are made of.
#[derive(Clone, Debug)]
pub struct Configuration<'a> {
    /// The node's folder.
    pub folder: &'a Path,
    /// The node's name.
    pub name: &'a str,
    /// The node's address.
    pub address: Ipv4Addr,
    /// The image of the process that holds a pod's namespaces.
    pub sandbox_image: &'a str,
    /// The addresses of the node's pods; none of those that KWOK gives to simulated ones.
    pub pods: &'a str,
}

impl Configuration<'_> {
    /// Writes all of them.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn write(&self) -> Result<()> {
        self.write_file("containerd.toml", &self.containerd()?)?;
        self.write_file("kubelet.json", &self.kubelet().to_string())?;
        self.write_file("kube-proxy.json", &self.kube_proxy().to_string())?;
        self.write_file("resolv.conf", &format!("nameserver {NAME_SERVER}\n"))?;
        let networks = self.folder.join("networks");
        std::fs::create_dir_all(&networks).with_context(|| format!("making {}", networks.display()))?;
        self.write_file("networks/pods.conflist", &self.network().to_string())
    }

    /// A file of the node.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write_file(&self, name: &str, content: &str) -> Result<()> {
        let path = self.file(name);
        std::fs::write(&path, content).with_context(|| format!("writing {}", path.display()))
    }

    fn containerd(&self) -> Result<String> {
        Ok(format!(
            r#"version = 3
root = "{root}"
state = "/run/containerd"

[grpc]
address = "{SOCKET}"

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{sandbox}"

[plugins."io.containerd.cri.v1.runtime"]
# In a process namespace of its own runc may not raise the score beyond what the node itself has.
restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{plugins}"]
conf_dir = "{networks}"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = "{runc}"
"#,
            root = self.file("containerd").display(),
            sandbox = self.sandbox_image,
            plugins = cni_folder().display(),
            networks = self.file("networks").display(),
            runc = node_program("runc")?.display(),
        ))
    }

    /// Each pod has a link of its own to the node, so that every packet is routed by the node and passes what kube-proxy
    /// has set up. On a bridge, pods of one node would reach each other past it.
    fn network(&self) -> Value {
        json!({
            "cniVersion": "1.0.0",
            "name": "pods",
            "plugins": [{
                "type": "ptp",
                "ipMasq": false,
                "ipam": {
                    "type": "host-local",
                    "dataDir": self.file("addresses"),
                    "ranges": [[{"subnet": self.pods}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }],
        })
    }

    fn kubelet(&self) -> Value {
        json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "containerRuntimeEndpoint": format!("unix://{SOCKET}"),
            "address": self.address.to_string(),
            // Only the machine reaches the node's network.
            "authentication": {"anonymous": {"enabled": true}, "webhook": {"enabled": false}},
            "authorization": {"mode": "AlwaysAllow"},
            "cgroupDriver": "cgroupfs",
            "cgroupsPerQOS": false,
            "enforceNodeAllocatable": [],
            "evictionHard": {},
            "failCgroupV1": false,
            "failSwapOn": false,
            // What is cleared away on a full disk could not be pulled again.
            "imageGCHighThresholdPercent": 100,
            "makeIPTablesUtilChains": false,
            "clusterDNS": [NAME_SERVER],
            "clusterDomain": "cluster.local",
            "resolvConf": self.file("resolv.conf"),
            "podLogsDir": self.file("pods-log"),
            "volumePluginDir": self.file("volume-plugins"),
            // What is seen of a pod is seen soon; on a node with one pod it costs nothing.
            "nodeStatusUpdateFrequency": "5s",
            "syncFrequency": "10s",
        })
    }

    fn kube_proxy(&self) -> Value {
        json!({
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "clusterCIDR": self.pods,
            "clientConnection": {"kubeconfig": self.file("kube-proxy.kubeconfig")},
            "hostnameOverride": self.name,
            "metricsBindAddress": "127.0.0.1:10249",
            // These limits are the whole machine's.
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        })
    }
}

/// Writes a kubeconfig of the cluster again, for use on a node, where the API server has another address.
///
/// # Errors
/// Where it cannot be read or written.
pub fn write_kubeconfig(path: &Path, of_the_cluster: &Path, api_server: &str) -> Result<()> {
    let text = std::fs::read_to_string(of_the_cluster)
        .with_context(|| format!("reading {}", of_the_cluster.display()))?;
    let mut kubeconfig: Value = serde_json::from_str(&text).context("reading a kubeconfig")?;
    let cluster = &mut kubeconfig["clusters"][0]["cluster"];
    cluster["server"] = json!(api_server);
    // The certificate is for the address that the rest of the cluster uses.
    cluster["tls-server-name"] = json!("localhost");
    std::fs::write(path, kubeconfig.to_string()).with_context(|| format!("writing {}", path.display()))
}
