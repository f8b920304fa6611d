//! Examples of whole bodies, made of those that the members of their schemas have.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use utoipa::openapi::{
    Content, OpenApi, RefOr, Schema,
    schema::{ArrayItems, Object},
};

use super::operations;

type Schemas = BTreeMap<String, RefOr<Schema>>;

/// Gives every body that is JSON an example, unless it has one already.
pub fn describe(document: &mut OpenApi) {
    let OpenApi { components: Some(components), paths, .. } = document else { return };
    let schemas = &components.schemas;
    for item in paths.paths.values_mut() {
        for (_, operation) in operations(item) {
            if let Some(RefOr::T(body)) = &mut operation.request_body {
                body.content.values_mut().for_each(|content| add(content, schemas));
            }
            for response in operation.responses.responses.values_mut() {
                let RefOr::T(response) = response else { continue };
                response.content.values_mut().for_each(|content| add(content, schemas));
            }
        }
    }
}

fn add(content: &mut RefOr<Content>, schemas: &Schemas) {
    if let RefOr::T(content) = content
        && let Some(schema @ RefOr::Ref(_)) = &content.schema
        && content.example.is_none()
        && content.examples.is_empty()
    {
        content.example = of_schema(schema, schemas);
    }
}

/// What a schema describes, as long as everything that must be in it has an example.
fn of_schema(schema: &RefOr<Schema>, schemas: &Schemas) -> Option<Value> {
    match schema {
        RefOr::Ref(reference) => of_schema(schemas.get(reference.ref_location.rsplit('/').next()?)?, schemas),
        RefOr::T(Schema::Object(object)) => of_object(object, schemas),
        RefOr::T(Schema::Array(array)) => match &array.items {
            ArrayItems::RefOrSchema(items) => Some(Value::Array(vec![of_schema(items, schemas)?])),
            ArrayItems::False => None,
        },
        // A schema, or null.
        RefOr::T(Schema::OneOf(either)) => either.items.iter().find_map(|schema| of_schema(schema, schemas)),
        RefOr::T(_) => None,
    }
}

fn of_object(object: &Object, schemas: &Schemas) -> Option<Value> {
    let constant = || object.extensions.as_ref()?.get("const").cloned();
    let first = || object.enum_values.as_ref()?.first().cloned();
    object.example.clone().or_else(constant).or_else(first).or_else(|| of_members(object, schemas))
}

/// Those that must be there, and those that say themselves how they look.
fn of_members(object: &Object, schemas: &Schemas) -> Option<Value> {
    let mut members = Map::new();
    for (name, schema) in &object.properties {
        let has_example = matches!(schema, RefOr::T(Schema::Object(member)) if member.example.is_some());
        if has_example || object.required.contains(name) {
            members.insert(name.clone(), of_schema(schema, schemas)?);
        }
    }
    (!members.is_empty()).then_some(Value::Object(members))
}
