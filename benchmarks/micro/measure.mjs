// Runs something in rounds and prints its CPU time per operation, as one line of JSON.

/** @param run - does the given number of operations; called for warm-up first */
export function measure(name, unit, operations, run, { divideBy = 1, goal } = {}) {
  const rounds = Number(process.env.BENCH_ROUNDS ?? 7);
  for (let i = 0; i < 3; i += 1) run(operations);
  const values = [];
  for (let i = 0; i < rounds; i += 1) {
    const before = process.cpuUsage();
    run(operations);
    const { user, system } = process.cpuUsage(before);
    values.push(((user + system) * 1000) / operations / divideBy);
  }
  report(name, unit, values, goal);
}

export function report(name, unit, values, goal) {
  console.log(JSON.stringify({ name, unit, values, goal }));
}
