import { setTimeout as delay } from 'node:timers/promises';
import { jetStreamSessionLog } from '@headrace/lasting/nats';
import { redisSessionLog } from '@headrace/lasting/redis';
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { createClient } from '@redis/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  BusServer,
  missing,
  NATS_SERVER,
  REDIS_SERVER,
} from '../../../core/test/fixture/bus-server.ts';
import type { SessionLog } from '../../src/log/session-log.ts';
import { describeLog } from './log-contract.ts';

const noRedis = missing(REDIS_SERVER);
const noNats = missing(NATS_SERVER);

describe.runIf(noRedis === '')(`a log in a real redis-server${noRedis}`, () => {
  let server: BusServer;
  let client: ReturnType<typeof createClient>;
  let log: SessionLog;

  beforeAll(async () => {
    server = await BusServer.start(REDIS_SERVER);
    client = createClient({ url: `redis://127.0.0.1:${server.port}` });
    client.on('error', () => {});
    await client.connect();
    log = redisSessionLog({ client });
  });
  afterAll(async () => {
    client.destroy();
    await server.end();
  });

  describeLog(() => log);

  it('goes on when Redis has forgotten its scripts', async () => {
    const after = await log.append('scripts', Buffer.from('one'), {
      after: undefined,
      replaces: true,
    });
    await client.sendCommand(['SCRIPT', 'FLUSH']);
    await log.append('scripts', Buffer.from('two'), { after, replaces: false });
    expect((await log.read('scripts'))!.records.map(String)).toEqual(['one', 'two']);
  });

  it('forgets what is not written to', async () => {
    const short = redisSessionLog({ client, keepMs: 50, prefix: 'short:' });
    await short.append('x', Buffer.from('one'), { after: undefined, replaces: true });
    await delay(150);
    expect(await short.read('x')).toBe(undefined);
    expect(await client.sendCommand(['KEYS', 'short:*'])).toEqual([]);
  });

  it('never counts as before: a writer from before a flush cannot write into what came after it', async () => {
    const first = { after: undefined, replaces: true };
    const stale = await log.append('flushed', Buffer.from('one'), first);
    await client.sendCommand(['FLUSHALL']);
    await log.append('flushed', Buffer.from('another one'), first);
    const place = { after: stale, replaces: false };
    expect(await log.append('flushed', Buffer.from('two'), place)).toBe(undefined);
    expect((await log.read('flushed'))!.records.map(String)).toEqual(['another one']);
  });

  it('never counts as before: a writer from before a crash cannot write after what came later', async () => {
    const id = 'restored';
    let revision = await log.append(id, Buffer.from('0'), { after: undefined, replaces: true });
    const saved = await Promise.all(
      ['at', 'records'].map(async (part) => {
        const key = `hr:lasting:{${id}}:${part}`;
        const options = { typeMapping: { 36: Buffer } };
        return { key, bytes: await client.sendCommand<Buffer>(['DUMP', key], options) };
      }),
    );
    const before = revision;
    const append = (text: string, after: string | undefined) =>
      log.append(id, Buffer.from(text), { after, replaces: false });
    for (const text of ['1', '2']) revision = await append(text, revision);
    // The server starts again from a snapshot.
    for (const { key, bytes } of saved) {
      await client.sendCommand(['RESTORE', key, '600000', bytes, 'REPLACE']);
    }
    let other = before;
    for (const text of ['one', 'two']) other = await append(text, other);
    expect(other).not.toBe(revision);
    expect(await append('3', revision)).toBe(undefined);
    expect((await log.read(id))!.records.map(String)).toEqual(['0', 'one', 'two']);
  });

  it.each(['at', 'records'])('has lost a channel of which Redis has evicted :%s', async (part) => {
    const id = `evicted-${part}`;
    const after = await log.append(id, Buffer.from('one'), { after: undefined, replaces: true });
    await client.sendCommand(['DEL', `hr:lasting:{${id}}:${part}`]);
    expect(await log.read(id)).toBe(undefined);
    expect(await log.append(id, Buffer.from('two'), { after, replaces: false })).toBe(undefined);
    await log.append(id, Buffer.from('whole'), { after: undefined, replaces: true });
    expect((await log.read(id))!.records.map(String)).toEqual(['whole']);
  });
});

