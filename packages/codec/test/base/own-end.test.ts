// What a decoder still has when this side ends the input is dropped, whatever it waits for.
import { type Context, DecodeError, type Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { type ByteInput, ByteToMessageDecoder, LineFrameDecoder } from '../../src/index.ts';

/** One letter is one message. */
class LetterDecoder extends ByteToMessageDecoder<Buffer> {
  protected override decode(_ctx: Context, input: ByteInput): Buffer {
    const letter = input.take(1);
    if (letter.toString() === '!') throw new DecodeError('FRAME_CORRUPT', 'no letter');
    return letter;
  }
}

class Application implements Handler {
  readonly seen: string[] = [];
  onError: (ctx: Context) => void = () => {};

  channelRead(_ctx: Context, line: Buffer): void {
    this.seen.push(line.toString());
  }

  exceptionCaught(ctx: Context): void {
    this.seen.push('error');
    this.onError(ctx);
  }
}

it('a shutdown of the input while reads are held: nothing comes, also not at the end of the peer', () => {
  const app = new Application();
  const channel = EmbeddedChannel.with({ allowHalfOpen: true }, new LineFrameDecoder(), app);
  const hold = channel.holdReads('test');
  channel.writeInbound(Buffer.from('a\nb\n'));
  channel.shutdown('input');
  expect(channel.discardsInput).toBe(true);
  channel.run(() => channel.embedded.sink.inputEnded());
  expect(channel.discardsInput).toBe(true);
  channel.run(() => hold.release());
  expect(app.seen).toEqual([]);
  channel.finish();
});

it('a close at an emitted error: the frames after it do not come', () => {
  const app = new Application();
  app.onError = (ctx) => void ctx.close();
  const channel = new EmbeddedChannel(new LetterDecoder({ frameErrorPolicy: 'emit' }), app);
  channel.writeInbound(Buffer.from('a!bc'));
  expect(channel.isOpen).toBe(false);
  expect(app.seen).toEqual(['a', 'error']);
});
