// The API over the connections of a real cluster, with a bus that goes down.
import { describe, expect, it } from 'vitest';
import { sent } from '../../../cluster/test/nodes.ts';
import { world } from '../gateway/remote-world.ts';
import { apiWorld } from './api-world.ts';

async function served() {
  const there = await world();
  const api = await apiWorld({ connections: there.of, clock: there.nodes.clock });
  /** The time of the cluster passes until the answer is there. */
  const answered = async <T>(answer: Promise<T>): Promise<T> => {
    let isOpen = true;
    const end = (): void => {
      isOpen = false;
    };
    answer.then(end, end);
    while (isOpen) await there.nodes.pass(10);
    return await answer;
  };
  return { ...there, ...api, answered };
}

describe('the API of a real cluster', () => {
  it('publishes to connections of two gateways, and ends one', async () => {
    const { ids, channels, answered, post, ask, of, given } = await served();
    for (const connection of ids) await given(of.join({ connection }, 'room'));
    const to = { group: 'room' };
    const published = await answered(post('/publish', { to, message: 'hi' }));
    expect(published.value).toEqual({ delivered: 2 });
    expect((await answered(ask('/groups/room'))).value).toEqual({ count: 2 });
    const messages = [1, 2, 3].map((n) => ({ to, message: `m${n}` }));
    await answered(post('/batch', { messages }));
    expect(channels.map(sent)).toEqual(channels.map(() => ['hi', 'm1', 'm2', 'm3']));
    const [connection] = ids;
    const closed = await answered(post('/disconnect', { to: { connection }, message: 'bye' }));
    expect(closed.value).toEqual({ closed: 1 });
    expect((await answered(ask(`/connections/${connection}`))).value).toEqual({ online: false });
    expect((await answered(ask('/connections/nobody'))).code).toBe('WRONG_NAME');
  });

  it('changes groups, users and sessions at two gateways, and lists them', async () => {
    const { ids, channels, answered, post, ask } = await served();
    const all = { all: true };
    const [connection] = ids;
    const to = { connection };
    const done = async (path: string, body: object) => (await answered(post(path, body))).value;
    expect(await done('/join', { to: all, group: 'room' })).toEqual({ count: 2 });
    expect(await done('/bind', { to, user: 'ann' })).toEqual({ count: 1 });
    expect(await done('/session', { to, session: { a: 1, b: 1 } })).toEqual({ count: 1 });
    expect(await done('/session', { to, changes: { b: 2 } })).toEqual({ count: 1 });
    const one = { id: connection, users: ['ann'], groups: ['room'], session: { a: 1, b: 2 } };
    for (const path of ['/users/ann/connections', `/connections/${connection}/info`]) {
      const { value } = await answered(ask(path));
      expect(value).toEqual({ count: 1, connections: [one] });
    }
    const group = { group: 'room' };
    await done('/publish', { to: group, message: 'hi', except: [{ user: 'ann' }] });
    expect(channels.map(sent)).toEqual([[], ['hi']]);
    const { value } = await answered(ask('/groups/room/connections?limit=1'));
    const rest = (await answered(ask(`/groups/room/connections?after=${value.next}`))).value;
    const listed = [...value.connections, ...rest.connections].map(({ id }) => id);
    expect(new Set(listed)).toEqual(new Set(ids));
    expect(await done('/unbind', { to, user: 'ann' })).toEqual({ count: 1 });
    expect((await answered(ask('/users/ann'))).value).toEqual({ online: false });
    expect(await done('/leave', { to: group, group: 'room' })).toEqual({ count: 2 });
    expect((await answered(ask('/groups/room'))).value).toEqual({ count: 0 });
    expect((await answered(ask('/count'))).value).toEqual({ count: 2 });
    const gone = { connection: `${'f'.repeat(32)}:1` };
    expect(await done('/join', { to: gone, group: 'room' })).toEqual({ count: 0 });
    const wrong = { to: all, message: 'hi', except: [{ connection: 'nobody' }] };
    expect((await answered(post('/publish', wrong))).code).toBe('WRONG_NAME');
    expect((await answered(ask('/connections?after=nobody'))).code).toBe('WRONG_PAGE');
    const long = { session: { a: 'x'.repeat(65_500) } };
    expect((await answered(post('/session', { to, ...long }))).status).toBe(413);
  });

  it('refuses messages that the bus does not carry, however deep they are', async () => {
    const { answered, post, lines } = await served();
    const to = { user: 'nobody' };
    for (const depth of [10, 1000, 3000, 5000, 7000, 9000, 30_000]) {
      const message = `${'['.repeat(depth)}${']'.repeat(depth)}`;
      const body = `{"to":${JSON.stringify(to)},"message":${message}}`;
      const { status, code } = await answered(post('/publish', body));
      expect([depth, status === 200 || code]).toEqual([depth, status === 200 || 'WRONG_MESSAGE']);
      if (depth <= 1000) expect(status).toBe(200);
    }
    expect(lines).toEqual([]);
  });

  it('answers 503 at once while the bus is down', async () => {
    const { answered, post, ask, back } = await served();
    Object.defineProperty(back.parts.wire.bus, 'state', { value: 'down' });
    for (const answer of [ask('/users/ann'), post('/publish', { to: { all: true }, message: 1 })]) {
      const { status, code, value } = await answered(answer);
      expect([status, code, value.done]).toEqual([503, 'HR_ERR_BUS_DOWN', undefined]);
    }
  });
});
