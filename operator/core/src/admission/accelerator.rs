//! Whether a pod uses an accelerator, by whatever name.
//!
//! The same question is answered twice: by an expression for the API server, and by [`uses_accelerator`] for the
//! controller and the command line. A test holds the two together on random pods.

use k8s_openapi::api::core::v1::{
    Container, EphemeralContainer, PodSpec, ResourceRequirements, SecurityContext, Volume,
};
use std::collections::BTreeMap;

use super::cel::{Expr, any, has, name, text, texts};
use super::pattern::quoted;
use crate::snapshot::{DEVICE_CLASSES, OtherDevices};

/// What the names of environment variables end with that tell a container runtime which devices to add: those of NVIDIA,
/// AMD, Habana, Ascend and others.
const DEVICES_VARIABLE: &str = "_VISIBLE_DEVICES";

/// Values of such a variable that ask for no device.
const NO_DEVICES: [&str; 3] = ["", "none", "void"];

/// Capabilities with which a container takes devices, or the whole host, for itself.
const MIGHTY: [&str; 4] = ["ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO"];

/// What the keys of annotations begin with that ask a container runtime for devices (Container Device Interface).
const CDI_ANNOTATION: &str = "cdi.k8s.io/";

/// Host paths behind which devices are, the sockets of those who hand them out, or the whole host: everything at and below these, and the
/// folders above them. `/` as often as one likes, with `.` in between, is one separator.
const DEVICE_PATHS: &str = concat!(
    r"^/(\.?/)*\.?$",
    r"|^/(\.?/)*(dev|proc|run|sys|var/(\.?/)*run)(/|$)",
    r"|^/(\.?/)*(etc|var|var/(\.?/)*lib)(/(\.?/)*\.?)?$",
    r"|^/(\.?/)*etc/(\.?/)*(cdi|kubernetes)(/|$)",
    r"|^/(\.?/)*var/(\.?/)*lib/(\.?/)*(kubelet|containerd|containers|docker|rancher|k0s)(/|$)",
);

/// The names of resources that are no accelerators, as a regular expression.
fn other_resources(devices: &OtherDevices) -> String {
    let known = [r"^[^/]*$".to_owned(), r"^([^/]*\.)?kubernetes\.io/".to_owned()];
    let others = devices.resource_prefixes.iter().map(|prefix| format!("^{}", quoted(prefix)));
    known.into_iter().chain(others).collect::<Vec<_>>().join("|")
}

/// Whether the pod with this spec and metadata uses an accelerator.
pub fn uses_accelerator_expr(devices: &OtherDevices, spec: &Expr, metadata: &Expr) -> Expr {
    let volumes = spec.clone().maybe("volumes").or_none();
    let annotations = metadata.clone().maybe("annotations").or_no_entries();
    let runtime = spec.clone().maybe("runtimeClassName").or_empty();
    let harmless = std::iter::once("").chain(devices.runtime_classes.iter().map(String::as_str));
    any([
        some_container(spec, "c", &container_expr(devices, &name("c"))),
        spec.clone().maybe("resourceClaims").or_none().call("size", []).exceeds(Expr::Int(0)),
        !runtime.is_in(texts(harmless)),
        volumes.some("v", host_device_expr(&name("v"))),
        annotations.some("k", name("k").call("startsWith", [text(CDI_ANNOTATION)])),
    ])
}

/// Whether `test` holds of one of the containers of a pod, of whatever kind; `variable` stands for each.
pub fn some_container(spec: &Expr, variable: &'static str, test: &Expr) -> Expr {
    let further = |kind| spec.clone().maybe(kind).or_none().some(variable, test.clone());
    any([
        spec.clone().field("containers").some(variable, test.clone()),
        further("initContainers"),
        further("ephemeralContainers"),
    ])
}

fn container_expr(devices: &OtherDevices, container: &Expr) -> Expr {
    let resources = |kind| {
        let list = container.clone().maybe_path(["resources", kind]).or_no_entries();
        // Most names have no domain, and looking for the slash costs less than the expression.
        let has_domain = name("r").call("contains", [text("/")]);
        let of_device_class = name("r").call("startsWith", [text(format!("{DEVICE_CLASSES}/"))]);
        let unknown = any([!name("r").matches(other_resources(devices)), of_device_class]);
        list.some("r", super::cel::all([has_domain, unknown]))
    };
    any([resources("limits"), resources("requests"), asks_runtime_expr(container)])
}

