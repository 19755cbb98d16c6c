// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks a configuration by the JSON Schema that its plugin brings along (draft 2020-12): the
//! keywords that a form is made of. Whatever else a schema says is left to the plugin, which has
//! to come up with the configuration and has the last word.
//!
//! It must never repeat a value: there are secrets among them.

use serde_json::{Map, Value};

/// Deepest nesting that is looked at; a form has two or three levels.
const DEPTH_MAX: usize = 16;

/// Where a value is not what it must be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Misfit {
    /// The path, as `config.servers[0].port`.
    pub(crate) path: String,
    /// What it must be, as "must be an integer".
    pub(crate) must: String,
}

/// Checks a configuration.
///
/// # Errors
/// The first member that does not fit.
pub(crate) fn check(schema: &Value, config: &Value) -> Result<(), Misfit> {
    check_at(schema, config, "config", DEPTH_MAX)
}

/// Members of this object that must never be told.
pub(crate) fn secrets(schema: Option<&Value>) -> Vec<&str> {
    let properties = schema.and_then(|schema| schema.get("properties")?.as_object());
    let properties = properties.into_iter().flatten();
    let secret = properties.filter(|(_, of)| of.get("writeOnly") == Some(&Value::Bool(true)));
    secret.map(|(name, _)| name.as_str()).collect()
}

/// The schema of a member.
fn member<'a>(schema: Option<&'a Value>, name: &str) -> Option<&'a Value> {
    schema?.get("properties")?.get(name)
}

/// The configuration without what must not be told, and the paths of what was left out.
pub(crate) fn without_secrets(
    schema: Option<&Value>,
    config: &Map<String, Value>,
) -> (Map<String, Value>, Vec<String>) {
    let secret = secrets(schema);
    let mut told = Map::new();
    let mut kept = Vec::new();
    for (name, value) in config {
        if secret.contains(&name.as_str()) {
            kept.push(name.clone());
        } else if let Value::Object(inner) = value {
            let (inner, of_inner) = without_secrets(member(schema, name), inner);
            kept.extend(of_inner.into_iter().map(|path| format!("{name}.{path}")));
            told.insert(name.clone(), Value::Object(inner));
        } else {
            told.insert(name.clone(), value.clone());
        }
    }
    (told, kept)
}

/// Puts secrets of before where the new configuration says nothing, and takes away what it sets to
/// `null`.
pub(crate) fn keep_secrets(
    schema: Option<&Value>,
    before: &Map<String, Value>,
    mut config: Map<String, Value>,
) -> Map<String, Value> {
    for name in secrets(schema) {
        if let (false, Some(value)) = (config.contains_key(name), before.get(name)) {
            config.insert(name.to_owned(), value.clone());
        }
    }
    for (name, value) in &mut config {
        if let (Value::Object(inner), Some(Value::Object(before))) = (&mut *value, before.get(name))
        {
            *inner = keep_secrets(member(schema, name), before, std::mem::take(inner));
        }
    }
    config.retain(|_, value| !value.is_null());
    config
}

fn check_at(schema: &Value, value: &Value, path: &str, depth: usize) -> Result<(), Misfit> {
    let misfit = |must: String| {
        Err(Misfit {
            path: path.to_owned(),
            must,
        })
    };
    // `true` and `{}` take anything, `false` nothing (Core, section 4.3.2).
    let schema = match schema {
        Value::Bool(false) => return misfit("must be left out".to_owned()),
        Value::Object(schema) if depth > 0 => schema,
        _ => return Ok(()),
    };
    if let Some(must) = wrong_type(schema, value).or_else(|| wrong_choice(schema, value)) {
        return misfit(must);
    }
    let wrong = match value {
        Value::String(text) => wrong_length(schema, text.chars().count(), "Length", "characters"),
        Value::Number(_) => wrong_number(schema, value),
        Value::Array(items) => wrong_length(schema, items.len(), "Items", "entries"),
        _ => None,
    };
    if let Some(must) = wrong {
        return misfit(must);
    }
    match value {
        Value::Object(members) => check_members(schema, members, path, depth),
        Value::Array(items) => {
            let of = schema.get("items").unwrap_or(&Value::Bool(true));
            let mut items = items.iter().enumerate();
            items.try_for_each(|(index, item)| {
                check_at(of, item, &format!("{path}[{index}]"), depth - 1)
            })
        }
        _ => Ok(()),
    }
}

