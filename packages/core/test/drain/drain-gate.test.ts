import { beforeEach, describe, expect, it } from 'vitest';
import { DrainGate } from '../../src/authoring.ts';
import { DrainEvent } from '../../src/index.ts';
import { EmbeddedChannel } from '../../src/testing/index.ts';

describe('a gate for drains', () => {
  let isBusy: boolean;
  let gate: DrainGate;
  let channel: EmbeddedChannel;

  beforeEach(() => {
    isBusy = true;
    gate = new DrainGate('work', () => isBusy);
    channel = new EmbeddedChannel({
      userEventTriggered(ctx, event) {
        gate.see(event);
        ctx.fireUserEventTriggered(event);
      },
    });
  });

  const fire = (event: DrainEvent): DrainEvent => {
    channel.run(() => channel.pipeline.fireUserEventTriggered(event));
    return event;
  };
  const done = (): void => {
    isBusy = false;
    channel.run(() => gate.update());
  };

  it('a second drain releases nothing of the first, whatever kinds they are', () => {
    for (const atRest of [undefined, () => {}]) {
      isBusy = true;
      const one = fire(new DrainEvent(1000));
      const two = fire(new DrainEvent(1000, atRest));
      expect([one.holds, two.holds, channel.isEnding]).toEqual([['work'], ['work'], false]);
      expect(gate.isHolding).toBe(true);
      done();
      expect([one.holds, two.holds, channel.isEnding, gate.isHolding]).toEqual([
        [],
        [],
        true,
        false,
      ]);
      channel.finish();
      channel = new EmbeddedChannel({
        userEventTriggered(ctx, event) {
          gate.see(event);
          ctx.fireUserEventTriggered(event);
        },
      });
      gate = new DrainGate('work', () => isBusy);
    }
  });

  it('holds each drain once, whatever hears of it twice', () => {
    const event = fire(new DrainEvent(1000));
    channel.run(() => gate.see(event));
    expect(event.holds).toEqual(['work']);
    done();
    expect(event.holds).toEqual([]);
    channel.finish();
  });

  it('work that begins later holds each drain that is under way, and none that was given up', () => {
    isBusy = false;
    let rests = 0;
    const given = fire(new DrainEvent(1000, () => {}));
    given.giveUp();
    given.hold = () => {
      throw new Error('nobody waits for it');
    };
    const event = fire(
      new DrainEvent(1000, () => {
        rests += 1;
      }),
    );
    isBusy = true;
    channel.run(() => gate.update());
    expect([given.holds, event.holds, rests]).toEqual([[], ['work'], 1]);
    done();
    expect([event.holds, rests, channel.isEnding]).toEqual([[], 2, false]);
    channel.finish();
  });
});
