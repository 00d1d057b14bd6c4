import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { UserEventHandler } from '../../src/routing/user-event-handler.ts';

class Moved {
  readonly to: string;
  constructor(to: string) {
    this.to = to;
  }
}
class MovedFar extends Moved {}

describe('UserEventHandler', () => {
  it('consumes the events of its class and its subclasses, and forwards others', () => {
    const seen: string[] = [];
    const passed: unknown[] = [];
    const channel = new EmbeddedChannel(
      new UserEventHandler(Moved, (_ctx, { to }) => void seen.push(to)),
      { userEventTriggered: (_ctx, event) => void passed.push(event) },
    );
    channel.pipeline.fireUserEventTriggered(new Moved('a'));
    channel.pipeline.fireUserEventTriggered('other');
    channel.pipeline.fireUserEventTriggered(new MovedFar('b'));
    expect(seen).toEqual(['a', 'b']);
    expect(passed).toEqual(['other']);
  });

  it('makes a throw an error of its own', () => {
    const channel = new EmbeddedChannel(
      new UserEventHandler(Moved, () => {
        throw new Error('lost');
      }),
    );
    channel.pipeline.fireUserEventTriggered(new Moved('a'));
    expect(() => channel.checkException()).toThrow('lost');
  });
});
