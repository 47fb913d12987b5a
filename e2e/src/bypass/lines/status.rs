//! B11: status that is not Hemvist's word.

use serde_json::{Value, json};

use crate::bypass::actor::Actor;
use crate::bypass::attempt::Attempts;
use crate::bypass::change::every_way;
use crate::bypass::situation::Situation;
use crate::objects::text;

/// All of them: models that claim to run, and policies that claim to hold.
pub fn attempts(situation: &Situation) -> Attempts {
    let mut attempts = Attempts::default();
    for (id, model) in &situation.models {
        for (what, change, effect) in claims("Ready", "/status/endpoint") {
            for actor in [Actor::TenantAdmin, Actor::ForeignOperator, Actor::Admin] {
                let ways = every_way(&model.model, "/status", &change);
                for attempt in attempts.add_ways("B11", actor, &format!("{what}-of-{id}"), ways) {
                    attempt.effect.clone_from(&effect);
                }
            }
        }
    }
    for policy in &situation.policies {
        let name = text(&policy["metadata"]["name"]);
        let (what, change, effect) = &claims("Enforced", "")[0];
        let tenant = policy["metadata"]["namespace"] == "halsa";
        let actors = [Actor::ForeignOperator, Actor::Admin, Actor::TenantAdmin];
        for actor in actors.into_iter().take(if tenant { 3 } else { 2 }) {
            let ways = every_way(policy, "/status", change);
            for attempt in attempts.add_ways("B11", actor, &format!("{what}-of-policy-{name}"), ways) {
                attempt.effect.clone_from(effect);
            }
        }
    }
    attempts
}

type Claim = (&'static str, Value, Option<(String, Value)>);

fn claims(condition: &str, endpoint: &str) -> Vec<Claim> {
    let condition = json!({
        "type": condition,
        "status": "True",
        "reason": "Forged",
        "message": "I say so",
        "lastTransitionTime": "2026-11-22T00:00:00Z",
    });
    let mut claims = vec![(
        "condition",
        json!({"status": {"conditions": [condition]}}),
        Some(("/status/conditions/0/reason".to_owned(), json!("Forged"))),
    )];
    if !endpoint.is_empty() {
        claims.push((
            "endpoint",
            json!({"status": {"endpoint": "http://evil.example/v1"}}),
            Some((endpoint.to_owned(), json!("http://evil.example/v1"))),
        ));
    }
    claims
}
