//! Events, as `kubectl describe` shows them. Only for transitions; the state itself is in status.

use std::sync::Arc;

use hemvist_api::condition::Reason;
use hemvist_api::{AIPolicy, ModelDeployment};
use hemvist_core::decide::Eviction;
use hemvist_core::snapshot::Key;
use hemvist_core::status::Transition;
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource};
use tokio::sync::mpsc;

use crate::call::Deadline;
use crate::metrics::Metrics;
use crate::objects::SeenModel;
use crate::objects::compiled::{CompiledId, CompiledKind};

/// The longest note that the API server takes is 1024 bytes.
const MAX_NOTE_BYTES: usize = 1000;

/// Events that wait to be written. More are dropped: a server that cannot take events must not stop the work.
const MAX_WAITING: usize = 1024;

/// An event with the object that it is about.
#[derive(Debug)]
pub struct Notice {
    regarding: ObjectReference,
    /// What else it is about. Events that differ in nothing else are written as one with a count, and only the words of
    /// the first are kept: so what the words name is named here too.
    related: Option<ObjectReference>,
    type_: EventType,
    reason: String,
    action: &'static str,
    note: String,
}

/// Where events go. They are written beside the work, one after the other.
#[derive(Clone, Debug)]
pub struct Events {
    sender: mpsc::Sender<Notice>,
    metrics: Arc<Metrics>,
}

impl Events {
    /// Where events go, and the task that writes them; it ends when nobody can send any more.
    pub fn new(
        client: Client,
        identity: &str,
        deadline: Deadline,
        metrics: Arc<Metrics>,
    ) -> (Self, impl Future<Output = ()>) {
        let (sender, mut waiting) = mpsc::channel::<Notice>(MAX_WAITING);
        let reporter =
            Reporter { controller: "hemvist.dev/operator".to_owned(), instance: Some(identity.to_owned()) };
        let writer = async move {
            let recorder = Recorder::new(client, reporter);
            while let Some(notice) = waiting.recv().await {
                let event = Event {
                    type_: notice.type_,
                    reason: notice.reason,
                    note: Some(notice.note),
                    action: notice.action.to_owned(),
                    secondary: notice.related,
                };
                if let Err(error) = deadline.call(recorder.publish(&event, &notice.regarding)).await {
                    tracing::warn!(category = error.category(), "writing an event: {error}");
                }
            }
        };
        (Self { sender, metrics }, writer)
    }

    /// Has an event written, if there is room for it.
    pub fn publish(&self, notice: Notice) {
        if self.sender.try_send(notice).is_err() {
            self.metrics.event_dropped();
        }
    }
}

/// The event of a change of the status of the object `key` of this UID.
pub fn transition<K: Resource<DynamicType = ()>>(key: &Key, uid: &str, transition: Transition) -> Notice {
    Notice {
        regarding: reference::<K>(key, uid),
        related: None,
        type_: if transition.warning { EventType::Warning } else { EventType::Normal },
        reason: transition.reason,
        action: "Reconcile",
        note: bounded(&transition.message),
    }
}

/// The event of a pod of no model that had to leave its node, and was `departed`.
pub fn unmanaged_eviction(eviction: &Eviction, departed: &str) -> Notice {
    Notice {
        regarding: reference::<Pod>(&eviction.pod, &eviction.uid),
        related: None,
        type_: EventType::Warning,
        reason: Reason::ClearanceLost.as_str().to_owned(),
        action: "Evict",
        note: bounded(&format!(
            "The pod uses an accelerator and was {departed}: {} {}. Serve the model by a ModelDeployment, or let the pod require \
             a node that is cleared for its information class.",
            eviction.node, eviction.reason
        )),
    }
}

/// The event of a pod that had to leave its node, and was `departed`.
pub fn eviction(model: &SeenModel, eviction: &Eviction, departed: &str) -> Notice {
    let key = model.content.as_ref().ok().and_then(|model| model.metadata.name.clone());
    let key = Key::new(&eviction.pod.namespace, key.unwrap_or_default());
    Notice {
        regarding: reference::<ModelDeployment>(&key, &model.uid),
        related: Some(reference::<Pod>(&eviction.pod, &eviction.uid)),
        type_: EventType::Warning,
        reason: eviction.cause.as_str().to_owned(),
        action: "Evict",
        note: bounded(&format!(
            "Pod {} was {departed}: {} {}.",
            eviction.pod.name, eviction.node, eviction.reason
        )),
    }
}

/// The event of something compiled that another client has changed or deleted, and that is as it was again: on the AIPolicy
/// that it carries out, or else on the object itself.
pub fn admission_repair(id: &CompiledId, uid: &str, author: Option<(&Key, &str)>, what: &str) -> Notice {
    let itself = match id.kind {
        CompiledKind::Policy => reference::<ValidatingAdmissionPolicy>(&id.key(), uid),
        CompiledKind::Binding => reference::<ValidatingAdmissionPolicyBinding>(&id.key(), uid),
    };
    let (regarding, related) = match author {
        Some((key, uid)) => (reference::<AIPolicy>(key, uid), Some(itself)),
        None => (itself, None),
    };
    Notice {
        regarding,
        related,
        type_: EventType::Warning,
        reason: "AdmissionRepaired".to_owned(),
        action: "Repair",
        note: bounded(&format!("{id} was {what} by someone else; Hemvist restored it.")),
    }
}

fn reference<K: Resource<DynamicType = ()>>(key: &Key, uid: &str) -> ObjectReference {
    ObjectReference {
        api_version: Some(K::api_version(&()).into_owned()),
        kind: Some(K::kind(&()).into_owned()),
        namespace: Some(key.namespace.clone()).filter(|namespace| !namespace.is_empty()),
        name: Some(key.name.clone()),
        uid: Some(uid.to_owned()).filter(|uid| !uid.is_empty()),
        ..ObjectReference::default()
    }
}

fn bounded(note: &str) -> String {
    let end = note
        .char_indices()
        .map(|(at, character)| at + character.len_utf8())
        .take_while(|end| *end <= MAX_NOTE_BYTES);
    note[..end.last().unwrap_or_default()].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_cut_between_characters() {
        let note = bounded(&"å".repeat(600));
        assert_eq!(note.len(), MAX_NOTE_BYTES);
        assert_eq!(bounded("kort"), "kort");
        assert_eq!(bounded(""), "");
    }

    #[test]
    fn repairs_of_one_policy_have_different_names() {
        let key = Key::new("hemvist-system", "region");
        let reported = |kind, name: &str| {
            let id = CompiledId { kind, name: name.to_owned() };
            let notice = admission_repair(&id, "", Some((&key, "u")), "changed");
            assert_eq!(notice.regarding.name.as_deref(), Some("region"));
            notice.related
        };
        let of_models = reported(CompiledKind::Policy, "hemvist-models");
        assert!(of_models.is_some());
        assert_ne!(of_models, reported(CompiledKind::Policy, "hemvist-pods"));
        assert_ne!(of_models, reported(CompiledKind::Binding, "hemvist-models"));
    }
}
