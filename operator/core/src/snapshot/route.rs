//! The status of an HTTPRoute, which each of its gateways writes.
//!
//! Source: the Gateway API, `RouteParentStatus` and the conditions `Accepted` and `ResolvedRefs`.

use serde_json::Value;

use super::Key;
use super::words::shortened;

/// What is observed of an HTTPRoute: what each gateway says of its newest version.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RouteFacts {
    /// In the order in which they stand in its status.
    pub answers: Vec<GatewayAnswer>,
}

/// What the controller of a gateway says of a route.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GatewayAnswer {
    /// The gateway.
    pub gateway: Key,
    /// Whether it takes the route.
    pub takes_it: bool,
    /// Why it does not take the route, or does not know what the route leads to: its word for it, and its sentence.
    pub fault: Option<(String, String)>,
}

impl RouteFacts {
    /// The facts of an HTTPRoute as the API server gives it. What was said of an older version is left out.
    pub(super) fn of(object: &Value) -> Self {
        let parents = object["status"]["parents"].as_array().into_iter().flatten();
        Self { answers: parents.filter_map(|parent| GatewayAnswer::of(object, parent)).collect() }
    }
}

impl GatewayAnswer {
    fn of(object: &Value, parent: &Value) -> Option<Self> {
        let metadata = &object["metadata"];
        let reference = &parent["parentRef"];
        if reference["kind"].as_str().is_some_and(|kind| kind != "Gateway") {
            return None;
        }
        let namespace = reference["namespace"].as_str().or_else(|| metadata["namespace"].as_str())?;
        let condition = |type_: &str| {
            parent["conditions"].as_array()?.iter().find(|one| {
                let seen = &one["observedGeneration"];
                one["type"] == type_ && (seen.is_null() || seen == &metadata["generation"])
            })
        };
        let accepted = condition("Accepted");
        let refusal = |one: &&Value| one["status"] == "False";
        let fault = accepted.filter(refusal).or_else(|| condition("ResolvedRefs").filter(refusal));
        let words = |one: &Value| shortened(one.as_str().unwrap_or_default());
        let answer = Self {
            gateway: Key::new(namespace, reference["name"].as_str()?),
            takes_it: accepted.is_some_and(|one| one["status"] == "True"),
            fault: fault.map(|one| (words(&one["reason"]), words(&one["message"]))),
        };
        (answer.takes_it || answer.fault.is_some()).then_some(answer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answers(parents: &Value) -> Vec<GatewayAnswer> {
        let object = json!({
            "metadata": {"namespace": "halsa", "name": "journal", "generation": 2},
            "status": {"parents": parents},
        });
        RouteFacts::of(&object).answers
    }

    fn condition(type_: &str, status: &str, generation: i64) -> Value {
        let (reason, message) = ("ItsReason", "Its  words.\n");
        json!({"type": type_, "status": status, "reason": reason, "message": message, "observedGeneration": generation})
    }

    #[test]
    fn a_gateway_takes_a_route_or_says_why_not() {
        let parent = |conditions: &[Value]| {
            let reference = json!({"namespace": "ingang", "name": "region"});
            answers(&json!([{"parentRef": reference, "conditions": conditions}]))
        };
        let answer = |takes_it, is_fault: bool| {
            let fault = is_fault.then(|| ("ItsReason".to_owned(), "Its words.".to_owned()));
            vec![GatewayAnswer { gateway: Key::new("ingang", "region"), takes_it, fault }]
        };
        let (yes, no) = (condition("Accepted", "True", 2), condition("Accepted", "False", 2));
        assert_eq!(parent(std::slice::from_ref(&yes)), answer(true, false));
        assert_eq!(parent(&[yes.clone(), condition("ResolvedRefs", "True", 2)]), answer(true, false));
        assert_eq!(parent(&[yes, condition("ResolvedRefs", "False", 2)]), answer(true, true));
        assert_eq!(parent(&[no, condition("ResolvedRefs", "True", 2)]), answer(false, true));
        assert_eq!(parent(&[condition("Accepted", "Unknown", 2)]), []);
        assert_eq!(parent(&[]), []);
    }

    #[test]
    fn reports_on_an_older_version_are_ignored() {
        let reference = json!({"namespace": "ingang", "name": "region"});
        let old = json!([{"parentRef": reference, "conditions": [condition("Accepted", "True", 1)]}]);
        assert_eq!(answers(&old), []);
    }

    #[test]
    fn a_gateway_is_in_the_namespace_of_the_route_where_no_other_is_named() {
        let conditions = json!([condition("Accepted", "True", 2)]);
        let mesh = json!({"parentRef": {"kind": "Service", "name": "x"}, "conditions": conditions});
        let beside = json!({"parentRef": {"kind": "Gateway", "name": "own"}, "conditions": conditions});
        let found = answers(&json!([mesh, beside, {"conditions": conditions}]));
        assert_eq!(found.iter().map(|one| &one.gateway).collect::<Vec<_>>(), [&Key::new("halsa", "own")]);
    }
}
