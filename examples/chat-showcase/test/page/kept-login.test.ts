import { beforeEach, describe, expect, it } from 'vitest';
import { KeptLogin } from '../../src/page/kept-login.js';

const ann = { id: 'ann', token: 'secret' };
let stored: Map<string, string>;
let time: number;

function tab(): KeptLogin {
  const storage = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
    removeItem: (key: string) => void stored.delete(key),
  };
  return new KeptLogin(
    () => storage,
    () => time,
  );
}

describe('KeptLogin', () => {
  beforeEach(() => {
    stored = new Map();
    time = 1_000_000;
  });

  it('gives a reloaded page the earlier sign-in', () => {
    tab().keep(ann);
    time += 60_000;
    expect(tab().take()).toEqual(ann);
  });

  it('leaves nothing in the storage while the page is open', () => {
    tab().keep(ann);
    tab().take();
    expect(stored.size).toBe(0);
    expect(tab().take()).toBeNull();
  });

  it('gives nothing to a tab that is opened again later', () => {
    tab().keep(ann);
    time += 60_001;
    expect(tab().take()).toBeNull();
    expect(stored.size).toBe(0);
  });

  it('keeps nothing for a page that is not signed in', () => {
    tab().keep({ id: '', token: 'secret' });
    expect(stored.size).toBe(0);
  });

  it.each([
    'nonsense',
    '{}',
    'null',
    '{"id":1,"token":"x","at":1000000}',
    '{"id":"ann","token":"x"}',
  ])('takes no login from %s', (text) => {
    stored.set('broadcast-chat.login', text);
    expect(tab().take()).toBeNull();
  });

  it('does without storage where it is switched off', () => {
    const off = new KeptLogin(() => {
      throw new Error('SecurityError');
    });
    off.keep(ann);
    expect(off.take()).toBeNull();
  });
});
