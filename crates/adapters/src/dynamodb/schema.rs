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

/// What to do about a table that is not as this version needs it: indexes are made with a table, or never.
pub const OLD_FORM: &str = "the table is of another version: name another one in `records`, make it with `tapebase setup`, \
                            and copy what the old one has with the version that made it";

const KEYS: [&str; 2] = ["pk", "sk"];
const SWEEP_KEYS: [&str; 2] = ["sweep_pk", "sweep_sk"];
/// They live with the items of their user, and answer consistently. Five is the most there can be, and none can be
/// had any more once the table is there: what has none of an index's keys is not in it, and costs nothing.
const LOCAL: [Local; 5] = [
    Local { name: "by_received", sort_key: "received_key", only: None },
    Local { name: "by_recorded", sort_key: "recorded_key", only: None },
    Local { name: "by_changed", sort_key: "changed_key", only: None },
    Local { name: "by_search", sort_key: "search_key", only: Some("search") },
    Local { name: "spare", sort_key: "spare_key", only: None },
];

/// A local index.
#[derive(Clone, Copy)]
struct Local {
    name: &'static str,
    sort_key: &'static str,
    /// The one attribute its entries have beside keys; everything otherwise.
    only: Option<&'static str>,
}

impl Local {
    fn keys(self) -> [&'static str; 2] {
        [KEYS[0], self.sort_key]
    }

    fn projection(self) -> Projection {
        let projection = Projection::builder();
        match self.only {
            None => projection.projection_type(ProjectionType::All).build(),
            Some(attribute) => {
                projection.projection_type(ProjectionType::Include).non_key_attributes(attribute).build()
            }
        }
    }

    fn is_as_it_must_be(self, table: &TableDescription) -> bool {
        table.local_secondary_indexes().iter().any(|index| {
            let projection = self.projection();
            let is_projected = index.projection().is_some_and(|found| {
                found.projection_type() == projection.projection_type()
                    && found.non_key_attributes() == projection.non_key_attributes()
            });
            index.index_name() == Some(self.name) && is_projected && is_keyed(table, index.key_schema(), self.keys())
        })
    }
}

/// Keys and local indexes cannot be had any more once the table is there.
pub fn define(mut create: CreateTableFluentBuilder) -> Result<CreateTableFluentBuilder, BuildError> {
    let sort_keys = LOCAL.iter().map(|index| index.sort_key);
    for name in KEYS.into_iter().chain(sort_keys).chain(SWEEP_KEYS) {
        create = create.attribute_definitions(text_attribute(name)?);
    }
    for local in LOCAL {
        let index = LocalSecondaryIndex::builder()
            .index_name(local.name)
            .set_key_schema(Some(key_schema(local.keys())?))
            .projection(local.projection());
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
    LOCAL.iter().all(|local| local.is_as_it_must_be(table))
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
