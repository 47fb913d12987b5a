//! The verdict on every resource: who judges it, and why nobody judges the rest.

/// A resource that compiled policies watch.
pub struct Judged {
    /// The group, empty for the core.
    pub group: &'static str,
    /// The resource or sub-resource.
    pub resource: &'static str,
    /// Every policy that judges some operation of it.
    pub by: &'static [&'static str],
    /// Operations that nobody judges, and why.
    pub but: Option<(&'static [&'static str], &'static str)>,
}

const fn judged(group: &'static str, resource: &'static str, by: &'static [&'static str]) -> Judged {
    Judged { group, resource, by, but: None }
}

impl Judged {
    const fn but(self, operations: &'static [&'static str], why: &'static str) -> Self {
        Self { but: Some((operations, why)), ..self }
    }
}

const AUTOSCALERS: &[&str] = &["hemvist-children", "hemvist-neighbours"];
const BINDINGS: &[&str] = &["hemvist-bindings"];
const CHILDREN: &[&str] = &["hemvist-children"];
const CONNECTIONS: &[&str] = &["hemvist-connections"];
const NODES: &[&str] = &["hemvist-nodes"];
const PODS: &[&str] = &["hemvist-pods", "hemvist-pods.*"];
const STATUSES: &[&str] = &["hemvist-statuses"];
const WORKLOADS: &[&str] = &["hemvist-workloads"];
const MADE_HERE: &[&str] = &["hemvist-children", "hemvist-workloads"];

const DELETE: &[&str] = &["DELETE"];
const NOTHING_IS_MADE: &str = "deleting a template makes no pod";

/// The resources that are watched.
pub const JUDGED: [Judged; 43] = [
    judged("", "bindings", BINDINGS),
    judged("", "nodes", NODES).but(DELETE, "a node that comes again has no clearance"),
    judged("", "nodes/status", NODES),
    judged("", "pods", PODS).but(DELETE, "a pod can always end; a model's comes again"),
    judged("", "pods/attach", CONNECTIONS),
    judged("", "pods/binding", BINDINGS),
    judged("", "pods/ephemeralcontainers", PODS),
    judged("", "pods/exec", CONNECTIONS),
    judged("", "pods/portforward", CONNECTIONS),
    judged("", "pods/proxy", CONNECTIONS),
    judged("", "pods/resize", PODS),
    judged("", "pods/status", &["hemvist-pods"]),
    judged("", "podtemplates", WORKLOADS).but(DELETE, NOTHING_IS_MADE),
    judged("", "replicationcontrollers", WORKLOADS).but(DELETE, NOTHING_IS_MADE),
    judged("", "resourcequotas", CHILDREN),
    judged("", "resourcequotas/status", CHILDREN),
    judged("", "serviceaccounts", CHILDREN),
    judged("", "services", CHILDREN),
    judged("", "services/proxy", CONNECTIONS),
    judged("", "services/status", CHILDREN),
    judged("apps", "daemonsets", WORKLOADS).but(DELETE, NOTHING_IS_MADE),
    judged("apps", "deployments", MADE_HERE),
    judged("apps", "deployments/scale", CHILDREN),
    judged("apps", "deployments/status", CHILDREN),
    judged("apps", "replicasets", MADE_HERE),
    judged("apps", "replicasets/scale", CHILDREN),
    judged("apps", "replicasets/status", CHILDREN),
    judged("apps", "statefulsets", WORKLOADS).but(DELETE, NOTHING_IS_MADE),
    judged("autoscaling", "horizontalpodautoscalers", AUTOSCALERS),
    judged("autoscaling", "horizontalpodautoscalers/status", CHILDREN),
    judged("batch", "cronjobs", WORKLOADS).but(DELETE, NOTHING_IS_MADE),
    judged("batch", "jobs", MADE_HERE),
    judged("batch", "jobs/status", CHILDREN),
    judged("gateway.networking.k8s.io", "httproutes", CHILDREN),
    judged("hemvist.dev", "aipolicies/status", STATUSES),
    judged("hemvist.dev", "modeldeployments", &["hemvist-models", "hemvist-models.*"])
        .but(DELETE, "a model can always be taken away"),
    judged("hemvist.dev", "modeldeployments/status", STATUSES),
    judged("inference.networking.k8s.io", "inferencepools", CHILDREN),
    judged("keda.sh", "scaledobjects", AUTOSCALERS),
    judged("keda.sh", "scaledobjects/status", CHILDREN),
    judged("networking.k8s.io", "networkpolicies", &["hemvist-children", "hemvist-neighbours"]),
    judged("policy", "poddisruptionbudgets", CHILDREN),
    judged("policy", "poddisruptionbudgets/status", CHILDREN),
];

