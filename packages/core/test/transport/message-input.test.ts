import type { TransportSink } from '@headrace/core';
import { MessageInput } from '@headrace/core/authoring';
import { VirtualClock } from '@headrace/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';

describe('the input of a transport of messages', () => {
  let clock: VirtualClock;
  let input: MessageInput<string>;
  let events: string[];
  let isReadHeld: boolean;
  /** Called by the sink at the end of a burst. */
  let readComplete: () => void;

  beforeEach(() => {
    clock = new VirtualClock();
    events = [];
    isReadHeld = false;
    readComplete = () => input.requestRead();
    input = new MessageInput(clock, (message) => events.push(`took ${message}`));
    input.sink = {
      get isReadHeld() {
        return isReadHeld;
      },
      received: (message: string) => events.push(message),
      checkTurn: () => {},
      readComplete: () => {
        events.push('|');
        readComplete();
      },
      inputEnded: () => events.push('end'),
    } as unknown as TransportSink;
  });

  function arrive(...messages: string[]): void {
    for (const message of messages) input.arrived(message);
    input.endBurst();
  }

  it('passes a burst on at once while the channel reads', () => {
    input.requestRead();
    arrive('a', 'b');
    expect(events).toEqual(['a', 'took a', 'b', 'took b', '|']);
  });

  it('keeps messages until the channel reads, and passes them on in a later turn, in their order', () => {
    arrive('a');
    input.requestRead();
    expect(events).toEqual([]);
    arrive('b');
    input.peerEnded();
    input.endBurst();
    expect(events).toEqual([]);
    clock.runTasks();
    expect(events).toEqual(['a', 'took a', 'b', 'took b', '|', 'end']);
  });

  it('keeps the rest of a burst in which the channel stops reading, and the end', () => {
    readComplete = () => {};
    input.requestRead();
    input.arrived('a');
    input.pauseReading();
    arrive('b');
    input.peerEnded();
    input.endBurst();
    clock.runTasks();
    expect(events).toEqual(['a', 'took a', '|']);
    input.requestRead();
    clock.runTasks();
    expect(events.slice(3)).toEqual(['b', 'took b', '|']);
    input.requestRead();
    clock.runTasks();
    expect(events.slice(6)).toEqual(['end']);
  });

  it('passes nothing on after the channel has closed', () => {
    arrive('a');
    input.requestRead();
    input.stop();
    arrive('b');
    clock.runTasks();
    expect([events, input.hasKept]).toEqual([[], false]);
  });

  it('passes on what came before the end in several turns, even while reads are held', () => {
    isReadHeld = true;
    readComplete = () => {};
    arrive(...Array.from({ length: 40 }, (_, i) => String(i)));
    const turns: (() => void)[] = [];
    clock.nextTurn = (task) => void turns.push(task);
    let isDone = false;
    input.finish(() => {
      isDone = true;
    });
    let count = 1;
    for (; turns.length > 0; count++) turns.shift()!();
    expect([isDone, count]).toEqual([true, 5]);
    expect(events.filter((event) => event.startsWith('took'))).toHaveLength(40);
  });
});
