//! The table as it must be: its keys and its indexes.

use aws_sdk_dynamodb::{
    error::BuildError,
    operation::create_table::builders::CreateTableFluentBuilder,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, LocalSecondaryIndex,
        Projection, ProjectionType, ScalarAttributeType, TableDescription,
    },
};

/// An index of its own, for the sweep; entries have keys and nothing else.
pub const SWEEP: &str = "sweep";

const KEYS: [&str; 2] = ["pk", "sk"];
const SWEEP_KEYS: [&str; 2] = ["sweep_pk", "sweep_sk"];
/// They live with the items of their user, and answer consistently; entries have everything.
const LOCAL: [(&str, [&str; 2]); 2] =
    [("by_received", ["pk", "received_key"]), ("by_recorded", ["pk", "recorded_key"])];

/// Keys and local indexes cannot be had any more once the table is there.
pub fn define(mut create: CreateTableFluentBuilder) -> Result<CreateTableFluentBuilder, BuildError> {
    for name in [KEYS[0], KEYS[1], LOCAL[0].1[1], LOCAL[1].1[1], SWEEP_KEYS[0], SWEEP_KEYS[1]] {
        create = create.attribute_definitions(text_attribute(name)?);
    }
    for (name, keys) in LOCAL {
        let index = LocalSecondaryIndex::builder()
            .index_name(name)
            .set_key_schema(Some(key_schema(keys)?))
            .projection(Projection::builder().projection_type(ProjectionType::All).build());
        create = create.local_secondary_indexes(index.build()?);
    }
    let sweep = GlobalSecondaryIndex::builder()
        .index_name(SWEEP)
        .set_key_schema(Some(key_schema(SWEEP_KEYS)?))
        .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build());
    Ok(create
        .set_key_schema(Some(key_schema(KEYS)?))
        .global_secondary_indexes(sweep.build()?)
        .billing_mode(BillingMode::PayPerRequest))
}

pub fn has_keys(table: &TableDescription) -> bool {
    is_keyed(table, table.key_schema(), KEYS)
}

pub fn has_local_indexes(table: &TableDescription) -> bool {
    LOCAL.iter().all(|(name, keys)| {
        table.local_secondary_indexes().iter().any(|index| {
            let has_all = index.projection().and_then(Projection::projection_type) == Some(&ProjectionType::All);
            index.index_name() == Some(name) && has_all && is_keyed(table, index.key_schema(), *keys)
        })
    })
}

pub fn has_sweep(table: &TableDescription) -> bool {
    let mut indexes = table.global_secondary_indexes().iter();
    indexes.any(|index| index.index_name() == Some(SWEEP) && is_keyed(table, index.key_schema(), SWEEP_KEYS))
}

fn is_keyed(table: &TableDescription, schema: &[KeySchemaElement], [hash, range]: [&str; 2]) -> bool {
    let is_text = |name: &str| {
        let mut attributes = table.attribute_definitions().iter();
        attributes.any(|it| it.attribute_name() == name && *it.attribute_type() == ScalarAttributeType::S)
    };
    let has = |name: &str, role: &KeyType| {
        schema.iter().any(|key| key.attribute_name() == name && key.key_type() == role) && is_text(name)
    };
    schema.len() == 2 && has(hash, &KeyType::Hash) && has(range, &KeyType::Range)
}

fn key_schema([hash, range]: [&str; 2]) -> Result<Vec<KeySchemaElement>, BuildError> {
    let key = |name: &str, role| KeySchemaElement::builder().attribute_name(name).key_type(role).build();
    Ok(vec![key(hash, KeyType::Hash)?, key(range, KeyType::Range)?])
}

fn text_attribute(name: &str) -> Result<AttributeDefinition, BuildError> {
    AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
}
