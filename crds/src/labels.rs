//! Every label, annotation, taint and field-manager name that Hemvist reads or writes.
//!
//! One place, because a name that is spelled twice is a name that drifts.

/// Region of a node, ISO 3166-2 in lower case, such as `se-f`. The prefix is one that `NodeRestriction` keeps a
/// kubelet from setting on itself, so the value is an administrator's word and not the node's own.
pub const NODE_REGION: &str = "hemvist.node-restriction.kubernetes.io/region";

/// Data centre of a node, such as `jkpg-a`.
pub const NODE_DATA_CENTRE: &str = "hemvist.node-restriction.kubernetes.io/data-centre";

/// Clearance of a node: the highest information class that it may hold, such as `Sensitive`.
pub const NODE_CLEARANCE: &str = "hemvist.node-restriction.kubernetes.io/clearance";

/// What an administrator says of the devices of a node: [`WHOLE_DEVICES`] where every unit of its accelerators is a whole
/// device. A policy can ask for it where what the cluster announces is not enough.
pub const NODE_DEVICES: &str = "hemvist.node-restriction.kubernetes.io/devices";

/// The value of [`NODE_DEVICES`] on a node that hands out whole devices alone.
pub const WHOLE_DEVICES: &str = "Whole";

/// Taint of a node that is kept for one information class; the value is the class, the effect `NoSchedule`.
pub const NODE_DEDICATED_TAINT: &str = "hemvist.dev/dedicated";

/// Name of the ModelDeployment that an object was made for.
pub const MODEL_DEPLOYMENT: &str = "hemvist.dev/model-deployment";

/// UID of the ModelDeployment that an object was made for: a deleted and recreated namesake is another model.
pub const MODEL_DEPLOYMENT_UID: &str = "hemvist.dev/model-deployment-uid";

/// UID of the ModelDeployment whose weights a pod fetches. Such a pod serves nobody, and has none of the labels by which
/// the pods that do are found.
pub const WEIGHTS_OF: &str = "hemvist.dev/weights-of";

/// Information class of the model, copied to every child.
pub const INFORMATION_CLASS: &str = "hemvist.dev/information-class";

/// AI Act risk class of the model, copied to every child.
pub const RISK_CLASS: &str = "hemvist.dev/risk-class";

/// Annotation of a child: hash of the object as it was rendered, so that an unchanged one is not written again.
pub const RENDERED_HASH: &str = "hemvist.dev/rendered-hash";

/// Annotation of a Deployment whose number of replicas an autoscaler decides: Hemvist neither states it nor restores it.
/// The value is always `true`.
pub const AUTOSCALED: &str = "hemvist.dev/autoscaled";

/// Annotation of what is compiled: the AIPolicy that it carries out, as `namespace/name`.
pub const COMPILED_FROM: &str = "hemvist.dev/compiled-from";

/// Annotation of what is compiled: the generation of that AIPolicy.
pub const COMPILED_GENERATION: &str = "hemvist.dev/compiled-generation";

/// Annotation of an object that is only sent to be refused, in a dry run: the compiled policy that has to refuse it.
pub const PROBE: &str = "hemvist.dev/probe";

/// Annotation of an object that was made for a namespace: the rule that asked for it, as namespace and name of the
/// AIPolicy and the field.
pub const POLICY_RULE: &str = "hemvist.dev/policy-rule";

/// Recommended label: the program that an object belongs to.
pub const APP_NAME: &str = "app.kubernetes.io/name";

/// Recommended label: the role of an object.
pub const APP_COMPONENT: &str = "app.kubernetes.io/component";

/// Recommended label: the larger whole that an object is part of.
pub const APP_PART_OF: &str = "app.kubernetes.io/part-of";

/// Recommended label: the tool that made an object.
pub const APP_MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The value of [`APP_MANAGED_BY`] and [`APP_PART_OF`], and the field manager of every write.
pub const HEMVIST: &str = "hemvist";

/// The namespace that holds the region's AIPolicies, unless the operator's arguments name another.
pub const DEFAULT_ROOT_NAMESPACE: &str = "hemvist-system";

/// Name of the ScaledObject, which KEDA writes on it where it is missing.
pub const KEDA_SCALED_OBJECT: &str = "scaledobject.keda.sh/name";

/// Name of the node, kept by the kubelet; a hint for people, never proof.
pub const HOSTNAME: &str = "kubernetes.io/hostname";
