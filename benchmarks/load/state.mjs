// Preloaded into a server: live objects in its heap, STATE_MB of them, as every server has that knows its users.
const megabytes = Number(process.env.STATE_MB ?? 0);
const kept = [];
while (process.memoryUsage().heapUsed < megabytes * 1e6) {
  for (let i = 0; i < 2000; i += 1) kept.push({ i, text: `x${i}`, inner: { i } });
}
globalThis.state = kept;
