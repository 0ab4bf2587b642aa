// Usage: node ioredis.js HOST PORT PASSWORD. It fails if ioredis does not work with a server.
import assert from "node:assert/strict";
import { Redis } from "ioredis";

const [host, port, password] = process.argv.slice(2);
const c = new Redis({ host, port, password, db: 1, connectionName: "test" });
assert.equal(await c.set("k", "v", "EX", 3600), "OK");
assert.equal(await c.get("k"), "v");
assert.equal(await c.get("missing"), null);
assert.ok(await c.ttl("k") > 3590);
assert.deepEqual(await c.multi().incr("n").incrby("n", 41).exec(), [[null, 1], [null, 42]]);
assert.deepEqual(await c.pipeline().get("k").incr("k").exec().then((all) => all.map(([error]) => !!error)), [false, true]);
const keys = [];
for await (const batch of c.scanStream()) keys.push(...batch);
assert.deepEqual(keys.sort(), ["k", "n"]);
await c.watch("k");
const other = c.duplicate();
await other.set("k", "changed");
assert.equal(await c.multi().set("n", "0").exec(), null);
await other.quit();
await c.quit();
