//! Who has set which fields of an object, from its `managedFields`.
//!
//! Server-side apply restores what Hemvist has set and leaves standing what others have added: a container beside the
//! engine would survive every repair. This is how such fields are seen.

use serde_json::Value;

/// Fields that may belong to others: status, which is not content, what the controllers of Kubernetes note down, and a number
/// of replicas where Hemvist states none.
const OF_OTHERS: [&[&str]; 4] = [
    &["f:status"],
    &["f:metadata", "f:finalizers"],
    &["f:spec", "f:replicas"],
    &["f:metadata", "f:annotations", "f:deployment.kubernetes.io/revision"],
];

/// Whether `managed_fields` names fields that `manager` has not applied and that another manager has set.
pub fn has_foreign_fields(managed_fields: &Value, manager: &str) -> bool {
    let entries = managed_fields.as_array().map(Vec::as_slice).unwrap_or_default();
    let is_ours = |entry: &&Value| {
        entry["manager"] == manager && entry["operation"] == "Apply" && entry["subresource"].is_null()
    };
    let ours = entries.iter().find(is_ours).map(|entry| &entry["fieldsV1"]);
    entries
        .iter()
        .filter(|entry| !is_ours(entry))
        .any(|entry| exceeds(&entry["fieldsV1"], ours, &mut Vec::new()))
}

/// Whether the set of fields `theirs` holds one that is not in `ours`.
fn exceeds<'a>(theirs: &'a Value, ours: Option<&Value>, path: &mut Vec<&'a str>) -> bool {
    let Some(fields) = theirs.as_object() else { return false };
    fields.iter().any(|(name, below)| {
        path.push(name);
        let found = !OF_OTHERS.contains(&path.as_slice()) && {
            let mine = ours.and_then(|ours| ours.get(name));
            // "." stands for the thing itself, which is ours too wherever something in it is.
            let leaf = name == "." || below.as_object().is_none_or(serde_json::Map::is_empty);
            if leaf { mine.is_none() && !(name == "." && ours.is_some()) } else { exceeds(below, mine, path) }
        };
        path.pop();
        found
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn foreign(theirs: &Value) -> bool {
        let ours = json!({"f:metadata": {"f:annotations": {"f:a": {}}}, "f:spec": {"f:template": {"f:spec": {"f:containers": {
            "k:{\"name\":\"engine\"}": {".": {}, "f:image": {}, "f:name": {}}}}}}});
        let managed = json!([
            {"manager": "hemvist", "operation": "Apply", "fieldsV1": ours},
            {"manager": "other", "operation": "Update", "fieldsV1": theirs},
        ]);
        has_foreign_fields(&managed, "hemvist")
    }

    #[test]
    fn a_container_beside_ours_is_foreign() {
        let theirs = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"spy\"}": {".": {}, "f:image": {}}}}}}});
        assert!(foreign(&theirs));
    }

    #[test]
    fn a_field_in_our_container_is_foreign() {
        let theirs = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"engine\"}": {"f:command": {}}}}}}});
        assert!(foreign(&theirs));
    }

    #[test]
    fn a_field_that_both_have_set_alike_is_not_foreign() {
        let theirs = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"engine\"}": {".": {}, "f:image": {}}}}}}});
        assert!(!foreign(&theirs));
    }

    #[test]
    fn the_notes_of_the_controllers_are_not_foreign() {
        let theirs = json!({
            "f:metadata": {"f:annotations": {".": {}, "f:deployment.kubernetes.io/revision": {}}},
            "f:status": {"f:replicas": {}},
        });
        assert!(!foreign(&theirs));
    }

    #[test]
    fn an_object_is_ours_by_its_owner_and_not_by_its_name_alone() {
        let managed =
            json!([{"manager": "hemvist", "operation": "Update", "fieldsV1": {"f:spec": {"f:x": {}}}}]);
        assert!(has_foreign_fields(&managed, "hemvist"));
    }

    #[test]
    fn the_number_that_an_autoscaler_has_set_is_not_foreign() {
        let managed = json!([
            {"manager": "kube-controller-manager", "operation": "Update", "subresource": "scale",
             "fieldsV1": {"f:spec": {"f:replicas": {}}}},
        ]);
        assert!(!has_foreign_fields(&managed, "hemvist"));
    }
}
