//! `hemvist explain`.

use std::fmt::Write;

use hemvist_api::condition::Reason;

use crate::outcome::{Exit, Outcome};

/// What a reason means and what to do about it.
struct Explanation {
    meaning: &'static str,
    advice: &'static str,
}

/// Declares what every reason means. The match has no other arm, so a new reason does not compile before it stands here.
macro_rules! explanations {
    ($($reason:ident: $meaning:literal, $advice:literal;)+) => {
        const fn explanation(reason: Reason) -> Explanation {
            match reason {
                $(Reason::$reason => Explanation { meaning: $meaning, advice: $advice }),+
            }
        }
    };
}

/// Says what a reason means; without one, lists them all.
pub fn explain(reason: Option<&str>) -> Outcome {
    let Some(word) = reason else { return Outcome::result(list()) };
    match Reason::ALL.iter().find(|reason| reason.as_str().eq_ignore_ascii_case(word)) {
        Some(reason) => {
            let Explanation { meaning, advice } = explanation(*reason);
            Outcome::result(format!("{reason}\n\n{meaning}\n\nWhat to do: {advice}\n"))
        }
        None => Outcome::failure(Exit::Usage, unknown(word)),
    }
}

fn list() -> String {
    let width = Reason::ALL.iter().map(|reason| reason.as_str().len()).max().unwrap_or_default();
    let mut text = String::new();
    for reason in Reason::ALL {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:width$}  {}", reason.as_str(), explanation(*reason).meaning);
    }
    text
}

/// That no reason is called so, with those that could have been meant.
fn unknown(word: &str) -> String {
    let word_lower = word.to_lowercase();
    let similar = |reason: &&Reason| {
        let name = reason.as_str().to_lowercase();
        name.contains(&word_lower) || word_lower.contains(&name)
    };
    let similar: Vec<_> = Reason::ALL.iter().filter(similar).map(|reason| reason.as_str()).collect();
    let hint = if similar.is_empty() || word.is_empty() {
        "`hemvist explain` lists them all.".to_owned()
    } else {
        format!("Is one of these meant: {}?", similar.join(", "))
    };
    format!("error: no reason is called {word:?}. {hint}\n")
}

