// The calls that change groups, users and sessions, and those that list connections.
import { describe, expect, it } from 'vitest';
import { apiWorld, KEY, NotedConnections } from './api-world.ts';

const to = { user: 'ann' };

describe('a call that changes connections', () => {
  it.each([
    ['/join', { group: 'lobby' }, ['join', to, 'lobby']],
    ['/leave', { group: 'lobby' }, ['leave', to, 'lobby']],
    ['/bind', { user: 'bob' }, ['bind', to, 'bob']],
    ['/unbind', { user: 'bob' }, ['unbind', to, 'bob']],
    ['/session', { session: { a: 1 } }, ['setSession', to, { a: 1 }]],
    ['/session', { changes: { a: 1 } }, ['updateSession', to, { a: 1 }]],
  ])('%s %j is carried out once for each idempotency key', async (path, body, noted) => {
    const world = await apiWorld();
    const once = { 'idempotency-key': 'one' };
    for (const replayed of [null, 'true']) {
      const { status, value, headers } = await world.post(path, { to, ...body }, once);
      expect([status, value]).toEqual([200, { count: 3 }]);
      expect(headers.get('idempotency-replayed')).toBe(replayed);
    }
    expect(world.noted).toEqual([noted]);
  });

  it.each([
    ['/join', { to }, 'WRONG_NAME'],
    ['/join', { to, group: '' }, 'WRONG_NAME'],
    ['/join', { to, user: 'ann' }, 'UNKNOWN_MEMBER'],
    ['/bind', { to, group: 'lobby' }, 'UNKNOWN_MEMBER'],
    ['/bind', { to: {}, user: 'ann' }, 'WRONG_TARGET'],
    ['/session', { to }, 'WRONG_SESSION'],
    ['/session', { to, session: {}, changes: {} }, 'WRONG_SESSION'],
    ['/session', { to, session: null, changes: {} }, 'WRONG_SESSION'],
    ['/session', { to, session: [] }, 'WRONG_SESSION'],
    ['/session', { to, changes: 'a' }, 'WRONG_SESSION'],
  ])('%s %j is refused with %s', async (path, body, code) => {
    const { post, noted } = await apiWorld();
    const answer = await post(path, body);
    expect([answer.status, answer.code]).toEqual([400, code]);
    expect(noted).toEqual([]);
  });

  it('has its names mapped, both of the target and of the group', async () => {
    const { post, noted } = await apiWorld({
      target: (of) => ('group' in of ? { group: `room-${of.group}` } : of),
    });
    await post('/leave', { to: { group: 'a' }, group: 'a' });
    expect(noted).toEqual([['leave', { group: 'room-a' }, 'room-a']]);
  });

  it('is answered with 500 if the option target makes something else of a group', async () => {
    const { post, noted, lines } = await apiWorld({ target: () => ({ all: true }) });
    const { status, code } = await post('/join', { to, group: 'a' });
    expect([status, code, noted]).toEqual([500, 'INTERNAL', []]);
    expect(lines.join()).toContain('the option target gave no group');
  });

  it('needs a key that reaches its target and its group', async () => {
    const { post, noted } = await apiWorld({ keys: [{ key: KEY, groups: 'shop.' }] });
    const group = 'shop.1';
    const refused = [
      ['/join', { to: { group }, group: 'other' }],
      ['/join', { to: { group: 'other' }, group }],
      ['/join', { to: { all: true }, group }],
      ['/bind', { to: { group }, user: 'shop.1' }],
      ['/session', { to, session: {} }],
    ] as const;
    for (const [path, body] of refused) expect((await post(path, body)).code).toBe('NOT_ALLOWED');
    expect(noted).toEqual([]);
    expect((await post('/join', { to: { group }, group: 'shop.2' })).status).toBe(200);
    expect((await post('/session', { to: { group }, session: {} })).status).toBe(200);
  });
});