/// Resources that are watched and not served by Kubernetes with Hemvist's kinds alone.
pub const NOT_HERE: [(&str, &str, &str); 3] = [
    ("hemvist.dev", "usagestatements", "a kind of a later version"),
    ("hemvist.dev", "usagestatements/status", "a kind of a later version"),
    ("leaderworkerset.x-k8s.io", "leaderworkersets", "served where LeaderWorkerSet is installed"),
];

/// Resources of one group that nobody watches for the same reason.
pub struct Left {
    /// Why.
    pub why: &'static str,
    /// The group, empty for the core.
    pub group: &'static str,
    /// The resources and sub-resources.
    pub resources: &'static [&'static str],
}

const fn left(why: &'static str, group: &'static str, resources: &'static [&'static str]) -> Left {
    Left { why, group, resources }
}

const REPORTS: &str = "a report of a controller on what is not Hemvist's; no pod is made of it";
const SCALES: &str =
    "more pods of a template that was judged, and each pod is judged again; none of these is Hemvist's";
const PLATFORM: &str =
    "an object of the cluster that no tenant may write by Kubernetes' own roles; documented as left";
const CLAIMS: &str = "a pod that uses a claim is a pod that uses an accelerator, and is judged itself";
const GROUPS_OF_PODS: &str =
    "says how pods are scheduled together; it has no template, and each pod is judged itself";
const EVICTS: &str = "a model's pods can be pushed out, and come again; documented as left";
const IDENTITY: &str = "who somebody is and may do is authorization's; every identity is judged alike";
const ASKS: &str = "a question that is answered and not kept; admission policies are not asked about it";
const TRAFFIC: &str =
    "leads traffic to what a NetworkPolicy still judges; who may write it is a matter of roles";
const CONTENT: &str = "read by pods, and admission cannot see that; documented as left";
const ADMISSION: &str = "admission policies in the API do not judge admission; repaired, or held on the disk";

