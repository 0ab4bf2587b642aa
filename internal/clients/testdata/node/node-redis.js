// Usage: node node-redis.js HOST PORT PASSWORD. It fails if node-redis does not work with a server.
import assert from "node:assert/strict";
import { createClient } from "redis";

const [host, port, password] = process.argv.slice(2);
for (const RESP of [2, 3]) {
  const c = createClient({ socket: { host, port }, password, database: RESP, name: "test", RESP });
  c.on("error", (error) => { throw error; });
  await c.connect();
  assert.equal(await c.set("k", "v", { EX: 3600 }), "OK");
  assert.equal(await c.get("k"), "v");
  assert.equal(await c.get("missing"), null);
  assert.ok(await c.ttl("k") > 3590);
  assert.deepEqual(await c.multi().incr("n").incrBy("n", 41).exec(), [1, 42]);
  assert.deepEqual(await c.mGet(["k", "missing"]), ["v", null]);
  const keys = [];
  for await (const batch of c.scanIterator()) keys.push(...batch);
  assert.deepEqual(keys.sort(), ["k", "n"]);
  await c.watch("k");
  const other = c.duplicate();
  await other.connect();
  await other.set("k", "changed");
  await assert.rejects(c.multi().set("n", "0").exec());
  await other.close();
  await c.close();
}
