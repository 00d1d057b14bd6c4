import { SeededRandom } from '@headrace/core/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { bytesEvents, EventStreamReader, namedEvent } from '../../src/tunnel/event-stream.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

function reading(): { readonly events: [string, string][]; readonly reader: EventStreamReader } {
  const events: [string, string][] = [];
  return { events, reader: new EventStreamReader((name, data) => events.push([name, data])) };
}

describe('EventStreamReader', () => {
  it('reads the same events, however the stream is cut', () => {
    const stream = Buffer.from(
      `${namedEvent('open', '{}')}:\n\n${bytesEvents(Buffer.alloc(5000, 'x'))}${namedEvent('end', '')}`,
    );
    const whole = reading();
    whole.reader.push(stream);
    expect(whole.events.map(([name]) => name)).toEqual(['open', '', 'end']);
    for (let seed = 1; seed <= 20; seed++) {
      const random = new SeededRandom(seed, 'events');
      const { events, reader } = reading();
      for (let at = 0; at < stream.length; ) {
        const end = at + random.integer(1, 2000);
        reader.push(stream.subarray(at, end));
        at = end;
      }
      expect(events).toEqual(whole.events);
    }
  });

  it('reads each byte of a line a constant number of times', () => {
    let handled = 0;
    const { split } = String.prototype;
    const toText = Buffer.prototype.toString;
    vi.spyOn(String.prototype, 'split').mockImplementation(function (this: string, at, limit) {
      handled += this.length;
      return split.call(this, at as never, limit);
    });
    vi.spyOn(Buffer.prototype, 'toString').mockImplementation(function (this: Buffer, ...given) {
      const text = toText.apply(this, given);
      handled += text.length;
      return text;
    });
    const { events, reader } = reading();
    const line = Buffer.from(`data: ${'x'.repeat(40_000)}\n\n`);
    for (let at = 0; at < line.length; at++) reader.push(line.subarray(at, at + 1));
    vi.restoreAllMocks();
    expect(events).toHaveLength(1);
    expect(handled).toBeLessThan(3 * line.length);
  });

  it('refuses a line that no server of ours sends, in one piece or in many', () => {
    const long = Buffer.from(`data: ${'x'.repeat(100 * 1024)}\n\n`);
    const error = /^a line of more than 98304 characters in the answer of the server$/;
    expect(() => reading().reader.push(long)).toThrow(error);
    const { reader } = reading();
    expect(() => {
      for (let at = 0; at < long.length; at += 1000) reader.push(long.subarray(at, at + 1000));
    }).toThrow(error);
  });
});
