import { describe, expect, it } from 'vitest';
import { isHeartbeat, journeysOf } from '../../src/page/journeys.js';
import type { DrawnLane, Step } from '../../src/page-line/page-message.ts';

const names = ['tcp', 'http'].map((name) => ({ name, reads: true, writes: true, events: false }));
const LANES: readonly DrawnLane[] = [
  { title: 'TCP', handlers: names },
  { title: 'WebSocket', handlers: names },
];

/** `0.1 took bytes`: lane, handler, deed, kind. */
function steps(...texts: string[]): Step[] {
  return texts.map((text) => {
    const [place = '', deed, kind] = text.split(' ');
    const [lane, handler] = place.split('.').map(Number);
    return { lane: lane!, handler: handler!, deed, kind, what: text } as Step;
  });
}

const grouped = (all: Step[]): string[][] =>
  journeysOf(all, LANES).map((journey) => journey.map(({ what }) => what));

const READ = ['0.0 took bytes', '0.1 took bytes', '1.0 took frame', '1.0 made text'];
const ECHO = ['1.1 wrote text', '1.0 wrote frame', '0.1 wrote bytes'];
const OTHERS = ['1.2 wrote text', '1.0 wrote frame', '0.1 wrote bytes'];

describe('journeysOf', () => {
  it('keeps a message and its echo together', () => {
    expect(grouped(steps(...READ, ...ECHO))).toEqual([[...READ, ...ECHO]]);
  });

  it('begins again with the next read, and with a message of the room', () => {
    const all = steps(...READ, ...ECHO, ...READ, ...OTHERS, ...OTHERS);
    expect(grouped(all)).toEqual([[...READ, ...ECHO], READ, OTHERS, OTHERS]);
  });

  it('recognizes a heartbeat', () => {
    const say = (text: string): Step[] => [{ ...steps('1.0 made text')[0]!, what: `“${text}”` }];
    expect([say('PING'), say('PONG'), say('PING PONG')].map(isHeartbeat)).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('treats the first message as one of its own', () => {
    expect(grouped(steps('1.1 fired event', ...READ))).toEqual([['1.1 fired event'], READ]);
    expect(grouped([])).toEqual([]);
  });
});
