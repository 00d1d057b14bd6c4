import { availableParallelism } from 'node:os';
import { freePort } from '@headrace/workers';
import { expect, it } from 'vitest';
import { attack, isListening, memoryMiBOf, type Program, peer, system, until } from './program.ts';

const PEER = 'many-processes.php';
const EXCHANGES = 200;
const NAMES = Array.from({ length: availableParallelism() }, (_, i) => `worker ${i + 1}`);

/** The process of a worker: the one that was started last. */
function pidOf(program: Program, name: string): number {
  const line = program.lines.findLast((text) => text.startsWith(`${name}: process `));
  return Number(line!.split(' ').at(-1));
}

it('answers PHP over IPv4 and IPv6 by all workers, while one of them is killed', async () => {
  const program = system('many-processes', undefined);
  const port = await program.port();
  await program.says(new RegExp(`^${NAMES.at(-1)}: process`));
  expect(program.lines.map((line) => line.replace(/ \d+$/, ''))).toEqual([
    `[::]:${port}`,
    ...['master', ...NAMES].map((name) => `${name}: process`),
  ]);
  const clients = ['127.0.0.1', '::1'].map((host) => peer(PEER, ['client', host, port, EXCHANGES]));
  const victim = pidOf(program, 'worker 1');
  await until(() => clients.every(({ lines }) => lines.length >= EXCHANGES / 4), 'answers');
  // How many each gets is up to the machine.
  const hasServed = (name: string): boolean => program.lines.includes(`${name} | Client: Connect.`);
  await until(() => NAMES.every(hasServed), 'connection of each worker');
  process.kill(victim, 'SIGKILL');
  const answers = Array.from({ length: EXCHANGES }, (_, i) => `Server: hello ${i + 1}`);
  for (const client of clients) {
    expect(await client.exit).toBe(0);
    const refused = client.lines.filter((line) => line.startsWith('connect failed'));
    const lost = Number(/^lost: (\d+)$/.exec(client.lines.at(-1)!)![1]);
    expect(client.lines.filter((line) => line.startsWith('Server: '))).toEqual(answers);
    // With a single worker nobody listens until there is another one.
    if (NAMES.length > 1) expect([refused, lost <= 3]).toEqual([[], true]);
  }
  await until(() => pidOf(program, 'worker 1') !== victim, 'worker in its place');

  const count = (text: string) => program.lines.filter((line) => line === text).length;
  const connects = (name: string): number => count(`${name} | Client: Connect.`);
  const closes = (name: string): number => count(`${name} | Client: Close.`);
  const all = (): number => NAMES.reduce((sum, name) => sum + connects(name), 0);
  await until(() => all() >= 2 * EXCHANGES, 'line for each connection');
  for (const name of NAMES.slice(1))
    await until(() => closes(name) === connects(name), 'its closes');

  const pids = NAMES.map((name) => pidOf(program, name));
  const memoryMiB = async (): Promise<number> => {
    const each = await Promise.all(pids.map(memoryMiBOf));
    return each.reduce((sum, one) => sum + one, 0);
  };
  const target = { memoryMiB, hasEnded: false };
  const attacked = attack(target, port, { half: 'hello' }, async () => {
    const client = peer(PEER, ['client', '127.0.0.1', port]);
    expect(await client.exit).toBe(0);
    expect(client.lines).toEqual(['Server: hello 1', 'lost: 0']);
  });

  for (const host of ['127.0.0.1', '::1']) await provesClients(host);
  const [awaiting, byEvents] = ['client', 'events'].map((role) =>
    system('many-processes', role, { PORT: port }),
  );
  expect([await awaiting!.exit, awaiting!.lines]).toEqual([0, ['Server: hello world']]);
  expect(await byEvents!.exit).toBe(0);
  expect(byEvents!.lines).toEqual(['Received: Server: hello world', 'Connection close']);
  await attacked;

  program.kill('SIGTERM');
  expect(await program.exit).toBe(0);
  expect(program.errors).toMatch(
    new RegExp(`^\\S+ warn worker 1 \\(process ${victim}\\) ended with SIGKILL\\n$`),
  );
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  expect(await isListening(port)).toBe(false);
});

/** Our clients and PHP's server, and what they print where nobody listens any more. */
async function provesClients(host: string): Promise<void> {
  const place = await freePort('127.0.0.1', 0);
  const server = peer(PEER, ['server', host, place]);
  await server.port();
  const env = { HOST: host, PORT: place };
  const start = () => ['client', 'events'].map((role) => system('many-processes', role, env));
  const [awaiting, byEvents] = start();
  expect([await awaiting!.exit, awaiting!.output]).toEqual([0, 'Server: hello world\n\n']);
  expect(await byEvents!.exit).toBe(0);
  expect(byEvents!.lines).toEqual(['Received: Server: hello world', 'Connection close']);
  const closed = () => server.lines.filter((line) => line === 'Client: Close.').length === 2;
  await until(closed, 'two closes');
  expect(server.lines.filter((line) => line === 'Client: Connect.').length).toBe(2);
  server.kill();
  await server.exit;
  const [refused, refusedByEvents] = start();
  expect([await refused!.exit, refused!.lines]).toEqual([1, ['connect failed. Error: 111']]);
  expect(await refusedByEvents!.exit).toBe(1);
  expect(refusedByEvents!.lines).toEqual(['Connect failed. Error: 111']);
}
