import { isHeadraceError } from '@headrace/core';
import { importPeer } from '@headrace/core/authoring';
import { describe, expect, it } from 'vitest';
import { natsBus } from '../../src/nats.ts';
import { redisBus } from '../../src/redis.ts';

function refusal(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    if (isHeadraceError(error, 'OPTION_INVALID')) return error.message;
  }
  return 'taken';
}

describe('natsBus', () => {
  it('has a name without credentials', () => {
    const servers = ['nats://user:secret@10.0.0.7:4222', '10.0.0.8', 'tls://[::1]:4223'];
    expect(natsBus({ servers }).name).toBe(
      'nats://10.0.0.7:4222,nats://10.0.0.8:4222,tls://[::1]:4223',
    );
  });

  it('refuses a value that is not an address, without repeating it', () => {
    for (const servers of [
      '',
      [],
      ['http://user:secret@host'],
      'nats://user:secret@:x',
      5 as never,
    ]) {
      const text = refusal(() => natsBus({ servers }));
      expect(text).toContain("looks like 'nats://127.0.0.1:4222'");
      expect(text).not.toContain('secret');
    }
    expect(refusal(() => natsBus({ servers: 'a', usr: 'b' } as never))).toContain(
      'did you mean user?',
    );
    expect(refusal(() => natsBus({ servers: 'a', heartbeatMs: 1 }))).toContain('heartbeatMs is 1');
  });
});

describe('redisBus', () => {
  it('has a name without credentials', () => {
    expect(redisBus({ url: 'redis://user:secret@10.0.0.7/3' }).name).toBe(
      'redis://10.0.0.7:6379/3',
    );
    expect(redisBus({ url: 'rediss://:secret@redis:7000' }).name).toBe('rediss://redis:7000');
  });

  it('refuses a value that is not an address, without repeating it', () => {
    for (const url of ['', 'secret', 'http://secret', 'redis://a:secret%@b', undefined as never]) {
      const text = refusal(() => redisBus({ url }));
      expect(text).toContain("looks like 'redis://127.0.0.1:6379'");
      expect(text).not.toContain('secret');
    }
  });

  it('refuses what is not a list of addresses of Sentinels, without repeating it', () => {
    for (const sentinels of [[], ['secret'], ['redis://a', 'http://secret'], 'redis://a']) {
      const text = refusal(() =>
        redisBus({ url: 'redis://mymaster', sentinels: sentinels as readonly string[] }),
      );
      expect(text).toContain("looks like ['redis://10.0.0.7:26379']");
      expect(text).not.toContain('secret');
    }
  });
});

describe('a peer package', () => {
  it('that is missing is named, with how to install it', async () => {
    const load = () => import('@nats-io/not-there' as string);
    const install = 'npm install @nats-io/not-there';
    await expect(importPeer('@nats-io/not-there', install, load)).rejects.toThrow(
      'the package @nats-io/not-there is not installed: npm install @nats-io/not-there',
    );
  });

  it('that fails in another way fails as it does', async () => {
    const load = () => Promise.reject(new Error('its own trouble'));
    await expect(importPeer('x', 'npm install x', load)).rejects.toThrow('its own trouble');
  });
});
