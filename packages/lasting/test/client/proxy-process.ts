// A proxy that cuts connections, run as a process by lasting-echo.figures.heavy.test.ts, which kills it. Reports its port, then
// again and again how many it has cut.
import { CuttingProxy } from '../../../core/test/fixture/cutting-proxy.ts';
import { randomFrom } from '../../../core/test/fixture/random.ts';

const [target, port, seed, maxCuts] = process.argv.slice(2).map(Number) as [
  number,
  number,
  number,
  number,
];
const proxy = new CuttingProxy(target, { maxCuts, maxBytes: 30_000, random: randomFrom(seed) });
process.on('disconnect', () => process.exit());
process.send!(await proxy.listen(port));
setInterval(() => process.send!(proxy.cuts), 10);