/// The resources that are knowingly left.
pub const LEFT: [Left; 40] = [
    left(
        "namespaces are selected by name, and no label takes one out",
        "",
        &["namespaces", "namespaces/finalize", "namespaces/status"],
    ),
    left("leads past the API server to the kubelet; documented as left", "", &["nodes/proxy"]),
    left(EVICTS, "", &["pods/eviction"]),
    left(SCALES, "", &["replicationcontrollers/scale"]),
    left(SCALES, "apps", &["statefulsets/scale"]),
    left(
        "sets what the schema bounds, and replicas are never judged",
        "hemvist.dev",
        &["modeldeployments/scale"],
    ),
    left(
        "who may decide policies is a matter of roles in the root namespace",
        "hemvist.dev",
        &["aipolicies"],
    ),
    left(
        "the StatefulSet controller makes pods of it, and their content is judged; documented as left",
        "apps",
        &["controllerrevisions"],
    ),
    left(
        REPORTS,
        "",
        &["replicationcontrollers/status", "persistentvolumeclaims/status", "persistentvolumes/status"],
    ),
    left(REPORTS, "apps", &["daemonsets/status", "statefulsets/status"]),
    left(REPORTS, "batch", &["cronjobs/status"]),
    left(
        "says which gateways have taken a route or a pool, and leads nothing",
        "gateway.networking.k8s.io",
        &["httproutes/status"],
    ),
    left(
        "says which gateways have taken a route or a pool, and leads nothing",
        "inference.networking.k8s.io",
        &["inferencepools/status"],
    ),
    left(REPORTS, "events.k8s.io", &["events"]),
    left("bounds and defaults of pods, which are judged after them", "", &["limitranges"]),
    left(REPORTS, "", &["events"]),
    left(CONTENT, "", &["configmaps", "secrets"]),
    left(
        "a volume is no accelerator; a path of the host behind one is documented as left",
        "",
        &["persistentvolumeclaims", "persistentvolumes"],
    ),
    left(
        PLATFORM,
        "storage.k8s.io",
        &[
            "csidrivers",
            "csinodes",
            "csinodes/status",
            "csistoragecapacities",
            "storageclasses",
            "volumeattachments",
            "volumeattachments/status",
            "volumeattributesclasses",
        ],
    ),
    left(TRAFFIC, "", &["endpoints"]),
    left(TRAFFIC, "discovery.k8s.io", &["endpointslices"]),
    left(
        TRAFFIC,
        "networking.k8s.io",
        &[
            "ingressclasses",
            "ingresses",
            "ingresses/status",
            "ipaddresses",
            "servicecidrs",
            "servicecidrs/status",
        ],
    ),
    left(IDENTITY, "", &["serviceaccounts/token"]),
    left(
        IDENTITY,
        "rbac.authorization.k8s.io",
        &["clusterrolebindings", "clusterroles", "rolebindings", "roles"],
    ),
    left(
        IDENTITY,
        "certificates.k8s.io",
        &[
            "certificatesigningrequests",
            "certificatesigningrequests/approval",
            "certificatesigningrequests/status",
            "clustertrustbundles",
            "podcertificaterequests",
            "podcertificaterequests/status",
        ],
    ),
    left(ASKS, "authentication.k8s.io", &["selfsubjectreviews", "tokenreviews"]),
    left(
        ASKS,
        "authorization.k8s.io",
        &[
            "localsubjectaccessreviews",
            "selfsubjectaccessreviews",
            "selfsubjectrulesreviews",
            "subjectaccessreviews",
        ],
    ),
    left(
        ADMISSION,
        "admissionregistration.k8s.io",
        &[
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
            "mutatingwebhookconfigurations",
            "validatingadmissionpolicies",
            "validatingadmissionpolicies/status",
            "validatingadmissionpolicybindings",
            "validatingwebhookconfigurations",
        ],
    ),
    left(
        PLATFORM,
        "apiextensions.k8s.io",
        &["customresourcedefinitions", "customresourcedefinitions/status"],
    ),
    left(PLATFORM, "apiregistration.k8s.io", &["apiservices", "apiservices/status"]),
    left(
        "says who leads; the operator's own lies in the root namespace",
        "coordination.k8s.io",
        &["leasecandidates", "leases"],
    ),
    left(
        PLATFORM,
        "flowcontrol.apiserver.k8s.io",
        &[
            "flowschemas",
            "flowschemas/status",
            "prioritylevelconfigurations",
            "prioritylevelconfigurations/status",
        ],
    ),
    left(PLATFORM, "internal.apiserver.k8s.io", &["storageversions", "storageversions/status"]),
    left(
        PLATFORM,
        "storagemigration.k8s.io",
        &["storageversionmigrations", "storageversionmigrations/status"],
    ),
    left(
        EVICTS,
        "lifecycle.k8s.io",
        &["evictionrequests", "evictionrequests/status", "evictions", "evictions/status"],
    ),
    left(
        "a class that is no accelerator is recognised by its name; who may write one is the platform",
        "node.k8s.io",
        &["runtimeclasses"],
    ),
    left(
        "may give devices the name of a resource that is no accelerator, as a device plug-in may; documented as left",
        "resource.k8s.io",
        &["deviceclasses"],
    ),
    left(
        CLAIMS,
        "resource.k8s.io",
        &[
            "devicetaintrules",
            "devicetaintrules/status",
            "resourceclaims",
            "resourceclaims/status",
            "resourceclaimtemplates",
            "resourcepoolstatusrequests",
            "resourcepoolstatusrequests/status",
            "resourceslices",
        ],
    ),
    left(EVICTS, "scheduling.k8s.io", &["priorityclasses"]),
    left(
        GROUPS_OF_PODS,
        "scheduling.k8s.io",
        &["compositepodgroups", "compositepodgroups/status", "podgroups", "podgroups/status", "workloads"],
    ),
];