describe('a message with exceptions', () => {
  it('names connections, users and groups that do not receive it', async () => {
    const { post, noted } = await apiWorld({
      target: (of) => ('connection' in of ? { user: `client-${of.connection}` } : of),
    });
    const except = [{ connection: '7' }, { group: 'a' }];
    const publication = { to: { group: 'lobby' }, message: 'hi', except };
    expect((await post('/publish', publication)).value).toEqual({ delivered: 3 });
    await post('/batch', { messages: [publication] });
    const meant = [{ user: 'client-7' }, { group: 'a' }];
    const one = ['publish', { group: 'lobby' }, 'hi', meant];
    expect(noted).toEqual([one, one]);
  });

  it.each([
    ['all', 'WRONG_TARGET'],
    [[{ all: true }], 'WRONG_TARGET'],
    [['7:1'], 'NO_OBJECT'],
    [[{ user: '' }], 'WRONG_NAME'],
  ])('%j is refused with %s', async (except, code) => {
    const { post, noted } = await apiWorld();
    const answer = await post('/publish', { to, message: 'hi', except });
    expect([answer.code, noted]).toEqual([code, []]);
  });

  it('is refused if the connections cannot leave anybody out', async () => {
    const own = new NotedConnections();
    const connections = {
      publish: (of: typeof to, message: string) => own.publish(of, message),
      close: async () => 0,
      count: async () => 0,
    };
    const { post } = await apiWorld({ connections: connections as never });
    const answer = await post('/publish', { to, message: 'hi', except: [to] });
    expect([answer.status, answer.code, own.noted]).toEqual([501, 'NOT_OFFERED', []]);
    expect((await post('/publish', { to, message: 'hi', except: [] })).status).toBe(200);
  });
});

describe('a list', () => {
  it.each([
    ['/connections', { all: true }],
    ['/groups/l%C3%B6bby/connections', { group: 'löbby' }],
    ['/users/a%2Fb/connections', { user: 'a/b' }],
    ['/connections/7:1/info', { connection: '7:1' }],
  ])('at %s is of these connections', async (path, of) => {
    const { ask, noted } = await apiWorld();
    const { status, value } = await ask(path);
    expect([status, value.count, noted]).toEqual([200, 3, [['page', of, 1000]]]);
    expect(value.connections[1]).toEqual({
      id: 'node:2',
      users: ['ann'],
      groups: ['shop.1', 'other'],
      session: { number: 2 },
    });
    expect(value).not.toHaveProperty('next');
  });

  it('is given in parts, each after the part before', async () => {
    const { ask } = await apiWorld({ maxListed: 2 });
    const { value } = await ask('/connections');
    expect([value.connections.length, value.next]).toEqual([2, '2']);
    const rest = (await ask('/connections?after=2&limit=1')).value;
    expect([rest.connections[0].id, rest.next]).toEqual(['node:3', undefined]);
  });

  it.each(['limit=0', 'limit=3', 'limit=', 'limit=1e0', 'limit=-1', 'after=', 'after=x'])(
    'refuses ?%s',
    async (query) => {
      const { ask } = await apiWorld({ maxListed: 2, target: () => ({ group: 'a' }) });
      const { status, code } = await ask(`/connections?${query}`);
      expect([status, code]).toEqual([400, 'WRONG_PAGE']);
    },
  );

  it('has the names of clients, and leaves out connections that the program hides', async () => {
    const { ask } = await apiWorld({
      describe: (one) => {
        if (one.id === 'node:2') return undefined;
        return { ...one, id: one.id.replace('node:', 'client-') };
      },
    });
    const { count, connections } = (await ask('/connections')).value;
    expect(count).toBe(3);
    expect(connections.map(({ id }: { id: string }) => id)).toEqual(['client-1', 'client-3']);
  });

  it('shows a key with a prefix its own groups only', async () => {
    const { ask } = await apiWorld({ keys: [{ key: KEY, groups: 'shop.' }] });
    const { connections } = (await ask('/groups/shop.1/connections')).value;
    expect(connections[0].groups).toEqual(['shop.1']);
    for (const path of ['/connections', '/groups/a/connections', '/connections/7:1/info']) {
      expect((await ask(path)).code).toBe('NOT_ALLOWED');
    }
  });

  it('does not hide a group from a key without a prefix, and counts all connections', async () => {
    const { ask, noted } = await apiWorld();
    expect((await ask('/count')).value).toEqual({ count: 3 });
    expect(noted).toEqual([['count', { all: true }]]);
  });
});
