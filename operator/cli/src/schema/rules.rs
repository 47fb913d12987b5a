//! The rules of the kinds (`x-kubernetes-validations`), evaluated as the API server does when an object is created.
//!
//! Rules may use what the language has itself, and of Kubernetes' own functions `quantity` and `isGreaterThan`. A rule that
//! uses more is a fault of every object that it is asked of, which the tests notice.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use cel::common::ast::IdedExpr;
use cel::extractors::This;
use cel::objects::{Key, Opaque};
use cel::parser::PrattParser;
use cel::{Context, Env, ExecutionError, Value};
use hemvist_core::quantity::Quantity;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, ValidationRule,
};

use super::fault::{Fault, below};
use crate::located::{Located, Node};

/// The variable of the object before a change. Rules with it are not asked of an object that is new.
const OLD_SELF: &str = "oldSelf";

/// Evaluates rules.
pub struct Evaluator {
    env: Arc<Env>,
    /// The rules that have been asked, parsed.
    parsed: RefCell<BTreeMap<String, Rc<IdedExpr>>>,
}

#[derive(Debug, Eq, PartialEq)]
struct KubernetesQuantity(Quantity);

impl Opaque for KubernetesQuantity {
    fn runtime_type_name(&self) -> &'static str {
        "kubernetes.Quantity"
    }
}

impl Evaluator {
    pub fn new() -> Self {
        Self { env: Arc::new(Env::stdlib()), parsed: RefCell::default() }
    }

    /// Every rule of the schema that the object breaks, in the order of the schema.
    pub fn broken(&self, schema: &JSONSchemaProps, object: &Located) -> Vec<Fault> {
        let mut faults = Vec::new();
        self.ask(schema, "", object, object, &mut faults);
        for (name, value) in object.fields() {
            // Status is dropped from what people apply, and the metadata has no rules of its own.
            if let Some(property) = property(schema, name).filter(|_| name == "spec") {
                self.walk(property, name, value, object, &mut faults);
            }
        }
        faults
    }

    fn walk(
        &self,
        schema: &JSONSchemaProps,
        path: &str,
        value: &Located,
        root: &Located,
        faults: &mut Vec<Fault>,
    ) {
        self.ask(schema, path, value, root, faults);
        match (&value.node, &schema.items) {
            (Node::Fields(fields), _) => {
                for (name, field) in fields {
                    if let Some(property) = property(schema, name) {
                        self.walk(property, &below(path, name), field, root, faults);
                    }
                }
            }
            (Node::List(items), Some(JSONSchemaPropsOrArray::Schema(of_item))) => {
                for (index, item) in items.iter().enumerate() {
                    self.walk(of_item, &format!("{path}[{index}]"), item, root, faults);
                }
            }
            _ => {}
        }
    }

    /// Asks the rules of one place.
    fn ask(
        &self,
        schema: &JSONSchemaProps,
        path: &str,
        value: &Located,
        root: &Located,
        faults: &mut Vec<Fault>,
    ) {
        let Some(rules) = &schema.x_kubernetes_validations else { return };
        let this = if path.is_empty() { of_root(schema, value) } else { of_schema(schema, value) };
        for rule in rules {
            let says = match self.holds(&rule.rule, &this) {
                Ok(true) => continue,
                Ok(false) => rule.message.clone().unwrap_or_else(|| format!("failed rule: {}", rule.rule)),
                Err(error) => format!("the rule {} cannot be evaluated: {error}", rule.rule),
            };
            faults.push(fault(rule, path, says.trim(), root));
        }
    }

    fn parsed(&self, rule: &str) -> Result<Rc<IdedExpr>, String> {
        if let Some(parsed) = self.parsed.borrow().get(rule) {
            return Ok(Rc::clone(parsed));
        }
        let parsed = Rc::new(PrattParser::new().parse(rule).map_err(|error| error.to_string())?);
        self.parsed.borrow_mut().insert(rule.to_owned(), Rc::clone(&parsed));
        Ok(parsed)
    }