/** What a log over JetStream has inside. */
interface Opened {
  opened(): Promise<{ readonly client: JetStreamClient; readonly manager: JetStreamManager }>;
  open(): Promise<unknown>;
}

describe.runIf(noNats === '')(`a log in a real nats-server${noNats}`, () => {
  let server: BusServer;
  let connection: NatsConnection;
  let log: SessionLog;

  beforeAll(async () => {
    server = await BusServer.start(NATS_SERVER);
    connection = await connect({ servers: `nats://127.0.0.1:${server.port}` });
    log = jetStreamSessionLog({ connection });
  });
  afterAll(async () => {
    await connection.close();
    await server.end();
  });

  describeLog(() => log);

  it('does not take a channel for unknown when its records are removed while it is read', async () => {
    const busy = jetStreamSessionLog({ connection, stream: 'busy' });
    const after = await busy.append('x', Buffer.from('one'), { after: undefined, replaces: true });
    await busy.append('x', Buffer.from('two'), { after, replaces: false });
    const { streams } = (await (busy as unknown as Opened).opened()).manager;
    const getMessage = streams.getMessage.bind(streams);
    let removed = 1;
    vi.spyOn(streams, 'getMessage').mockImplementation(async (name, query) => {
      if ('last_by_subj' in (query as object)) return getMessage(name, query);
      removed -= 1;
      return removed >= 0 ? null : getMessage(name, query);
    });
    expect((await busy.read('x'))!.records.map(String)).toEqual(['one', 'two']);
    removed = Number.POSITIVE_INFINITY;
    await expect(busy.read('x')).rejects.toThrow('none of the records');
  });

  it('goes on with the replicas that its stream has, and writes one line', async () => {
    const lines: string[] = [];
    const logger = { log: (level: string, text: string) => void lines.push(`${level} ${text}`) };
    const place = { after: undefined, replaces: true };
    const options = { connection, stream: 'replicas', logger };
    await jetStreamSessionLog(options).append('x', Buffer.from('one'), place);
    const wanting = jetStreamSessionLog({ ...options, replicas: 3, keepMs: 700_000 });
    expect((await wanting.read('x'))!.records.map(String)).toEqual(['one']);
    const line = /^warn the JetStream stream replicas has 1 replicas, and this process wants 3: /;
    expect(lines).toEqual([expect.stringMatching(line)]);
    const { manager } = await (wanting as unknown as Opened).opened();
    const { config } = await manager.streams.info('replicas');
    // A single server of an earlier version accepts any number in an update.
    const present = lines[0]!.endsWith('they were added') ? 3 : 1;
    expect([config.num_replicas, config.max_age]).toEqual([present, 700_000 * 1e6]);
  });

  it('asks for no consumer, which a majority of the servers would have to agree on', async () => {
    const long = jetStreamSessionLog({ connection, stream: 'long' });
    let after = await long.append('x', Buffer.from('0'), { after: undefined, replaces: true });
    for (let i = 1; i < 300; i++)
      after = await long.append('x', Buffer.from(String(i)), { after, replaces: false });
    await long.append('y', Buffer.from('of another channel'), { after: undefined, replaces: true });
    const { client } = await (long as unknown as Opened).opened();
    const get = vi.spyOn(client.consumers, 'get');
    const { records, revision } = (await long.read('x'))!;
    expect(records.map(String)).toEqual(Array.from({ length: 300 }, (_, i) => String(i)));
    expect(revision).toBe(after);
    expect(get).not.toHaveBeenCalled();
  });

  it('sends a request again that no server answers, because they elect a leader', async () => {
    const silent = jetStreamSessionLog({ connection, stream: 'silent' });
    await silent.append('x', Buffer.from('one'), { after: undefined, replaces: true });
    const { streams } = (await (silent as unknown as Opened).opened()).manager;
    const getMessage = vi.spyOn(streams, 'getMessage');
    for (let i = 0; i < 2; i++) getMessage.mockReturnValueOnce(new Promise(() => {}));
    expect((await silent.read('x'))!.records.map(String)).toEqual(['one']);
    expect(getMessage).toHaveBeenCalledTimes(3);
  });

  it('opens its stream once, though appends fail at different times', async () => {
    const lost = jetStreamSessionLog({ connection, stream: 'often' });
    const { client } = await (lost as unknown as Opened).opened();
    const failures: ((error: Error) => void)[] = [];
    const publish = vi.spyOn(client, 'publish');
    publish.mockImplementation(() => new Promise((_resolve, reject) => failures.push(reject)));
    const open = vi.spyOn(lost as unknown as Opened, 'open');
    const append = (id: string) =>
      lost.append(id, Buffer.from('one'), { after: undefined, replaces: true });
    const [one, other] = [append('a'), append('b')];
    await vi.waitFor(() => expect(failures).toHaveLength(2));
    failures[0]!(new Error('no answer'));
    await expect(one).rejects.toThrow('no answer');
    await append('a');
    failures[1]!(new Error('no answer'));
    await expect(other).rejects.toThrow('no answer');
    await append('b');
    expect(open).toHaveBeenCalledTimes(1);
  });

  it('says that a record is too long for ever', async () => {
    const { max_payload: most } = connection.info!;
    const place = { after: undefined, replaces: true };
    const appending = log.append('long', Buffer.alloc(most), place);
    await expect(appending).rejects.toMatchObject({ code: 'HR_ERR_MESSAGE_TOO_LONG' });
    const fits = await log.append('long', Buffer.alloc(most - 1024), place);
    expect((await log.read('long'))!.revision).toBe(fits);
  });

  it('says that a record is too long for its stream', async () => {
    const { manager } = await (log as unknown as Opened).opened();
    await manager.streams.add({ name: 'small', subjects: ['hr.small.*'], max_msg_size: 100 });
    const small = jetStreamSessionLog({ connection, stream: 'small' });
    const place = { after: undefined, replaces: true };
    const appending = small.append('x', Buffer.alloc(200), place);
    await expect(appending).rejects.toMatchObject({ code: 'HR_ERR_MESSAGE_TOO_LONG' });
    await small.append('x', Buffer.from('one'), place);
    expect((await small.read('x'))!.records.map(String)).toEqual(['one']);
  });

  it('refuses a stream of another program, and changes one that would lose records', async () => {
    const { streams } = (await (log as unknown as Opened).opened()).manager;
    const put = async (name: string, config: object) => {
      await streams.add({ name, subjects: [`hr.${name}.>`], ...config });
      const its = jetStreamSessionLog({ connection, stream: name });
      const after = await its.append('x', Buffer.from('one'), { after: undefined, replaces: true });
      await its.append('x', Buffer.from('two'), { after, replaces: false });
      return (await its.read('x'))!.records.map(String);
    };
    const refused = 'the JetStream stream orders is not of lasting channels: it stores orders.>';
    await expect(put('orders', { subjects: ['orders.>'] })).rejects.toThrow(refused);
    const queue = put('queue', { retention: 'workqueue' });
    await expect(queue).rejects.toThrow('has the retention workqueue');
    expect(await put('last', { max_msgs_per_subject: 1 })).toEqual(['one', 'two']);
    expect(await put('silently', { no_ack: true })).toEqual(['one', 'two']);
  });

  it('raises the age of a stream that another process has made, and does not lower it', async () => {
    const one = jetStreamSessionLog({ connection, keepMs: 60_000, stream: 'aged' });
    const other = jetStreamSessionLog({ connection, keepMs: 30_000, stream: 'aged' });
    await one.read('x');
    await other.read('x');
    await other.append('x', Buffer.from('one'), { after: undefined, replaces: true });
    expect((await one.read('x'))!.records.map(String)).toEqual(['one']);
  });

  it('forgets what is not written to', async () => {
    const short = jetStreamSessionLog({ connection, keepMs: 1000, stream: 'short' });
    await short.append('x', Buffer.from('one'), { after: undefined, replaces: true });
    await delay(2500);
    expect(await short.read('x')).toBe(undefined);
  });
});