explanations! {
    Accepted:
        "The policies that bind the namespace allow the model, and it can be carried out.",
        "Nothing.";
    AcceptedWithFindings:
        "The policies find faults, but the strictest enforcement that binds is Warn or Audit, or the faults are duties that \
         have lapsed while the model ran, so the model runs all the same.",
        "Mend the faults that the message names, before a policy with enforcement Deny refuses the model.";
    NoPolicy:
        "No AIPolicy of the root namespace binds the namespace, or the namespace is not governed. Silence never opens, so \
         nothing is allowed.",
        "Let the root namespace's owner bind the namespace with an AIPolicy, or move the model to a governed namespace.";
    PolicyUnreadable:
        "An AIPolicy that may bind the namespace has a value that this version does not know. As long as it is not known \
         what it forbids, everything is refused.",
        "Correct the policy, or install a version of Hemvist that can read it.";
    Unreadable:
        "The object has a field or value that this version does not know, so it is not carried out.",
        "Correct the object, or install a version of Hemvist that can read it.";
    RiskClassUnacceptable:
        "The risk class is Unacceptable: a practice that Article 5 of the AI Act forbids. No policy can allow it.",
        "Do not introduce the model. If the classification is wrong, have it corrected by whoever decides it.";
    InformationClassNotAllowed:
        "The information class is not allowed by every policy that binds the namespace. A class that no policy of the root \
         namespace lists is not allowed.",
        "Give the model less sensitive information and state its class, or ask the policy's owner to list the class.";
    RiskClassNotAllowed:
        "The risk class is not allowed by every policy that binds the namespace.",
        "Ask the policy's owner to list the class with the duties that it needs.";
    DataCentreNotAllowed:
        "A data centre that was asked for is not allowed, or the policies together leave none.",
        "Take the data centre out of spec.placement.dataCentres, or have the policies agree on at least one.";
    RegionNotAllowed:
        "The policies that bind the namespace have no region in common, so there is nowhere that the model may be.",
        "Have the policies agree on at least one region in spec.residency.regions.";
    AssessmentMissing:
        "An assessment that a policy requires for the information class or risk class is not recorded.",
        "Make the assessment and record it in spec.purpose.assessments with its reference and date.";
    AssessmentExpired:
        "A required assessment is past its last day, older than the policy allows, or dated on a day that cannot be right.",
        "Renew the assessment and record the new decision, or correct the date.";
    HumanOversightMissing:
        "A policy requires human oversight, and the model does not say who is responsible and by which procedure.",
        "State responsible and procedure in spec.purpose.humanOversight.";
    TransparencyNoticeMissing:
        "A policy requires that people are told that they meet an AI system, and the model does not say what they are told.",
        "State the text in spec.purpose.transparencyNotice.";
    RecordReferenceMissing:
        "A policy requires the number under which the introduction is registered in the diary, and it is missing.",
        "State the number in spec.purpose.recordReference.";
    LicenceNotAllowed:
        "The licence of the model is not in the list of every policy that binds the namespace.",
        "Choose a model with an allowed licence, or ask the policy's owner to add this one to spec.models.licences.";
    FormatNotAllowed:
        "The file format of the weights is not in the list of every policy that binds the namespace.",
        "Convert the weights, or ask the policy's owner to add the format to spec.models.formats.";
    RegistryNotAllowed:
        "An image comes from a registry that is not in the list of every policy that binds the namespace.",
        "Copy the image to an allowed registry and name it there by digest.";
    DigestMissing:
        "A policy requires that what runs is named by its SHA-256 digest, and a digest is missing.",
        "Name images as NAME@sha256:DIGEST, and weights on a volume by spec.model.digest.";
    EngineNotAllowed:
        "The engine is not in the list of every policy that binds the namespace.",
        "Choose an allowed engine, or ask the policy's owner to add this one to spec.engines.types.";
    ArgumentNotAllowed:
        "An argument is neither one that Hemvist knows to be harmless for the engine nor one that the policies allow.",
        "Leave the argument out, or have every policy that lists arguments add it to spec.engines.allowedArgs.";
    IsolationTooLow:
        "The model asks for less isolation than a policy demands for its information class.",
        "Leave spec.accelerator.partition out to get whole devices, or give the model less sensitive information.";
    NotSupported:
        "The model asks for something that this version of Hemvist does not carry out yet.",
        "Write what the message names instead, or wait for a version that carries it out.";
    Invalid:
        "A field has a value that cannot be carried out, or the object is not as its schema says.",
        "Correct the field that the message names.";
    Placed:
        "Every replica is bound to a node that is cleared and suitable.",
        "Nothing.";
    Scheduling:
        "There is room for the replicas, and the scheduler is binding them to nodes.",
        "Nothing; it takes seconds. If it lasts, look at the events of the pods.";
    NoEligibleNode:
        "No node is both cleared for the model and suitable for it. Waiting does not help.",
        "Clear a node for the model's information class, or change spec.accelerator; the message says why each node is out.";
    WaitingForAccelerators:
        "Nodes are cleared and suitable, but too few of their accelerators are free. The message says who holds them.",
        "Wait, or scale down a model that matters less.";
    ClearanceLost:
        "Replicas were on nodes that are no longer cleared for the model, and they are being moved away.",
        "Nothing if the clearance was taken away on purpose; otherwise restore the node's labels.";
    NotAccepted:
        "The question does not arise, because the model was not accepted.",
        "Look at the condition Accepted, which says why.";
    ReplicasAvailable:
        "All replicas that were asked for are available.",
        "Nothing.";
    Starting:
        "Replicas start and load the weights, which takes minutes for a large model.",
        "Wait. If it lasts much longer than the weights take to read, look at the log of the pods.";
    RollingOut:
        "A new version takes over from the old one.",
        "Wait. Without a spare accelerator the old version has to end first.";
    WaitingForPredecessor:
        "A replica waits for an old one of the same model, which is being ended and holds its accelerators until then.",
        "Wait. Requests under way are given spec.rollout.drainSeconds. If it lasts, look at the node of the old pod.";
    Unschedulable:
        "The scheduler finds no node for a replica; its own words are in the message.",
        "Do what the message asks for: free an accelerator, or remove a taint that is in the way.";
    ImagePullFailed:
        "The image of the engine or of the weights cannot be pulled.",
        "See that the image is in the registry under its digest, and that the nodes may pull it from there.";
    NodeNotReady:
        "The node of a replica does not say that it is ready: its kubelet, its container runtime or its network is down. \
         After five minutes Kubernetes gives the replica to another node, if one is cleared and has room.",
        "Look at the node that the message names. When it is back, the model serves again by itself.";
    AcceleratorUnhealthy:
        "The device plug-in says that an accelerator which a replica holds is broken. The engine may not have noticed yet.",
        "Have the device mended. A replica that no longer takes requests is moved once another accelerator is free; one that \
         still does is left alone.";
    ArchitectureMismatch:
        "The image of the engine is for processors of another kind than the node has, such as arm64 on amd64.",
        "Name the image for the node's processors by its digest, or the list of images that has one for each.";
    ContainerStartFailed:
        "A container cannot be made on the node, such as for a missing volume or device, or its program is not in the image.",
        "Do what the message asks for; the node's runtime wrote it.";
    StartupTimeout:
        "The engine ran for all the time that it has to start and did not answer, so the kubelet ended it and starts it \
         again: the weights load too slowly, or it listens somewhere else than its model says.",
        "Read its log. State spec.model.facts.weights, which sets the time, and compare spec.engine.custom with the image.";
    Restarting:
        "The engine ended while it took requests. It is started again and loads the model.",
        "Wait. If it happens often, read the log of the pod's previous container.";
    CrashLoop:
        "The engine ends again and again soon after it has started.",
        "Read the log of the pod's previous container, and compare image, arguments and format of the weights.";
    OutOfMemory:
        "The engine was ended because it used more memory than it may.",
        "Set a shorter spec.engine.contextLength or a lower concurrency, or ask for more or larger accelerators.";
    Evicted:
        "A node gave up a replica, because it was drained or ran short of something.",
        "Nothing if the node was drained on purpose; otherwise look at its memory and disk.";
    FetchingWeights:
        "A Job fetches the weights from their mirror. No replica is made of them before they are verified; an old version \
         goes on serving.",
        "Wait. The log of the Job's pod says how far it is and how fast it goes.";
    ModelDigestMismatch:
        "The weights are not those whose digest the model states, so they are not served.",
        "Find out who changed them. If they are the right ones, have them assessed and state the digest of `hemvist model digest`.";
    StorageFull:
        "The claim that is to hold the weights has too little room for them.",
        "Make the claim larger, or delete the folders of models that are served no more.";
    MirrorUnreachable:
        "The mirror that holds the weights does not answer, or breaks off. It is tried again.",
        "See that the endpoint is right, and that the mirror's networks in the settings of the installation are those where it is.";
    MirrorDenied:
        "The mirror refuses whoever asks for the weights. It is tried again.",
        "Correct the Secret that secretName names, or give its key the right to list and read the weights.";
    MirrorContentRefused:
        "The mirror holds something that is no file of weights, or not what spec.model.source.mirror asks for.",
        "Take out of the mirror what the message names, or name a folder without it in spec.model.source.mirror.path.";
    WeightsUnreadable:
        "The weights cannot be read where the model says that they are, or the claim for them cannot be written.",
        "Correct the path that the message names; of a link, copy what it leads to.";
    FetchFailed:
        "The Job that fetches the weights ended without saying why: it was killed, took too long, or its pod could not be made.",
        "Look at the events of the Job and its pods. Hemvist makes a new Job within the hour.";
    NameConflict:
        "An object of the name that Hemvist would use exists already, and Hemvist did not make it. It is left alone.",
        "Delete or rename that object, or rename the model.";
    ApplyFailed:
        "The API server refused an object of the model, or could not be reached. Hemvist tries again.",
        "Read the message; often a quota or an admission policy is in the way.";
    EnforcementNotProbed:
        "A NetworkPolicy that isolates the model is in place. Whether the cluster's network enforces it was not tried.",
        "Let the operator reach the port of status of a replica (inspection.enabled in the chart), or try it yourself.";
    EnforcementSeen:
        "The operator asked a replica: it got in to the port that is open to it, and not to that of the model, so the network enforces NetworkPolicies for traffic in. Traffic out was not tried.",
        "Nothing.";
    NotEnforced:
        "The operator reached the port of the model, though the NetworkPolicy does not let it in: the cluster's network enforces no NetworkPolicies, and whoever is in the cluster can ask the model.",
        "Use a network plug-in that enforces NetworkPolicies.";
    RouteAccepted:
        "The gateway says that it has taken the route to the model.",
        "Nothing. Clients ask where status.resolved.gateway says.";
    RouteRefused:
        "The gateway says that it does not take the route to the model. Its words are in the message. In the cluster the model \
         is asked at its Service all the same.",
        "What the message says: mostly a listener of the Gateway that takes routes of the model's namespace \
         (listeners[].allowedRoutes) and of its host.";
    RouteUnresolved:
        "The gateway has taken the route to the model and cannot carry it out: it does not know the kind that it leads to, or \
         does not find the object. Its words are in the message.",
        "A gateway that knows InferencePools, or no spec.access.gateway.endpointPicker.";
    RouteUnanswered:
        "The gateway has not said whether it takes the newest version of the route to the model.",
        "Wait some seconds. Where it lasts, see whether the Gateway that the installation names (gateway of the chart) exists, \
         and whether its controller runs.";
    RouteNotServed:
        "The model asks for a gateway, and the cluster does not serve HTTPRoute, or InferencePool where an endpoint picker is \
         named. In the cluster the model is asked at its Service.",
        "Install the kinds of the Gateway API, or leave out spec.access.gateway.";
    AutoscalerWorks:
        "What scales the model says that it works.",
        "Nothing.";
    AutoscalerFailing:
        "What scales the model says that it does not work, mostly because nobody tells it what the replicas measure. Its words \
         are in the message. The replicas that are there serve.",
        "Custom metrics of the pods for a HorizontalPodAutoscaler, or a Prometheus that answers KEDA and scrapes the replicas: \
         see the page Scale a model.";
    AutoscalerUnanswered:
        "What scales the model has not said whether it works, or no replica is ready that could measure anything.",
        "Wait until a replica takes requests. Where it lasts, see whether KEDA's operator runs, and whether it is the one that \
         the installation names (admission.autoscalers of the chart).";
    Serving:
        "The model serves.",
        "Nothing.";
    Suspended:
        "spec.suspend is set, so no replica runs.",
        "Unset it to serve again.";
    IncidentOpen:
        "A serious incident is recorded and not closed, so no replica runs.",
        "Deal with the incident, and set its closedOn in spec.incidents when it is closed.";
    ScaledToZero:
        "No replica is wanted: spec.replicas is 0, or KEDA has stopped the last one.",
        "Set spec.replicas to serve again. A model with spec.scaling is started by its schedule, or when requests come.";
    InForce:
        "The policy is in force with all its fields.",
        "Nothing.";
    LoosensRegion:
        "A policy of a department would allow more, or demand less, than the root namespace's. Those fields have no effect.",
        "Take the fields out that the message names, or have the root namespace's policy changed.";
    RootNamespaceOnly:
        "The policy states something that only a policy of the root namespace can state, so it has no effect here.",
        "Take the fields out that the message names, or state them in a policy of the root namespace.";
    Enforced:
        "The API server itself refuses what the policy forbids, with Hemvist alive or dead. It was tried, in a dry run.",
        "Nothing. If the message says that something is only warned of, let the policies state enforcement: Deny there.";
    NotYetEnforced:
        "What the policy is compiled to is being written to the API server, or tried there. It takes seconds.",
        "Nothing. If it lasts, read the message and the log of the operator.";
    EnforcementFailed:
        "The API server does not take what the policy is compiled to, or lets through what that should refuse. The message \
         says which.",
        "Read the message: often a right of the operator is missing, or somebody changes the ValidatingAdmissionPolicies.";
    NotWaivable:
        "An exception of the policy waives nothing: it names what cannot be waived, a namespace that the policy does not \
         bind, or a day that no calendar has. Only duties can be waived.",
        "Correct the exception that the message names. What can be waived is AssessmentAge, HumanOversight, \
         TransparencyNotice, RecordReference and Assessment/ with a type, such as Assessment/DPIA.";
    DutiesCurrent:
        "Every assessment and every other duty of the model is in order, and none ends within 30 days.",
        "Nothing.";
    ExpiresSoon:
        "Every duty of the model is met, and within 30 days one will not be: an assessment expires or grows too old, an \
         exception ends, or the first day of a duty comes.",
        "Do what the message says before the day that it names.";
    GraceRunning:
        "A duty has lapsed while the model ran. It runs on for the days of grace that the policy gives, and is stopped then.",
        "Renew what the message names before its last day. onExpiry of the information class in the AIPolicy sets the days.";
    ExpiredAndKept:
        "A duty has lapsed while the model ran. It is kept, because onExpiry of its information class says Warn.",
        "Renew what the message names. If the model is deleted it cannot be introduced again before that.";
    DutiesNotMet:
        "A duty is not met, and the strictest enforcement that binds is Warn or Audit, so the model runs all the same.",
        "Do what the message names, before a policy with enforcement Deny refuses the model.";
    ControllerOnly:
        "The operator runs with admission switched off: it enforces the policy on ModelDeployments itself, and the API server \
         does not enforce it in its stead.",
        "Install the chart with admission.enabled. Until then, keep the right to make pods with accelerators to those who \
         need it.";
    ReviewDatePassed:
        "The day on which the policy was to be reviewed has passed. It stays in force.",
        "Review the decision, and state the next day in spec.decision.reviewBy.";
    ReviewSoon:
        "The day on which the policy is to be reviewed comes within 30 days. Nothing stops on that day.",
        "Review the decision, and state the next day in spec.decision.reviewBy.";
    ReviewNotDue:
        "The day on which the policy is to be reviewed has not come.",
        "Nothing.";
    NoReviewDate:
        "The policy does not say when it is to be reviewed.",
        "State the day in spec.decision.reviewBy.";
}
