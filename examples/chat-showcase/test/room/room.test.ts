import { CLIENT_ADDRESS } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { type AuthAttempt, PRINCIPAL } from '@headrace/handlers';
import { describe, expect, it } from 'vitest';
import { Authenticator } from '../../src/room/authenticator.ts';
import { LocalGround } from '../../src/room/local-ground.ts';
import { Room } from '../../src/room/room.ts';
import { settingsSchema } from '../../src/settings/settings.ts';

function member(id: string): EmbeddedChannel {
  const channel = new EmbeddedChannel();
  channel.attributes.set(PRINCIPAL, { id });
  return channel;
}

describe('Room', () => {
  const [ann, bob, cy] = [member('ann'), member('bob'), member('cy')];
  const room = new Room(new LocalGround(settingsSchema.parse({})));

  it('tells the others who comes and who goes', () => {
    for (const channel of [ann, bob, cy]) room.members.add(channel);
    expect([ann.readOutbound(), ann.readOutbound()]).toEqual(['JOIN:bob', 'JOIN:cy']);
    expect(bob.readOutbound()).toBe('JOIN:cy');
    cy.close();
    expect([ann.readOutbound(), bob.readOutbound()]).toEqual(['LEAVE:cy', 'LEAVE:cy']);
  });

  it('counts its deliveries, and keeps what was said for newcomers', () => {
    const before = room.figures();
    room.said('ann', 'hello');
    expect(room.figures()).toEqual({ ...before, members: 2, deliveries: before.deliveries + 1 });
    expect(room.history.latest()).toMatchObject({
      total: 1,
      messages: [{ id: 'ann', text: 'hello' }],
    });
  });

  it('tells the same of one who comes again on another node, whichever node is heard first', () => {
    room.joined('dee', undefined);
    expect([ann.readOutbound(), bob.readOutbound()]).toEqual(['JOIN:dee', 'JOIN:dee']);
    for (const happens of ['joined left', 'left joined']) {
      for (const what of happens.split(' ') as ('joined' | 'left')[]) room[what]('dee', undefined);
      expect([ann.readOutbound(), ann.readOutbound()]).toEqual(['LEAVE:dee', 'JOIN:dee']);
      expect([bob.readOutbound(), bob.readOutbound()]).toEqual(['LEAVE:dee', 'JOIN:dee']);
    }
    expect(room.people()).toEqual(['ann', 'bob', 'dee']);
    room.left('dee', undefined);
    expect([ann.readOutbound(), bob.readOutbound()]).toEqual(['LEAVE:dee', 'LEAVE:dee']);
    room.left('nobody', undefined);
    expect(ann.readOutbound()).toBeUndefined();
  });

  it('does not tell those who go of each other', () => {
    room.close();
    bob.close();
    expect(ann.readOutbound()).toBeUndefined();
  });
});

describe('Authenticator', () => {
  const open = new Authenticator(settingsSchema.parse({}));
  const closed = new Authenticator(settingsSchema.parse({ tokens: { ann: 'a:b', toString: 'x' } }));
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
    ['AUTH:ann:a', false],
    ['AUTH:ann', false],
    ['AUTH:bob:a:b', false],
    ['AUTH:constructor:', false],
  ])('with tokens, %s is let in: %s', (text, isLetIn) => {
    expect('principal' in closed.authenticate(text, from('10.0.0.1'))).toBe(isLetIn);
  });

  it('checks no more than five tokens in a row of one id from one address, at others at once', () => {
    const chat = new Authenticator(settingsSchema.parse({ tokens: { ann: 'a', bob: 'b' } }));
    const isAnswered = (text: string, host: string): boolean =>
      !('then' in chat.authenticate(text, from(host)));
    const guesses = ['ann', ' ann', 'ann ', 'ann', 'ann', 'ann'];
    expect(guesses.map((id) => isAnswered(`AUTH:${id}:guess`, '10.0.0.1'))).toEqual([
      ...Array(5).fill(true),
      false,
    ]);
    expect(isAnswered('AUTH:bob:b', '10.0.0.1')).toBe(true);
    expect(isAnswered('AUTH:ann:a', '10.0.0.2')).toBe(true);
  });
});
