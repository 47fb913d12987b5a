//! The reconcilers, one file each, and the table of them. A reconciler knows its context and no other reconciler.

mod admission;
mod model;
mod policy;
mod quota;
mod replica;
mod unmanaged;

use crate::reconciler::Reconciler;

/// Every reconciler. To add one, write a file and add a line here.
pub static RECONCILERS: [Reconciler; 6] = [
    model::RECONCILER,
    policy::RECONCILER,
    admission::RECONCILER,
    quota::RECONCILER,
    unmanaged::RECONCILER,
    replica::RECONCILER,
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use hemvist_core::snapshot::{Key, PodFacts, Settings};

    use super::*;
    use crate::cache::Change;
    use crate::fixture::World;
    use crate::jitter::Jitter;
    use crate::metrics::QueueMetrics;
    use crate::queue::Queue;
    use crate::triggers::Event;
    use crate::view::View;

    #[test]
    fn every_reconciler_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = RECONCILERS.iter().map(|one| one.name).collect();
        assert_eq!(names.len(), RECONCILERS.len());
    }

    /// Which reconcilers an event concerns, in a cluster with one node, one policy and one model.
    async fn concerned(event: &Event<'_>) -> Vec<&'static str> {
        let settings = Settings { inspects: true, ..Settings::default() };
        let world = World::seen_by(View::new(Arc::new(settings), true), &RECONCILERS[0]);
        let mut concerned = Vec::new();
        for reconciler in &RECONCILERS {
            let queue = Queue::new(QueueMetrics::default(), Jitter::seeded(1));
            (reconciler.triggers)(event, &world.context.view, &queue);
            if tokio::time::timeout(std::time::Duration::from_secs(5), queue.next()).await.is_ok() {
                concerned.push(reconciler.name);
            }
        }
        concerned
    }

    #[tokio::test(start_paused = true)]
    async fn each_event_makes_the_right_keys_due() {
        let (policy, model) = (Key::new("hemvist-system", "region"), Key::new("ns", "m"));
        let pod = PodFacts { ready: true, model_uid: None, ..PodFacts::default() };
        let of_nobody = Change::Set { old: None, new: Arc::new(pod.clone()) };
        let serving = PodFacts {
            key: Key::new("ns", "m-1"),
            model_name: Some("m".to_owned()),
            model_uid: Some("model-1".to_owned()),
            address: Some("10.0.0.1".to_owned()),
            ..pod
        };
        let serving = Change::Set { old: None, new: Arc::new(serving) };
        let cases: [(Event<'_>, &[&str]); 8] = [
            (Event::Start, &["admission"]),
            (Event::Day, &["modeldeployment", "aipolicy", "admission", "resourcequota", "unmanaged"]),
            (Event::Kinds, &["modeldeployment"]),
            (Event::Decided, &["aipolicy"]),
            (Event::Compiled(&policy), &["aipolicy"]),
            (Event::Answered(&model), &["modeldeployment"]),
            (Event::Pod(&of_nobody), &["unmanaged"]),
            (Event::Pod(&serving), &["modeldeployment", "replica"]),
        ];
        for (event, expected) in cases {
            assert_eq!(concerned(&event).await, expected, "{event:?}");
        }
    }
}
