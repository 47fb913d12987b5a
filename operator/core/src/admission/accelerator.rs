//! Whether a pod uses an accelerator, by whatever name, as an expression for the API server.
//!
//! [`PodFacts::uses_accelerator`](crate::snapshot::PodFacts::uses_accelerator) answers the same from the same lists, for the
//! controller and the command line. A test holds the two together on random pods.

use super::cel::{Expr, all, any, has, name, text, texts};
use super::pattern::quoted;
use crate::accelerator::{
    CDI_ANNOTATION, DEVICE_CLASSES, DEVICE_PATHS, DEVICES_VARIABLE, MIGHTY, NO_DEVICES, Name, VENDORS,
};
use crate::snapshot::OtherDevices;

/// The names of resources that are no accelerators, as a regular expression.
fn other_resources(devices: &OtherDevices) -> String {
    let known = [r"^[^/]*$".to_owned(), r"^([^/]*\.)?kubernetes\.io/".to_owned()];
    let others = devices.resource_prefixes.iter().map(|prefix| format!("^{}", quoted(prefix)));
    known.into_iter().chain(others).collect::<Vec<_>>().join("|")
}

/// Whether the catalogue of vendors knows that a resource of this name is no accelerator. Not part of the regular expression:
/// that is paid for by its length, for every resource of every pod.
fn known_to_be_other(resource: &Expr) -> Expr {
    any(VENDORS.iter().flat_map(|vendor| vendor.others).map(|other| match other {
        Name::Is(one) => resource.clone().equals(text(*one)),
        Name::Begins(prefix) => resource.clone().call("startsWith", [text(*prefix)]),
    }))
}

/// The same as [`is_accelerator_expr`], at a price that a rule can pay which looks at every resource once more.
pub fn is_accelerator_expr_by_prefixes(devices: &OtherDevices, resource: &Expr) -> Expr {
    let begins = |prefix: &str| resource.clone().call("startsWith", [text(prefix.to_owned())]);
    let contains = |part: &str| resource.clone().call("contains", [text(part.to_owned())]);
    let of_device_class = begins(&format!("{DEVICE_CLASSES}/"));
    // A name has one slash, so what is before it ends with the domain.
    let kubernetes = any([begins("kubernetes.io/"), all([contains(".kubernetes.io/"), !of_device_class])]);
    let listed = any(devices.resource_prefixes.iter().map(|prefix| begins(prefix)));
    all([contains("/"), !kubernetes, !listed, !known_to_be_other(resource)])
}

/// Whether the pod with this spec and metadata uses an accelerator.
pub fn uses_accelerator_expr(devices: &OtherDevices, spec: &Expr, metadata: &Expr) -> Expr {
    let volumes = spec.clone().maybe("volumes").or_none();
    any([
        some_container(spec, "c", &container_expr(devices, &name("c"))),
        claims_devices(spec),
        has_device_runtime(devices, spec),
        volumes.some("v", host_device_expr(&name("v"))),
        is_annotated(metadata),
    ])
}

/// Whether the pod claims devices of dynamic resource allocation.
pub fn claims_devices(spec: &Expr) -> Expr {
    spec.clone().maybe("resourceClaims").or_none().call("size", []).exceeds(Expr::Int(0))
}

/// Whether the runtime class of the pod may give it devices.
fn has_device_runtime(devices: &OtherDevices, spec: &Expr) -> Expr {
    let runtime = spec.clone().maybe("runtimeClassName").or_empty();
    let harmless = std::iter::once("").chain(devices.runtime_classes.iter().map(String::as_str));
    !runtime.is_in(texts(harmless))
}

/// Whether an annotation asks the container runtime for devices.
fn is_annotated(metadata: &Expr) -> Expr {
    let annotations = metadata.clone().maybe("annotations").or_no_entries();
    annotations.some("k", name("k").call("startsWith", [text(CDI_ANNOTATION)]))
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
    let asks = |kind| asks_for_accelerator(devices, container, kind);
    any([asks("limits"), asks("requests"), asks_runtime_expr(container)])
}

/// Whether a list of resources of the container has an accelerator in it.
fn asks_for_accelerator(devices: &OtherDevices, container: &Expr, list: &'static str) -> Expr {
    let list = container.clone().maybe_path(["resources", list]).or_no_entries();
    list.some("r", is_accelerator_expr(devices, &name("r")))
}

/// Whether a resource of this name stands for accelerators.
fn is_accelerator_expr(devices: &OtherDevices, resource: &Expr) -> Expr {
    // Most names have no domain, and looking for the slash costs less than the expression.
    let has_domain = resource.clone().call("contains", [text("/")]);
    let of_device_class = resource.clone().call("startsWith", [text(format!("{DEVICE_CLASSES}/"))]);
    let unknown = any([!resource.clone().matches(other_resources(devices)), of_device_class]);
    all([has_domain, unknown, !known_to_be_other(resource)])
}

/// Whether the pod is given devices past what it requests: by an annotation, or by a runtime class without a resource. What the
/// image asks such a runtime for is not known here.
pub fn given_devices_expr(devices: &OtherDevices, spec: &Expr, metadata: &Expr) -> Expr {
    let asks = |kind| asks_for_accelerator(devices, &name("c"), kind);
    let asked =
        any([some_container(spec, "c", &any([asks("limits"), asks("requests")])), claims_devices(spec)]);
    any([is_annotated(metadata), all([has_device_runtime(devices, spec), !asked])])
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
        variables.some("e", all([names_devices, asks])),
    ])
}

fn host_device_expr(volume: &Expr) -> Expr {
    all([
        has(volume.clone().field("hostPath")),
        volume.clone().path(["hostPath", "path"]).matches(DEVICE_PATHS),
    ])
}
