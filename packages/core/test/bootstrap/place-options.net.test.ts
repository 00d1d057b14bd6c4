import { lookup } from 'node:dns';
import net from 'node:net';
import { expect, it, vi } from 'vitest';
import { checkReusePort } from '../../src/bootstrap/bind-target.ts';
import { type BindOptions, Bootstrap, type Server, ServerBootstrap } from '../../src/index.ts';

const client = new Bootstrap().handler(() => {});
const bind = (target: BindOptions): Promise<Server> =>
  new ServerBootstrap().childHandler(() => {}).bind(target);

it('connect passes lookup and family on to Node', async () => {
  const server = await bind({ port: 0, host: '127.0.0.1' });
  const asked: unknown[] = [];
  const channel = await client.connect({
    port: server.port,
    host: 'chat.invalid',
    family: 4,
    lookup: (host, options, callback) => {
      asked.push(host, options.family);
      lookup('127.0.0.1', options, callback);
    },
  });
  expect(asked).toEqual(['chat.invalid', 4]);
  await channel.close();
  await server.close();
});

type Answer = (error: Error | null, ...answer: unknown[]) => void;
const throwing = {
  get address() {
    throw new Error('none');
  },
};

it.each<[string, (done: Answer) => unknown]>([
  ['nothing', (done) => done(null)],
  ['a number', (done) => done(null, 5, 4)],
  ['an empty list', (done) => done(null, [])],
  ['a list of nothing', (done) => done(null, [null, {}])],
  ['lists within a list', (done) => done(null, [{ address: ['127.0.0.1'], family: 4 }])],
  ['a name', (done) => done(null, 'localhost', 4)],
  ['an address that throws', (done) => done(null, throwing)],
  ['an error and then an address', (done) => done(new Error('none')) ?? done(null, '127.0.0.1', 4)],
  ['a rejection', () => Promise.reject(new Error('none'))],
])('connect fails if a lookup answers later with %s', async (_what, answer) => {
  for (const family of [0, 4] as const) {
    const lookup = (_host: string, _options: object, done: Answer) =>
      void setImmediate(() => void Promise.resolve(answer(done)).catch(done));
    const connect = client.connect({ port: 1, host: 'a.test', family, lookup: lookup as never });
    await expect(connect).rejects.toThrow(/lookup found no address of a\.test|none/);
  }
});

it.each<[string, (done: Answer) => void]>([
  ['a text', (done) => done(null, '127.0.0.1', 4)],
  ['a text without its family', (done) => done(null, '127.0.0.1')],
  ['a list of texts', (done) => done(null, ['127.0.0.1'])],
  ['a list with one that is no address', (done) => done(null, [{}, { address: '127.0.0.1' }])],
  ['two answers', (done) => done(null, '127.0.0.1', 4) ?? done(new Error('late'))],
])('connect takes the address of a lookup that answers with %s', async (_what, answer) => {
  const server = await bind({ port: 0, host: '127.0.0.1' });
  for (const family of [0, 4] as const) {
    const lookup = (_host: string, _options: object, done: Answer) => answer(done);
    const place = { port: server.port, host: 'a.test', family, lookup: lookup as never };
    await (await client.connect(place)).close();
  }
  await server.close();
});

it('gives the connect to each address of a host 2.5 s, and not only the 250 ms of Node', async () => {
  const connect = vi.spyOn(net, 'connect');
  const place = { port: 1, host: '127.0.0.1' };
  await expect(client.connect(place)).rejects.toThrow('ECONNREFUSED');
  const slow = client.clone().options({ familyAttemptMs: 9000 });
  await expect(slow.connect(place)).rejects.toThrow('ECONNREFUSED');
  expect(connect.mock.calls.map(([options]) => options)).toMatchObject([
    { autoSelectFamilyAttemptTimeout: 2500 },
    { autoSelectFamilyAttemptTimeout: 9000 },
  ]);
  connect.mockRestore();
  const wrong = client.clone().options({ familyAttemptMs: 0 });
  await expect(wrong.connect(place)).rejects.toThrow('familyAttemptMs is 0');
});

it('connect takes its signal beside the place too', async () => {
  const place = { port: 1, host: '127.0.0.1' };
  const signal = AbortSignal.abort(new Error('changed my mind'));
  await expect(client.connect(place, { signal })).rejects.toThrow('changed my mind');
  await expect(client.connect(place, { signals: signal } as never)).rejects.toThrow('signals');
});

it('connect refuses a family that does not exist, and a lookup that is not a function', async () => {
  await expect(client.connect({ port: 1, family: 5 as never })).rejects.toThrow(
    'family is 5, but must be 0, 4 or 6',
  );
  await expect(client.connect({ port: 1, lookup: 'dns' as never })).rejects.toThrow(
    'lookup is "dns", but must be a function',
  );
});

it('reusePort lets two servers listen on one port, or is refused by an older Node', async () => {
  const target = { host: '127.0.0.1', reusePort: true, exclusive: true } as const;
  if (!hasReusePort()) {
    await expect(bind({ ...target, port: 0 })).rejects.toThrow('reusePort needs Node 22.12');
    return;
  }
  const one = await bind({ ...target, port: 0 });
  const two = await bind({ ...target, port: one.port });
  expect(two.port).toBe(one.port);
  // The system chooses; while both listen, each connection is taken by one, and one that is left takes all.
  const counts = [0, 0];
  const both = new Promise<void>((resolve) => {
    [one, two].forEach((server, i) => {
      server.on('connection', () => {
        counts[i]! += 1;
        if (counts[0]! + counts[1]! >= 20) resolve();
      });
    });
  });
  const place = { host: '127.0.0.1', port: one.port };
  const connect = () => client.connect(place);
  const channels = await Promise.all(Array.from({ length: 20 }, connect));
  await both;
  expect(counts[0]! + counts[1]!).toBe(20);
  await one.close();
  const before = counts[1]!;
  const accepted = new Promise((resolve) => two.once('connection', resolve));
  channels.push(await connect());
  await accepted;
  expect(counts[1]).toBe(before + 1);
  for (const channel of channels) channel.abort();
  await two.close();
});

it('reusePort needs a Node that knows it', () => {
  for (const version of ['20.19.1', '22.11.0', '23.0.0']) {
    expect(() => checkReusePort(version)).toThrow(
      `reusePort needs Node 22.12 or 23.1 or newer, but this is ${version}`,
    );
  }
  for (const version of ['22.12.0', '23.1.0', '24.0.0']) checkReusePort(version);
});

function hasReusePort(): boolean {
  try {
    checkReusePort(process.versions.node);
    return process.platform === 'linux';
  } catch {
    return false;
  }
}
