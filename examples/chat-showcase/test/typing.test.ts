// Who is typing, on virtual time.
import { Cluster } from '@headrace/cluster';
import { handler } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import type { StateGroup } from '@headrace/durable';
import { PRINCIPAL } from '@headrace/handlers';
import { beforeEach, describe, expect, it } from 'vitest';
import { TypingHandler, typingGroup } from '../src/typing.ts';

const STEP_MS = 10;

let clock: VirtualClock;
let group: StateGroup<true>;

beforeEach(async () => {
  clock = new VirtualClock();
  const joining = Cluster.join({ app: 'chat', clock });
  await pass(1500);
  group = typingGroup(await joining);
});

/** Time passes, and promises are kept up with it. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left >= 0; left -= STEP_MS) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(Math.min(STEP_MS, left));
  }
  await new Promise((resolve) => setImmediate(resolve));
}

/** A WebSocket. `heard` takes what it was sent; what passes the handler is in `passed`. */
function page(id?: string) {
  const passed: string[] = [];
  const rest = handler<{ reads: unknown; passesOn: never }>({
    channelRead: (_ctx, message) => void passed.push(String(message)),
  });
  const channel = EmbeddedChannel.with({ clock }, new TypingHandler(group), rest);
  if (id !== undefined) channel.attributes.set(PRINCIPAL, { id });
  return {
    channel,
    passed,
    async sends(...messages: readonly (string | Buffer)[]) {
      channel.writeInbound(...messages);
      await pass(STEP_MS);
    },
    heard() {
      const texts: string[] = [];
      for (let text = channel.readOutbound(); text !== undefined; text = channel.readOutbound()) {
        const { type, key } = JSON.parse(String(text).replace(/^TYPING:/, ''));
        texts.push(key === undefined ? type : `${type} ${key}`);
      }
      return texts;
    },
  };
}

const SIGN = Buffer.from('typing');
const QUESTION = Buffer.from('who types');

describe('who types', () => {
  it('is shown to members that ask, until the member has typed nothing for four seconds', async () => {
    const ann = page('ann');
    const bob = page('bob');
    await bob.sends(SIGN);
    await ann.sends(QUESTION);
    expect(ann.heard()).toEqual(['begin', 'set typing bob', 'ready']);
    await pass(3000);
    await bob.sends(SIGN);
    await pass(3900);
    expect(ann.heard()).toEqual(['set typing bob']);
    await pass(200);
    expect(ann.heard()).toEqual(['delete typing bob']);
    expect([...ann.passed, ...bob.passed, ...bob.heard()]).toEqual([]);
  });

  it('ends with the text of the member, and not with its heartbeat', async () => {
    const ann = page('ann');
    const bob = page('bob');
    await ann.sends(QUESTION);
    await bob.sends(SIGN, 'PING');
    expect(ann.heard()).toEqual(['begin', 'ready', 'set typing bob']);
    await bob.sends('hello');
    expect(ann.heard()).toEqual(['delete typing bob']);
    await bob.sends(SIGN);
    expect(ann.heard()).toEqual(['set typing bob']);
    expect(bob.passed).toEqual(['PING', 'hello']);
  });

  it('ends with the connection of the member', async () => {
    const ann = page('ann');
    const bob = page('bob');
    await ann.sends(QUESTION);
    await bob.sends(SIGN);
    bob.channel.close();
    await pass(STEP_MS);
    expect(ann.heard()).toEqual(['begin', 'ready', 'set typing bob', 'delete typing bob']);
  });

  it('is not ended by the older of two connections of one member', async () => {
    const ann = page('ann');
    const older = page('bob');
    await ann.sends(QUESTION);
    await older.sends(SIGN);
    // Its last words are on their way, so it is still open.
    older.channel.embedded.isStuck = true;
    older.channel.writeOutbound('TYPING:{}');
    void older.channel.end();
    await page('bob').sends(SIGN);
    await older.sends('hello');
    expect(older.channel.isActive).toBe(true);
    expect(ann.heard()).toEqual(['begin', 'ready', 'set typing bob', 'set typing bob']);
  });

  it('changes at most once in a second for each member, and is answered once', async () => {
    const ann = page('ann');
    const bob = page('bob');
    await ann.sends(QUESTION, QUESTION);
    await ann.sends(QUESTION);
    for (let i = 0; i < 50; i++) await bob.sends(SIGN);
    await pass(1000);
    await bob.sends(SIGN, SIGN);
    expect(ann.heard()).toEqual(['begin', 'ready', 'set typing bob', 'set typing bob']);
  });

  it('has names of 64 characters of four bytes each', async () => {
    const ann = page('ann');
    await ann.sends(QUESTION);
    await page('𝒶'.repeat(64)).sends(SIGN);
    expect(ann.heard()).toEqual(['begin', 'ready', `set typing ${'𝒶'.repeat(64)}`]);
  });

  it('is nothing of a stranger, and no other binary message is', async () => {
    const ann = page('ann');
    const stranger = page();
    await ann.sends(QUESTION);
    await stranger.sends(SIGN, QUESTION);
    await ann.sends(Buffer.from('typing?'));
    expect(stranger.passed).toEqual(['typing', 'who types']);
    expect(ann.passed).toEqual(['typing?']);
    expect([...ann.heard(), ...stranger.heard()]).toEqual(['begin', 'ready']);
  });
});
