//! Rules for what cannot work in a ModelDeployment, independent of policies.

use hemvist_api::condition::Reason;
use hemvist_api::values::{AcceleratorVendor, EngineType, ModelFormat};

use super::{Rule, findings};

/// What the API server is given is compiled from AIPolicies.
const NO_POLICY: &str = "It depends on no AIPolicy, and the API server gets AIPolicies alone.";

/// What an installation has, and what its cluster serves.
const INSTALLATION: &str = "The API server does not get the settings of the installation.";

/// The schema of the kind has a rule of its own.
const SCHEMA: &str = "The schema of the kind refuses it first, in its own words.";

/// A rule that no policy can change.
const fn rule(fields: &'static [&'static str], fault: &'static str, help: &'static str) -> Rule {
    Rule::new(&[Reason::Invalid], fields, fault, help).absolute().by_core_alone(NO_POLICY)
}

findings! {
    /// A field that cannot work.
    RequestFinding

    /// A device class is requested.
    DeviceClassNotSupported => Rule::new(
        &[Reason::NotSupported],
        &["spec.accelerator.deviceClassName"],
        "dynamic resource allocation is not supported by this version",
        "Remove it; Hemvist then requests the accelerator as an extended resource.",
    )
    .because("The field is there so that manifests stay valid when a version supports it.")
    .absolute()
    .by_core_alone(NO_POLICY);

    /// The context is longer than the model's own.
    ContextTooLong {
        /// What is requested, in tokens.
        asked: i32,
        /// The longest context of the model, in tokens.
        longest: i32,
    } => rule(
        &["spec.engine.contextLength"],
        "{asked} exceeds the model's maximum of {longest} (spec.model.facts.maxContextLength)",
        "Set it to at most {longest}.",
    )
    .because("Beyond its own context a model answers nonsense, or the engine does not start.");

    /// A partition of a vendor's accelerators is requested, and no partitions of that vendor are known.
    PartitionsUnknown {
        /// The vendor.
        vendor: AcceleratorVendor,
    } => rule(
        &["spec.accelerator.partition"],
        "Hemvist knows no hardware partitions of {vendor} accelerators",
        "Remove it to use whole devices.",
    )
    .because("The resource of a partition is named by the vendor's device plug-in.");

    /// A partition is requested that the vendor's accelerators do not have.
    PartitionUnknown {
        /// The vendor.
        vendor: AcceleratorVendor,
        /// The partition.
        partition: String,
    } => rule(
        &["spec.accelerator.partition"],
        "{vendor} accelerators have no partition {partition}",
        "Remove it to use whole devices.",
    )
    .because("The resource of a partition is named by the vendor's device plug-in.");

    /// Products are requested of a vendor whose nodes do not say which they have.
    ProductsUnknown {
        /// The vendor.
        vendor: AcceleratorVendor,
    } => rule(
        &["spec.accelerator.products"],
        "no node label names the product of {vendor} accelerators",
        "Remove it.",
    )
    .because("A node with the product could not be told from others.");

    /// The engine has no library for the vendor's devices.
    VendorNotSupported {
        /// The engine.
        engine: EngineType,
        /// The vendor.
        vendor: AcceleratorVendor,
    } => rule(
        &["spec.engine.type"],
        "{engine} does not work with {vendor} accelerators",
        "Set it to another engine, or spec.accelerator.vendor to another vendor.",
    )
    .because("An engine needs a library for the devices that it computes on.");

    /// Several partitions are requested.
    PartitionsCombined => rule(
        &["spec.accelerator.count"],
        "one replica cannot span several partitions",
        "Set it to 1, or remove spec.accelerator.partition to use whole devices.",
    )
    .because("Partitions cannot exchange data as whole devices do.");

    /// The attention heads do not divide evenly.
    HeadsNotDivisible {
        /// The attention heads of the model.
        heads: i32,
        /// The accelerators of a replica.
        count: i32,
    } => rule(
        &["spec.accelerator.count"],
        "{heads} attention heads do not divide evenly by {count} accelerators",
        "Set it to a divisor of {heads}.",
    )
    .because("The engine gives each accelerator the same number of attention heads.");

    /// The engine does not serve the format.
    FormatNotServed {
        /// The engine.
        engine: EngineType,
        /// The formats that it serves.
        served: String,
        /// The format of the weights.
        format: ModelFormat,
    } => rule(
        &["spec.model.format"],
        "{engine} serves {served}, not {format}",
        "Use weights in {served}, or another engine.",
    )
    .because("Each engine reads its own file formats.");

    /// The name of the model means something else to the engine.
    NameMisread {
        /// The name, in quotes.
        name: String,
        /// The character, in quotes.
        character: String,
        /// The engine.
        engine: EngineType,
    } => rule(
        &["spec.model.name"],
        "{name} contains {character}, which {engine} would interpret",
        "Remove {character} from the name.",
    )
    .because("Clients could not ask for the model by its name.");

    /// Settings for an engine of one's own are given to a built-in one.
    EngineNotCustom {
        /// The engine.
        engine: EngineType,
    } => rule(
        &["spec.engine.custom"],
        "{engine} is a built-in engine, and spec.engine.custom is for engines of type Custom",
        "Remove it, or set spec.engine.type to Custom.",
    )
    .because("Hemvist knows how to start a built-in engine.")
    .by_core_alone(SCHEMA);

    /// The port is the proxy's.
    PortTaken {
        /// The port.
        port: i32,
        /// A port that is free.
        free: i32,
    } => rule(
        &["spec.engine.custom.port"],
        "port {port} belongs to the proxy in front of the engine",
        "Let the engine listen on another port, such as {free}, on the address in HEMVIST_HOST.",
    )
    .because("Requests reach the engine through the proxy in the same pod.")
    .by_core_alone(SCHEMA);

    /// The command is a shell.
    ShellCommand {
        /// The program, in quotes.
        program: String,
    } => rule(
        &["spec.engine.custom.command"],
        "{program} is a shell, which can run anything",
        "Name the program itself, or remove the command to run that of the image.",
    )
    .because("A command of a shell would be code that nobody reviewed.")
    .by_core_alone(SCHEMA);

    /// An argument that is not written as a name.
    ArgumentMiswritten {
        /// The argument, in quotes.
        argument: String,
        /// How to write it.
        way: String,
    } => rule(
        &["spec.engine.args[].name"],
        "{argument} is not the name of an argument: names are lower-case words joined by -, without leading dashes and \
         without a value",
        "{way}",
    )
    .because("Hemvist writes each argument in the way of its engine.")
    .by_core_alone(SCHEMA);

    /// An argument with a value that it does not take.
    ArgumentValueUnfit {
        /// Name of the argument.
        argument: String,
        /// What it takes, such as `takes no value`.
        expectation: String,
        /// What to do.
        way: String,
    } => rule(&["spec.engine.args[].value"], "argument {argument} {expectation}", "{way}")
    .because("A value that the engine refuses would only show when a replica does not start.");

    /// A gateway is requested where none is configured.
    GatewayNotConfigured => rule(
        &["spec.access.gateway"],
        "no gateway is configured in this installation",
        "Remove it, or ask the administrators to set gateway.name in the chart (--gateway).",
    )
    .because("The gateway is the installation's.")
    .by_core_alone(INSTALLATION);

    /// What the engine measures is not known.
    LoadNotKnown {
        /// The engine.
        engine: EngineType,
    } => rule(
        &["spec.scaling.metric"],
        "Hemvist knows no load metric of engine type {engine}",
        "Set spec.replicas, or scale the ModelDeployment with a HorizontalPodAutoscaler of your own.",
    )
    .because("An autoscaler follows a metric of the engine.");

    /// The engine does not measure its cache.
    CacheNotMeasured {
        /// The engine.
        engine: EngineType,
    } => rule(
        &["spec.scaling.metric"],
        "{engine} has no metric for the usage of its key-value cache",
        "Set it to QueueDepth.",
    )
    .because("An autoscaler follows a metric of the engine.");

    /// No replicas are requested, and only KEDA can start the first.
    ZeroNeedsPrometheus => rule(
        &["spec.scaling.minReplicas"],
        "0 replicas need KEDA and a Prometheus, and this installation configures no Prometheus",
        "Set it to 1 or more, or ask the administrators to set load.prometheusAddress in the chart \
         (--prometheus-address).",
    )
    .because("A HorizontalPodAutoscaler keeps at least one replica.")
    .by_core_alone(INSTALLATION);

    /// A schedule is requested, and only KEDA knows the time.
    ScheduleNeedsPrometheus => rule(
        &["spec.scaling.schedule"],
        "a schedule needs KEDA and a Prometheus, and this installation configures no Prometheus",
        "Remove it, or ask the administrators to set load.prometheusAddress in the chart (--prometheus-address).",
    )
    .because("A HorizontalPodAutoscaler does not know the time of day.")
    .by_core_alone(INSTALLATION);

    /// A model without replicas would never start again.
    NothingStartsIt => rule(
        &["spec.scaling.minReplicas"],
        "with 0 replicas there are no metrics, so nothing would start the model again",
        "Set it to 1 or more, set spec.scaling.schedule, or ask the administrators to set load.requestsQuery in the chart \
         (--requests-query).",
    )
    .because("Metrics come from replicas.")
    .by_core_alone(INSTALLATION);

    /// An adapter has the name of the model.
    AdapterNameTaken => rule(
        &["spec.model.adapters[].name"],
        "the model itself has this name, so a request could mean either",
        "Give the adapter another name.",
    )
    .because("Clients ask for adapters as for models, by name.");

    /// The engine takes no adapters.
    AdaptersNotSupported {
        /// The engine.
        engine: EngineType,
        /// The engines that take some.
        others: String,
    } => rule(
        &["spec.model.adapters"],
        "Hemvist cannot pass adapters to an engine of type {engine}",
        "Remove spec.model.adapters, or use one of {others}.",
    )
    .because("Each engine takes adapters in its own way, or not at all.");

    /// No source of weights is set.
    SourceMissing => rule(
        &["spec.model.source", "spec.model.adapters[].source"],
        "no source is set",
        "Set exactly one of image, persistentVolumeClaim and mirror.",
    )
    .because("A replica serves weights.")
    .by_core_alone(SCHEMA);

    /// No kind of mirror is set.
    MirrorMissing => rule(
        &["spec.model.source.mirror"],
        "no mirror is set",
        "Set exactly one of objectStore and hub.",
    )
    .because("Weights are fetched from one place.")
    .by_core_alone(SCHEMA);

    /// The path does not name a file in the format GGUF.
    FileNotNamed {
        /// The path, in quotes.
        path: String,
    } => rule(
        &["spec.model.source.*.path", "spec.model.adapters[].source.*.path"],
        "{path} does not name a GGUF file",
        "Name the file, such as models/model-q4.gguf; for a split model, its first part.",
    )
    .because("In the format GGUF a model is a file and not a folder.");

    /// Weights are fetched, and nothing says which they have to be.
    MirrorNeedsDigest => rule(
        &["spec.model.digest"],
        "weights from a mirror need a digest, and none is set",
        "Set the digest that `hemvist model digest` prints.",
    )
    .because("Only a digest says that what was fetched is what was assessed.");

    /// Weights have to be fetched or verified, and the installation has no image for that.
    ToolsNotConfigured {
        /// What has to be done with them: `fetched` or `verified`.
        done: &'static str,
    } => rule(
        &["spec.model.source.mirror", "spec.model.digest", "spec.model.adapters[].digest"],
        "the weights must be {done} before they are served, and this installation configures no image for that",
        "Ask the administrators to set tools.image in the chart, or use weights in an OCI image.",
    )
    .because("A program of Hemvist fetches and verifies weights.")
    .by_core_alone(INSTALLATION);

    /// The installation does not know the mirror.
    MirrorNotListed {
        /// The mirror that is requested.
        endpoint: String,
        /// The mirrors of the installation.
        known: String,
    } => rule(
        &["spec.model.source.mirror.objectStore.endpoint", "spec.model.source.mirror.hub.endpoint"],
        "{endpoint} is not a mirror of this installation; its mirrors are {known}",
        "Use one of these, or ask the administrators to add this one with its networks (mirrors in the chart).",
    )
    .because("A Job that fetches weights reaches the networks of the mirrors and nothing else.")
    .by_core_alone(INSTALLATION);
}