/// Whether the container asks its runtime for devices, past the scheduler: by a variable, by being privileged, or by a
/// capability that comes to the same.
pub fn asks_runtime_expr(container: &Expr) -> Expr {
    let variables = container.clone().maybe("env").or_none();
    let names_devices = name("e").field("name").call("endsWith", [text(DEVICES_VARIABLE)]);
    // What a variable is filled with from elsewhere is not known here.
    let asks = any([
        has(name("e").field("valueFrom")),
        !name("e").maybe("value").or_empty().is_in(texts(NO_DEVICES)),
    ]);
    any([
        container.clone().maybe_path(["securityContext", "privileged"]).or_value(Expr::Bool(false)),
        container
            .clone()
            .maybe_path(["securityContext", "capabilities", "add"])
            .or_none()
            .some("p", name("p").is_in(texts(MIGHTY))),
        variables.some("e", super::cel::all([names_devices, asks])),
    ])
}

fn host_device_expr(volume: &Expr) -> Expr {
    super::cel::all([
        has(volume.clone().field("hostPath")),
        volume.clone().path(["hostPath", "path"]).matches(DEVICE_PATHS),
    ])
}

/// Whether a pod uses an accelerator.
pub fn uses_accelerator(
    devices: &OtherDevices,
    spec: &PodSpec,
    annotations: Option<&BTreeMap<String, String>>,
) -> bool {
    let runtime = spec.runtime_class_name.as_deref().unwrap_or_default();
    containers(spec).any(|container| container.uses_accelerator(devices))
        || spec.resource_claims.as_ref().is_some_and(|claims| !claims.is_empty())
        || !(runtime.is_empty() || devices.runtime_classes.contains(runtime))
        || spec.volumes.iter().flatten().any(is_host_device)
        || annotations.is_some_and(|all| all.keys().any(|key| key.starts_with(CDI_ANNOTATION)))
}

/// What the kinds of containers have in common.
#[derive(Clone, Copy)]
pub struct AnyContainer<'a> {
    /// Its image.
    pub image: Option<&'a str>,
    resources: Option<&'a ResourceRequirements>,
    security: Option<&'a SecurityContext>,
    env: Option<&'a Vec<k8s_openapi::api::core::v1::EnvVar>>,
}

impl<'a> From<&'a Container> for AnyContainer<'a> {
    fn from(container: &'a Container) -> Self {
        Self {
            image: container.image.as_deref(),
            resources: container.resources.as_ref(),
            security: container.security_context.as_ref(),
            env: container.env.as_ref(),
        }
    }
}

impl<'a> From<&'a EphemeralContainer> for AnyContainer<'a> {
    fn from(container: &'a EphemeralContainer) -> Self {
        Self {
            image: container.image.as_deref(),
            resources: container.resources.as_ref(),
            security: container.security_context.as_ref(),
            env: container.env.as_ref(),
        }
    }
}

impl AnyContainer<'_> {
    fn uses_accelerator(&self, devices: &OtherDevices) -> bool {
        self.resource_names().any(|resource| devices.is_accelerator(resource)) || self.asks_runtime()
    }

    /// The resources that it asks for.
    pub fn resource_names(&self) -> impl Iterator<Item = &str> {
        let lists = self.resources.into_iter().flat_map(|all| [all.limits.as_ref(), all.requests.as_ref()]);
        lists.flatten().flat_map(BTreeMap::keys).map(String::as_str)
    }

    /// Whether it asks its runtime for devices.
    pub fn asks_runtime(&self) -> bool {
        let asks = |variable: &k8s_openapi::api::core::v1::EnvVar| {
            let value = variable.value.as_deref().unwrap_or_default();
            variable.name.ends_with(DEVICES_VARIABLE)
                && (variable.value_from.is_some() || !NO_DEVICES.contains(&value))
        };
        let capabilities = self.security.and_then(|context| context.capabilities.as_ref());
        let added = capabilities.into_iter().flat_map(|capabilities| capabilities.add.iter().flatten());
        let mighty = added.into_iter().any(|capability| MIGHTY.contains(&capability.as_str()));
        let privileged = self.security.is_some_and(|context| context.privileged == Some(true));
        privileged || mighty || self.env.into_iter().flatten().any(asks)
    }
}

/// Every container of a pod, of whatever kind.
pub fn containers(spec: &PodSpec) -> impl Iterator<Item = AnyContainer<'_>> {
    let ordinary = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    let ephemeral = spec.ephemeral_containers.iter().flatten();
    ordinary.map(AnyContainer::from).chain(ephemeral.map(AnyContainer::from))
}

fn is_host_device(volume: &Volume) -> bool {
    volume.host_path.as_ref().is_some_and(|host| is_device_path(&host.path))
}

/// Whether devices, or the sockets of those who hand them out, are behind a host path.
fn is_device_path(path: &str) -> bool {
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
    if !path.starts_with('/') {
        return false;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    // Either the path leads to such a folder or below it, or the folder is below the path.
    let is_above = matches!(parts.as_slice(), [] | ["etc" | "var"] | ["var", "lib"]);
    is_above || AT_AND_BELOW.iter().any(|folder| parts.starts_with(folder))
}
