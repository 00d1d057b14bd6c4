import { describe, expect, it } from 'vitest';
import { Outbox } from '../../src/page/outbox.ts';

function outboxWith(...texts: string[]): Outbox {
  const outbox = new Outbox();
  for (const text of texts) outbox.add(text);
  return outbox;
}

const states = (outbox: Outbox): string[] =>
  outbox.messages.map(({ text, state }) => `${text} ${state}`);

describe('Outbox', () => {
  it('sends in order, each once, and lets go at the echo', () => {
    const outbox = outboxWith('one', 'two');
    const sent: string[] = [];
    for (let i = 0; i < 2; i++) outbox.flush((text) => sent.push(text) > 0);
    expect(sent).toEqual(['one', 'two']);
    outbox.echoed('one');
    outbox.echoed('unknown');
    expect(states(outbox)).toEqual(['two sent']);
  });

  it('keeps a message that the link does not take, and all messages after it', () => {
    const outbox = outboxWith('one', 'two', 'three');
    outbox.flush((text) => text !== 'two');
    expect(states(outbox)).toEqual(['one sent', 'two queued', 'three queued']);
    outbox.echoed('two');
    expect(outbox.messages).toHaveLength(3);
  });

  it('sends nothing twice by itself: without an echo the user decides', () => {
    const outbox = outboxWith('one', 'two', 'three');
    outbox.flush((text) => text !== 'three');
    outbox.linkLost();
    expect(states(outbox)).toEqual(['one unsure', 'two unsure', 'three queued']);
    const sent: string[] = [];
    outbox.flush((text) => sent.push(text) > 0);
    expect(sent).toEqual(['three']);
    outbox.again(outbox.messages[0]!);
    expect(states(outbox)).toEqual(['two unsure', 'three sent', 'one queued']);
    outbox.discard(outbox.messages[0]!);
    expect(states(outbox)).toEqual(['three sent', 'one queued']);
  });

  it('lets go of a message that had arrived before the link was lost', () => {
    const outbox = outboxWith('one', 'two');
    outbox.flush(() => true);
    outbox.linkLost();
    outbox.found('one');
    outbox.found('new');
    expect(states(outbox)).toEqual(['two unsure']);
  });
});