    fn holds(&self, rule: &str, this: &Value) -> Result<bool, String> {
        let parsed = self.parsed(rule)?;
        if parsed.references().has_variable(OLD_SELF) {
            return Ok(true);
        }
        let mut context = Context::with_env(Arc::clone(&self.env));
        context.add_variable_from_value("self", this.clone());
        context.add_function("quantity", quantity).map_err(|error| error.to_string())?;
        context.add_function("isGreaterThan", is_greater_than).map_err(|error| error.to_string())?;
        match Value::resolve(&parsed, &context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!("it gives {other:?} and neither true nor false")),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The API server names the field of the rule, or what the rule stands at. The place is that of the field with which the
/// message begins, where it is one.
fn fault(rule: &ValidationRule, path: &str, says: &str, root: &Located) -> Fault {
    let named = rule.field_path.as_deref().map(|field| format!("{path}{field}"));
    let first = says.split(' ').next().unwrap_or_default();
    let position = root.position_of(named.as_deref().unwrap_or(&below(path, first)));
    let message = match named.as_deref().unwrap_or(path) {
        "" => says.to_owned(),
        field => format!("{field}: {says}"),
    };
    Fault { position, message }
}

fn property<'a>(schema: &'a JSONSchemaProps, name: &str) -> Option<&'a JSONSchemaProps> {
    let listed = schema.properties.as_ref().and_then(|properties| properties.get(name));
    listed.or(match &schema.additional_properties {
        Some(JSONSchemaPropsOrBool::Schema(others)) => Some(others),
        _ => None,
    })
}

/// What a rule at the root sees: the spec, and the name of the metadata.
fn of_root(schema: &JSONSchemaProps, object: &Located) -> Value {
    let mut seen = HashMap::new();
    for (name, value) in object.fields() {
        match name.as_str() {
            "metadata" => {
                let names = value
                    .fields()
                    .iter()
                    .filter(|(name, _)| ["name", "generateName"].contains(&name.as_str()));
                let names =
                    names.map(|(name, value)| (key(name), of_schema(&JSONSchemaProps::default(), value)));
                seen.insert(key(name), Value::Map(names.collect::<HashMap<Key, Value>>().into()));
            }
            "status" => {}
            _ => {
                let schema = property(schema, name).cloned().unwrap_or_default();
                seen.insert(key(name), of_schema(&schema, value));
            }
        }
    }
    Value::Map(seen.into())
}

/// The value as the language sees it: by its schema, since 1 may be a whole number or not.
fn of_schema(schema: &JSONSchemaProps, value: &Located) -> Value {
    match &value.node {
        Node::Null => Value::Null,
        Node::Bool(value) => Value::Bool(*value),
        Node::Text(text) => Value::String(Arc::new(text.clone())),
        Node::Number(number) => match number.as_i64().filter(|_| schema.type_.as_deref() != Some("number")) {
            Some(whole) => Value::Int(whole),
            None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Node::List(items) => {
            let of_item = match &schema.items {
                Some(JSONSchemaPropsOrArray::Schema(of_item)) => (**of_item).clone(),
                _ => JSONSchemaProps::default(),
            };
            Value::List(Arc::new(items.iter().map(|item| of_schema(&of_item, item)).collect()))
        }
        Node::Fields(fields) => {
            let none = JSONSchemaProps::default();
            let values = fields
                .iter()
                .map(|(name, value)| (key(name), of_schema(property(schema, name).unwrap_or(&none), value)));
            Value::Map(values.collect::<HashMap<Key, Value>>().into())
        }
    }
}

fn key(name: &str) -> Key {
    Key::String(Arc::new(name.to_owned()))
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that the library calls")]
fn quantity(text: Arc<String>) -> Result<Value, ExecutionError> {
    let parsed = Quantity::parse(&text);
    let parsed = parsed
        .ok_or_else(|| ExecutionError::function_error("quantity", format!("{text:?} is no quantity")))?;
    Ok(Value::Opaque(Arc::new(KubernetesQuantity(parsed))))
}

#[allow(clippy::needless_pass_by_value, reason = "the shape that the library calls")]
fn is_greater_than(
    This(this): This<Arc<dyn Opaque>>,
    other: Arc<dyn Opaque>,
) -> Result<Value, ExecutionError> {
    match (this.downcast_ref::<KubernetesQuantity>(), other.downcast_ref::<KubernetesQuantity>()) {
        (Some(this), Some(other)) => Ok(Value::Bool(this.0 > other.0)),
        _ => Err(ExecutionError::function_error("isGreaterThan", "only quantities are compared")),
    }
}
