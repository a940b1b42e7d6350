// Preloaded into Azurite by running_storage(indexed=True): rows and messages are found by index.
//
// Azurite looks through a whole table for every point read and query, and through all messages of an account
// for every call of a queue, so that where there are many only Azurite would be seen. The service finds by
// partition and row (https://learn.microsoft.com/azure/storage/tables/table-storage-design), and so does this.
// Nothing else differs: what is asked in another way is left to Azurite.
"use strict";
const path = require("path");

const azurite = path.dirname(process.argv[1]);
const Loki = require(require.resolve("lokijs", { paths: [azurite] }));
const Store = require(path.join(azurite, "table", "persistence", "LokiTableMetadataStore.js")).default;

// Of a query's properties the first one decides which index is used.
const BEFORE_OTHERS = ["messageId", "queueName", "PartitionKey"];
const find = Loki.Resultset.prototype.find;
Loki.Resultset.prototype.find = function (query, ...more) {
  const first = query && BEFORE_OTHERS.find((name) => query[name] !== undefined);
  return find.call(this, first ? { [first]: query[first], ...query } : query, ...more);
};

// One partition, or a range of its rows; Azurite itself then looks at the rows of that partition only.
const STRING = "'((?:[^']|'')*)'";
const PARTITION = new RegExp(`^\\(?PartitionKey eq ${STRING}\\)?(?: and \\(?RowKey (?:eq|[gl][te]) ${STRING}\\)?)*$`);
const queryTableEntities = Store.prototype.queryTableEntities;
Store.prototype.queryTableEntities = async function (context, account, table, options, ...next) {
  const found = PARTITION.exec((options && options.filter) || "");
  if (!found) return queryTableEntities.call(this, context, account, table, options, ...next);
  const all = this.getEntityCollection(account, table, context);
  const some = { chain: () => all.chain().find({ PartitionKey: found[1].replace(/''/g, "'") }) };
  const store = Object.create(this, { getEntityCollection: { value: () => some } });
  return queryTableEntities.call(store, context, account, table, options, ...next);
};
