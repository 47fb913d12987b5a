//! The ways in which a pod reaches an accelerator without requesting its resource.
//!
//! The same lists stand in the expressions for the API server; a test holds both to each other on random pods.

use std::fmt;

/// What the names of environment variables end with that tell a container runtime which devices to add: those of NVIDIA,
/// AMD, Habana, Ascend and others.
pub const DEVICES_VARIABLE: &str = "_VISIBLE_DEVICES";

/// Values of such a variable that ask for no device.
pub const NO_DEVICES: [&str; 3] = ["", "none", "void"];

/// Capabilities with which a container takes devices, or the whole host, for itself.
pub const MIGHTY: [&str; 4] = ["ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO"];

/// What the keys of annotations begin with that ask a container runtime for devices (Container Device Interface).
pub const CDI_ANNOTATION: &str = "cdi.k8s.io/";

/// Host paths behind which devices are, the sockets of those who hand them out, or the whole host: everything at and below
/// these, and the folders above them. `/` as often as one likes, with `.` in between, is one separator.
pub const DEVICE_PATHS: &str = concat!(
    r"^/(\.?/)*\.?$",
    r"|^/(\.?/)*(dev|proc|run|sys|var/(\.?/)*run)(/|$)",
    r"|^/(\.?/)*(etc|var|var/(\.?/)*lib)(/(\.?/)*\.?)?$",
    r"|^/(\.?/)*etc/(\.?/)*(cdi|kubernetes)(/|$)",
    r"|^/(\.?/)*var/(\.?/)*lib/(\.?/)*(kubelet|containerd|containers|docker|rancher|k0s)(/|$)",
);

/// The same folders, part by part.
const AT_AND_BELOW: [&[&str]; 13] = [
    &["dev"],
    &["proc"],
    &["sys"],
    &["etc", "kubernetes"],
    &["run"],
    &["var", "run"],
    &["etc", "cdi"],
    &["var", "lib", "kubelet"],
    &["var", "lib", "containerd"],
    &["var", "lib", "containers"],
    &["var", "lib", "docker"],
    &["var", "lib", "rancher"],
    &["var", "lib", "k0s"],
];

/// How a pod reaches an accelerator past the resources that it requests.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Reach {
    /// By a claim of dynamic resource allocation.
    Claim,
    /// By an environment variable that the container runtime reads.
    Variable,
    /// By an annotation that the container runtime reads.
    Annotation,
    /// By a path of the host.
    HostPath,
    /// By a privilege that comes to the same.
    Privilege,
}

impl fmt::Display for Reach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Claim => "a resource claim",
            Self::Variable => "an environment variable that asks for devices",
            Self::Annotation => "an annotation that asks for devices",
            Self::HostPath => "a path of the host",
            Self::Privilege => "a privileged container",
        })
    }
}

/// Whether a variable asks a container runtime for devices. `value` is `None` where it is filled from elsewhere, so that
/// nobody knows.
pub fn asks_for_devices(name: &str, value: Option<&str>) -> bool {
    name.ends_with(DEVICES_VARIABLE) && value.is_none_or(|value| !NO_DEVICES.contains(&value))
}

/// Whether devices, or the sockets of those who hand them out, are behind a host path.
pub fn is_device_path(path: &str) -> bool {
    if !path.starts_with('/') {
        return false;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    // Either the path leads to such a folder or below it, or the folder is below the path.
    let is_above = matches!(parts.as_slice(), [] | ["etc" | "var"] | ["var", "lib"]);
    is_above || AT_AND_BELOW.iter().any(|folder| parts.starts_with(folder))
}
