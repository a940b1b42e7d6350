// Preloaded into the bench's Azurite beside sandbox/indexed.cjs: a query of the table `benchload` loads rows in
// bulk, from the file that it names as its partition. One row a line: [table, entity].
"use strict";
const fs = require("fs");
const path = require("path");

const azurite = path.dirname(process.argv[1]);
const Store = require(path.join(azurite, "table", "persistence", "LokiTableMetadataStore.js")).default;
const FILE = /^\(?PartitionKey eq '((?:[^']|'')*)'/;
const LOADING = "benchload";

const queryTableEntities = Store.prototype.queryTableEntities;
Store.prototype.queryTableEntities = async function (context, account, table, options, ...next) {
  if (table !== LOADING) return queryTableEntities.call(this, context, account, table, options, ...next);
  await load(this, context, account, FILE.exec(options.filter)[1].replace(/''/g, "'"));
  return [[], undefined, undefined];
};

// The indices are made once, after the last line.
async function load(store, context, account, file) {
  const now = new Date().toISOString();
  const collections = new Map();
  const lines = require("readline").createInterface({ input: fs.createReadStream(file) });
  for await (const line of lines) {
    const [table, entity] = JSON.parse(line);
    if (!collections.has(table)) collections.set(table, await collection(store, context, account, table));
    entity.lastModifiedTime = now;
    entity.eTag = `W/"datetime'${encodeURIComponent(now)}'"`;
    Object.assign(entity.properties, { Timestamp: now, "Timestamp@odata.type": "Edm.DateTime" });
    collections.get(table).insert(entity);
  }
  for (const each of collections.values()) {
    each.ensureAllIndexes(true);
    each.adaptiveBinaryIndices = true;
  }
}

async function collection(store, context, account, table) {
  try {
    await store.createTable(context, { account, table });
  } catch (error) {
    if (error.statusCode !== 409) throw error;
  }
  const found = store.getEntityCollection(account, table, context);
  found.adaptiveBinaryIndices = false;
  return found;
}
