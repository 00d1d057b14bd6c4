import { describe, expect, it } from 'vitest';
import { Outbox } from '../../src/client/outbox.ts';

const accept = () => true;
const refuse = () => false;

function outboxWith(...texts: string[]): Outbox {
  const outbox = new Outbox();
  for (const text of texts) outbox.add(text);
  return outbox;
}

const states = (outbox: Outbox): string[] =>
  outbox.messages.map(({ text, state }) => `${text} ${state}`);

const keyOf = (outbox: Outbox, text: string): number =>
  outbox.messages.find((message) => message.text === text)?.key ?? -1;

describe('Outbox', () => {
  it('sends in order and lets go at the echo', () => {
    const outbox = outboxWith('one', 'two');
    const sent: string[] = [];
    outbox.flush((text) => sent.push(text) > 0);
    expect(sent).toEqual(['one', 'two']);
    expect(states(outbox)).toEqual(['one sending', 'two sending']);
    outbox.confirm('one');
    expect(states(outbox)).toEqual(['two sending']);
  });

  it('sends each message once, however often it is flushed', () => {
    const outbox = outboxWith('one');
    let count = 0;
    const send = () => ++count > 0;
    outbox.flush(send);
    outbox.flush(send);
    expect(count).toBe(1);
  });

  it('keeps a message that the link does not take, and all messages after it', () => {
    const outbox = outboxWith('one', 'two', 'three');
    outbox.flush((text) => text === 'one');
    expect(states(outbox)).toEqual(['one sending', 'two queued', 'three queued']);
  });

  it('confirms the oldest of equal texts', () => {
    const outbox = outboxWith('again', 'again');
    const second = outbox.messages[1]?.key;
    outbox.flush(accept);
    outbox.confirm('again');
    expect(outbox.messages.map(({ key }) => key)).toEqual([second]);
  });

  it('ignores an echo of something it did not send', () => {
    const outbox = outboxWith('queued');
    outbox.flush(refuse);
    outbox.confirm('queued');
    outbox.confirm('unknown');
    expect(states(outbox)).toEqual(['queued queued']);
  });

  it('marks messages on their way as unconfirmed when the link breaks', () => {
    const outbox = outboxWith('on its way');
    outbox.flush(accept);
    outbox.add('not yet sent');
    outbox.linkLost();
    expect(states(outbox)).toEqual(['on its way unconfirmed', 'not yet sent queued']);
  });

  it('sends unconfirmed messages again only when told, and last', () => {
    const outbox = outboxWith('doubtful');
    outbox.flush(accept);
    outbox.linkLost();
    outbox.add('later');
    const sent: string[] = [];
    const send = (text: string) => sent.push(text) > 0;
    outbox.flush(send);
    expect(sent).toEqual(['later']);
    outbox.requeue(keyOf(outbox, 'doubtful'));
    outbox.flush(send);
    expect(sent).toEqual(['later', 'doubtful']);
  });

  it('attributes a refusal to the oldest message without an echo', () => {
    const outbox = outboxWith('delivered', 'refused', 'behind it');
    outbox.flush(accept);
    outbox.confirm('delivered');
    outbox.refuseOldest();
    outbox.linkLost();
    expect(states(outbox)).toEqual(['refused refused', 'behind it unconfirmed']);
  });

  it('counts a message as delivered if it turns out to have arrived before the link was lost', () => {
    const outbox = outboxWith('arrived', 'lost');
    outbox.flush(accept);
    outbox.linkLost();
    outbox.found('arrived');
    outbox.found('of another page');
    expect(states(outbox)).toEqual(['lost unconfirmed']);
  });

  it('discards', () => {
    const outbox = outboxWith('one', 'two');
    outbox.discard(keyOf(outbox, 'one'));
    outbox.discard(12345);
    outbox.requeue(12345);
    expect(states(outbox)).toEqual(['two queued']);
    outbox.clear();
    expect(outbox.messages).toEqual([]);
  });

  it('is full at its limit', () => {
    const outbox = new Outbox({ maxMessages: 2 });
    outbox.add('one');
    expect(outbox.isFull).toBe(false);
    outbox.add('two');
    expect(outbox.isFull).toBe(true);
  });
});
