import { OptionError } from '@headrace/core';
import { type ApiKey, type ApiRight, clusterApi } from '@headrace/gateway/http';
import { describe, expect, it } from 'vitest';
import { apiWorld, KEY } from './api-world.ts';

const message = 'hi';
const id = `${'f'.repeat(32)}:1`;

/** What a key can ask for, by the right that it needs. */
const REQUESTS = {
  publish: [
    ['/publish', { to: { group: 'shop.1' }, message }],
    ['/batch', { messages: [{ to: { group: 'shop.1' }, message }] }],
  ],
  disconnect: [['/disconnect', { to: { group: 'shop.1' } }]],
  presence: [['/groups/shop.1'], ['/users/ann'], [`/connections/${id}`], ['/count']],
  manage: [
    ['/join', { to: { group: 'shop.1' }, group: 'shop.2' }],
    ['/unbind', { to: { group: 'shop.1' }, user: 'ann' }],
    ['/session', { to: { group: 'shop.1' }, session: {} }],
  ],
  list: [['/connections'], ['/groups/shop.1/connections'], [`/connections/${id}/info`]],
} as const;
const RIGHTS = ['publish', 'presence', 'disconnect', 'manage', 'list'] as const;

describe('a key of clusterApi with rights', () => {
  it.each(RIGHTS)('to %s may do nothing else', async (right) => {
    const { ask, post, noted } = await apiWorld({ keys: [{ key: KEY, may: [right] }] });
    for (const needed of RIGHTS) {
      for (const [path, body] of REQUESTS[needed]) {
        noted.length = 0;
        const { status, code } = body === undefined ? await ask(path) : await post(path, body);
        const expected = needed === right ? [200, undefined, 1] : [403, 'NOT_ALLOWED', 0];
        expect([path, status, code, noted.length]).toEqual([path, ...expected]);
      }
    }
  });

  it('for groups reaches those whose names begin so, and neither users, connections nor all', async () => {
    const { ask, post, noted } = await apiWorld({ keys: [{ key: KEY, groups: 'shop.' }] });
    for (const group of ['shop.', 'shop.1', 'shop.1/2']) {
      expect((await post('/publish', { to: { group }, message })).status).toBe(200);
      expect((await post('/disconnect', { to: { group } })).status).toBe(200);
      expect((await ask(`/groups/${encodeURIComponent(group)}`)).status).toBe(200);
    }
    noted.length = 0;
    for (const to of [
      { group: 'shop' },
      { group: 'Shop.1' },
      { group: ' shop.1' },
      { group: 'other' },
      { user: 'shop.1' },
      { connection: id },
      { all: true },
    ]) {
      for (const path of ['/publish', '/disconnect']) {
        const { status, code } = await post(path, { to, message });
        expect([to, status, code]).toEqual([to, 403, 'NOT_ALLOWED']);
      }
    }
    for (const path of ['/groups/other', '/users/shop.1', `/connections/${id}`]) {
      expect([path, (await ask(path)).code]).toEqual([path, 'NOT_ALLOWED']);
    }
    expect(noted).toEqual([]);
  });

  it('for groups leaves out no other groups, whose members it would count by that', async () => {
    const { post, noted } = await apiWorld({ keys: [{ key: KEY, groups: 'shop.' }] });
    const to = { group: 'shop.1' };
    for (const except of [
      [{ group: 'bank.vip' }],
      [{ group: 'shop.2' }, { group: 'bank.vip' }],
      [{ group: 'shop' }],
    ]) {
      const { status, code } = await post('/publish', { to, message, except });
      expect([except, status, code]).toEqual([except, 403, 'NOT_ALLOWED']);
      const { value } = await post('/batch', { messages: [{ to, message, except }] });
      expect(value.results[0].error.code).toBe('NOT_ALLOWED');
    }
    expect(noted).toEqual([]);
    const except = [{ group: 'shop.2' }, { user: 'ann' }, { connection: id }];
    expect((await post('/publish', { to, message, except })).status).toBe(200);
    expect(noted).toEqual([['publish', to, message, except]]);
  });

  it('has each message of a batch looked at', async () => {
    const { post, noted } = await apiWorld({ keys: [{ key: KEY, groups: 'shop.' }] });
    const to = [{ group: 'shop.1' }, { all: true }, { group: 'shop.2' }];
    const { status, value } = await post('/batch', {
      messages: to.map((one) => ({ to: one, message })),
    });
    expect(status).toBe(200);
    expect(value.results.map((one: { error?: { code: string } }) => one.error?.code)).toEqual([
      undefined,
      'NOT_ALLOWED',
      undefined,
    ]);
    expect(noted.map(([, target]) => target)).toEqual([to[0], to[2]]);
  });

  it('is about the names of clients, which target maps after that', async () => {
    const { post, noted } = await apiWorld({
      keys: [{ key: KEY, groups: 'shop.' }],
      target: (to) => ('group' in to ? { group: `eu.${to.group}` } : to),
    });
    expect((await post('/publish', { to: { group: 'eu.shop.1' }, message })).status).toBe(403);
    expect((await post('/publish', { to: { group: 'shop.1' }, message })).status).toBe(200);
    expect(noted).toEqual([['publish', { group: 'eu.shop.1' }, message]]);
  });

  it('stands beside keys that may do all, and neither has the other’s rights', async () => {
    const keys = [{ key: 'limited', may: ['presence'] as const }, KEY, { key: 'whole' }];
    const { ask, post } = await apiWorld({ keys });
    const publish = async (key: string): Promise<number> => {
      const body = JSON.stringify({ to: { all: true }, message });
      return (await ask('/publish', { method: 'POST', body }, key)).status;
    };
    expect(await publish('limited')).toBe(403);
    expect(await publish(KEY)).toBe(200);
    expect(await publish('whole')).toBe(200);
    expect((await ask('/users/ann', {}, 'limited')).status).toBe(200);
    expect((await post('/publish', { to: { all: true }, message })).status).toBe(200);
  });

  it('keeps its rights, whatever becomes of the object that gave them', async () => {
    const may = ['presence' as ApiRight];
    const key = { key: KEY, may, groups: 'shop.' };
    const keys: ApiKey[] = [key];
    const { ask, post } = await apiWorld({ keys });
    may.push('publish');
    key.groups = 'bank.';
    key.key = 'another';
    keys.push({ key: 'more' });
    expect((await post('/publish', { to: { group: 'shop.1' }, message })).code).toBe('NOT_ALLOWED');
    expect((await ask('/groups/shop.1')).status).toBe(200);
    expect((await ask('/groups/bank.1')).code).toBe('NOT_ALLOWED');
    for (const other of ['another', 'more']) {
      expect((await ask('/groups/shop.1', {}, other)).status).toBe(401);
    }
  });

  it('without a right learns of a wrong path or method first, as any other does', async () => {
    const { ask } = await apiWorld({ keys: [{ key: KEY, may: ['presence'] }] });
    const given = async (path: string, init?: RequestInit) => (await ask(path, init)).code;
    expect(await given('/other', { method: 'POST' })).toBe('NOT_FOUND');
    expect(await given('/publish')).toBe('WRONG_METHOD');
    expect(await given('/publish', { method: 'POST' })).toBe('NOT_ALLOWED');
  });

  it('is not given the answer to a request that another key has made', async () => {
    const keys = [KEY, { key: 'limited', groups: 'shop.' }];
    const { ask } = await apiWorld({ keys });
    const body = JSON.stringify({ to: { all: true }, message });
    const headers = { 'idempotency-key': 'one' };
    const given = async (key: string) => {
      const { status, headers: answered } = await ask(
        '/publish',
        { method: 'POST', body, headers },
        key,
      );
      return [status, answered.get('idempotency-replayed')];
    };
    expect(await given(KEY)).toEqual([200, null]);
    expect(await given('limited')).toEqual([403, null]);
    // A refusal is not kept.
    expect(await given('limited')).toEqual([403, null]);
    expect(await given(KEY)).toEqual([200, 'true']);
  });

  it.each([
    [{}],
    [{ key: '' }],
    [{ key: 'two words' }],
    [{ key: 'k', may: [] }],
    [{ key: 'k', may: ['all'] }],
    [{ key: 'k', may: 'publish' }],
    [{ key: 'k', groups: '' }],
    [{ key: 'k', groups: 7 }],
    [{ key: 'k', group: 'shop.' }],
    ['k', { key: 'k', may: ['presence'] }],
    [null],
  ])('is refused as %j, %j: a mistake must not give all rights', (...keys) => {
    const connections = { publish: () => {} };
    expect(() => clusterApi({ connections, keys } as never)).toThrow(OptionError);
  });
});
