import { CLIENT_ADDRESS } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import type { AuthAttempt } from '@headrace/handlers';
import { describe, expect, it } from 'vitest';
import { Authenticator } from '../src/authenticator.ts';
import { DEFAULT_SETTINGS } from '../src/settings.ts';

describe('Authenticator', () => {
  const open = new Authenticator(DEFAULT_SETTINGS);
  const closed = new Authenticator({ ...DEFAULT_SETTINGS, tokens: { ann: 'a:b', toString: 'x' } });
  const from = (host: string): AuthAttempt => {
    const channel = new EmbeddedChannel();
    channel.attributes.set(CLIENT_ADDRESS, { host, port: 1, family: 'IPv4' });
    return { channel, signal: new AbortController().signal };
  };

  it.each([
    ['AUTH:ann', { principal: { id: 'ann' } }],
    ['AUTH: ann :any', { principal: { id: 'ann' } }],
    ['AUTH:', { reply: 'ERR:EMPTY_CLIENT_ID', stays: true }],
    ['AUTH::token', { reply: 'ERR:EMPTY_CLIENT_ID', stays: true }],
    [`AUTH:${'👋'.repeat(64)}`, { principal: { id: '👋'.repeat(64) } }],
    [`AUTH:${'👋'.repeat(65)}`, { reply: 'ERR:BAD_CLIENT_ID', stays: true }],
    ['AUTH:Zoe\u0308', { principal: { id: 'Zoë' } }],
    [`AUTH:${'e\u0301'.repeat(64)}`, { principal: { id: 'é'.repeat(64) } }],
    ['AUTH:a\u200bb', { reply: 'ERR:BAD_CLIENT_ID', stays: true }],
    ['AUTH:a\u0085b', { reply: 'ERR:BAD_CLIENT_ID', stays: true }],
  ])('without tokens, answers %s', (text, verdict) => {
    expect(open.authenticate(text, from('10.0.0.1'))).toMatchObject(verdict);
  });

  it.each([
    ['AUTH:ann:a:b', true],
    ['AUTH:Ann:a:b', true],
    ['AUTH:TOSTRING:x', true],
    ['AUTH:ann:a', false],
    ['AUTH:ann', false],
    ['AUTH:bob:a:b', false],
    ['AUTH:constructor:', false],
  ])('with tokens, %s is let in: %s', (text, isLetIn) => {
    expect('principal' in closed.authenticate(text, from('10.0.0.1'))).toBe(isLetIn);
  });

  it('checks no more than five tokens in a row of one id from one address, at others at once', () => {
    const chat = new Authenticator({ ...DEFAULT_SETTINGS, tokens: { ann: 'a', bob: 'b' } });
    const isAnswered = (text: string, host: string): boolean =>
      !('then' in chat.authenticate(text, from(host)));
    const guesses = ['ann', ' ann', 'Ann ', 'ANN', 'ann', 'ann'];
    expect(guesses.map((id) => isAnswered(`AUTH:${id}:guess`, '10.0.0.1'))).toEqual([
      ...Array(5).fill(true),
      false,
    ]);
    expect(isAnswered('AUTH:bob:b', '10.0.0.1')).toBe(true);
    expect(isAnswered('AUTH:ann:a', '10.0.0.2')).toBe(true);
  });
});
