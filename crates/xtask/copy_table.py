"""Copies a table of DynamoDB, with its rows and indexes, and without settings: as one that was restored to this moment."""

import sys

import boto3

source, target = sys.argv[1:]
client = boto3.client("dynamodb")
table = client.describe_table(TableName=source)["Table"]


def indexes(kind):
    """The indexes of a kind, as whoever makes a table says them."""
    return [{name: index[name] for name in ("IndexName", "KeySchema", "Projection")} for index in table[kind]]


client.create_table(
    TableName=target,
    BillingMode="PAY_PER_REQUEST",
    AttributeDefinitions=table["AttributeDefinitions"],
    KeySchema=table["KeySchema"],
    LocalSecondaryIndexes=indexes("LocalSecondaryIndexes"),
    GlobalSecondaryIndexes=indexes("GlobalSecondaryIndexes"),
)
for page in client.get_paginator("scan").paginate(TableName=source):
    for row in page["Items"]:
        client.put_item(TableName=target, Item=row)
