import { expect, it } from 'vitest';
import { offerReadRoom, ReadRoom } from '../../src/authoring.ts';
import { EmbeddedChannel } from '../../src/testing/index.ts';

it('gives memory that serves again to one handler alone, other memory to any', () => {
  const channel = new EmbeddedChannel({}, {});
  const { sink } = channel.embedded;
  const [again, once] = [new ReadRoom(true), new ReadRoom()];
  offerReadRoom(channel, again);
  expect(sink.readRoom).toBeUndefined();
  channel.pipeline.removeFirst();
  expect(sink.readRoom).toBe(again);
  channel.pipeline.addFirst({});
  expect(sink.readRoom).toBeUndefined();
  offerReadRoom(channel, once);
  expect(sink.readRoom).toBe(once);
  offerReadRoom(channel, undefined);
  expect(sink.readRoom).toBeUndefined();
});
