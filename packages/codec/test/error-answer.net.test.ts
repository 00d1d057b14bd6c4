import { connect } from 'node:net';
import { LineFrameDecoder, StringCodec } from '@headrace/codec';
import { type Context, type DecodeError, type Handler, ServerBootstrap } from '@headrace/core';
import { describe, expect, it } from 'vitest';

const seen: string[] = [];

/** Echoes lines, and answers a bad one before the decoder ends the connection. */
class App implements Handler {
  channelRead(ctx: Context, line: string): void {
    seen.push(line);
    ctx.writeAndFlush(`${line}\n`);
  }

  exceptionCaught(ctx: Context, error: Error): void {
    ctx.write(`ERR:${(error as DecodeError).code}\n`);
  }
}

/** What a client gets for these bytes, until the server ends. */
async function answer(port: number, bytes: Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('utf8');
  socket.write(bytes);
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text;
}

describe('a bad frame on a real connection', () => {
  it.each([
    ['a long line', `a\n${'x'.repeat(100)}\nb\n`, 'HR_ERR_FRAME_TOO_LONG'],
    ['bytes that are not UTF-8', 'a\n\xff\nb\n', 'HR_ERR_TEXT_NOT_UTF8'],
  ])('%s is answered, and nothing after it is decoded', async (_name, text, code) => {
    seen.length = 0;
    const server = await new ServerBootstrap()
      .childHandler((channel) =>
        channel.pipeline.addLast(
          new LineFrameDecoder({ maxLength: 50 }),
          new StringCodec(),
          new App(),
        ),
      )
      .bind({ port: 0, host: '127.0.0.1' });
    try {
      const { port } = server.address as { port: number };
      expect(await answer(port, Buffer.from(text, 'latin1'))).toBe(`a\nERR:${code}\n`);
      expect(seen).toEqual(['a']);
    } finally {
      await server.close();
    }
  });
});