fn check_members(
    schema: &Map<String, Value>,
    members: &Map<String, Value>,
    path: &str,
    depth: usize,
) -> Result<(), Misfit> {
    let required = schema.get("required").and_then(Value::as_array);
    let mut required = required.into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.find(|name| !members.contains_key(*name)) {
        return Err(Misfit {
            path: format!("{path}.{missing}"),
            must: "is missing".to_owned(),
        });
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    let others = schema.get("additionalProperties");
    for (name, value) in members {
        let of = properties.and_then(|properties| properties.get(name));
        let path = format!("{path}.{name}");
        match (of, others) {
            (Some(of), _) => check_at(of, value, &path, depth - 1)?,
            (None, Some(Value::Bool(false))) => {
                let must = "is nothing that the plugin knows".to_owned();
                return Err(Misfit { path, must });
            }
            (None, Some(of)) => check_at(of, value, &path, depth - 1)?,
            (None, None) => {}
        }
    }
    Ok(())
}

fn wrong_type(schema: &Map<String, Value>, value: &Value) -> Option<String> {
    let names: Vec<&str> = match schema.get("type")? {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let is = |name: &&str| match *name {
        "string" => value.is_string(),
        // 3.0 is an integer (Validation, section 6.1.1).
        "integer" => value.is_i64() || value.is_u64() || is_whole(value),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    };
    let fits = names.iter().any(is);
    (!fits).then(|| format!("must be of type {}", names.join(" or ")))
}

fn is_whole(value: &Value) -> bool {
    value
        .as_f64()
        .is_some_and(|number| number.is_finite() && number.trunc().total_cmp(&number).is_eq())
}

fn wrong_choice(schema: &Map<String, Value>, value: &Value) -> Option<String> {
    if let Some(only) = schema.get("const") {
        return (only != value).then(|| format!("must be {only}"));
    }
    let choices = schema.get("enum")?.as_array()?;
    if choices.contains(value) {
        return None;
    }
    let choices: Vec<String> = choices.iter().map(Value::to_string).collect();
    Some(format!("must be one of {}", choices.join(", ")))
}

fn wrong_number(schema: &Map<String, Value>, value: &Value) -> Option<String> {
    let number = value.as_f64()?;
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    if let Some(least) = bound("minimum").filter(|least| number < *least) {
        return Some(format!("must be at least {least}"));
    }
    if let Some(most) = bound("maximum").filter(|most| number > *most) {
        return Some(format!("must be at most {most}"));
    }
    if let Some(below) = bound("exclusiveMinimum").filter(|below| number <= *below) {
        return Some(format!("must be more than {below}"));
    }
    let above = bound("exclusiveMaximum").filter(|above| number >= *above)?;
    Some(format!("must be less than {above}"))
}

/// `what` names the keywords: `minLength`, `maxItems`.
fn wrong_length(
    schema: &Map<String, Value>,
    length: usize,
    what: &str,
    units: &str,
) -> Option<String> {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    let bound = |end: &str| schema.get(&format!("{end}{what}")).and_then(Value::as_u64);
    if let Some(least) = bound("min").filter(|least| length < *least) {
        return Some(format!("must have at least {least} {units}"));
    }
    let most = bound("max").filter(|most| length > *most)?;
    Some(format!("must have at most {most} {units}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Value {
        json!({
            "type": "object",
            "required": ["host"],
            "additionalProperties": false,
            "properties": {
                "host": {"type": "string", "minLength": 1, "maxLength": 20},
                "port": {"type": "integer", "minimum": 1, "maximum": 65_535},
                "ratio": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                "mode": {"enum": ["fast", "safe"]},
                "key": {"type": "string", "writeOnly": true},
                "words": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
                "never": false,
                "proxy": {"type": ["object", "null"], "properties": {
                    "password": {"type": "string", "writeOnly": true},
                    "user": {"type": "string"},
                }},
            },
        })
    }

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_fits_fits() {
        let full = json!({
            "host": "a", "port": 3.0, "ratio": 0.5, "mode": "safe", "key": "k",
            "words": ["x", "y"], "proxy": {"user": "u", "more": 1},
        });
        for config in [json!({"host": "a"}), full] {
            assert_eq!(check(&schema(), &config), Ok(()), "{config}");
        }
        assert_eq!(check(&json!(true), &json!({"any": 1})), Ok(()));
    }

    #[test]
    fn what_does_not_fit_is_named_and_never_repeated() {
        for (config, path) in [
            (json!([]), "config"),
            (json!({}), "config.host"),
            (json!({"host": ""}), "config.host"),
            (json!({"host": "4711471147114711471147"}), "config.host"),
            (json!({"host": 4711}), "config.host"),
            (json!({"host": "a", "port": 4_711_000}), "config.port"),
            (json!({"host": "a", "port": 0}), "config.port"),
            (json!({"host": "a", "port": 4711.5}), "config.port"),
            (json!({"host": "a", "ratio": 0}), "config.ratio"),
            (json!({"host": "a", "ratio": 4711}), "config.ratio"),
            (json!({"host": "a", "mode": "4711"}), "config.mode"),
            (json!({"host": "a", "key": 4711}), "config.key"),
            (
                json!({"host": "a", "words": ["x", 4711]}),
                "config.words[1]",
            ),
            (
                json!({"host": "a", "words": ["x", "y", "z"]}),
                "config.words",
            ),
            (json!({"host": "a", "never": 4711}), "config.never"),
            (json!({"host": "a", "hots": 4711}), "config.hots"),
            (
                json!({"host": "a", "proxy": {"user": 4711}}),
                "config.proxy.user",
            ),
        ] {
            let misfit = check(&schema(), &config).unwrap_err();
            assert_eq!(misfit.path, path, "{config}");
            assert!(!misfit.must.contains("4711"), "{misfit:?}");
        }
    }

    #[test]
    fn secrets_are_kept_and_never_told() {
        let schema = schema();
        let config = object(&json!({
            "host": "a", "key": "k", "proxy": {"user": "u", "password": "p"},
        }));
        let (told, kept) = without_secrets(Some(&schema), &config);
        assert_eq!(kept, ["key", "proxy.password"]);
        assert_eq!(json!(told), json!({"host": "a", "proxy": {"user": "u"}}));
        // What was told comes back changed: secrets stay, members that are gone are gone.
        let set = object(&json!({"proxy": {"user": "v"}}));
        let now = keep_secrets(Some(&schema), &config, set);
        assert_eq!(
            json!(now),
            json!({"key": "k", "proxy": {"user": "v", "password": "p"}})
        );
        let cleared = object(&json!({"host": "b", "key": null}));
        let now = keep_secrets(Some(&schema), &config, cleared);
        assert_eq!(json!(now), json!({"host": "b"}));
        // Without a schema nothing is a secret, and all of it is told.
        assert_eq!(without_secrets(None, &config).0, config);
    }

    #[test]
    fn a_schema_of_itself_ends() {
        let mut schema = json!({"type": "integer"});
        let mut value = json!("x");
        for _ in 0..200 {
            schema = json!({"properties": {"a": schema}});
            value = json!({"a": value});
        }
        assert_eq!(check(&schema, &value), Ok(()), "too deep to be a form");
    }
}
