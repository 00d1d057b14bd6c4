import { connect } from 'node:net';
import { LineFrameDecoder, StringCodec } from '@headrace/codec';
import {
  type Context,
  type DecodeError,
  type Handler,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
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

/** What a client gets that sends these bytes and more, and reads only afterwards. */
async function answerToSender(port: number, bytes: Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1').pause();
  socket.on('error', () => {});
  socket.write(bytes);
  const more = Buffer.alloc(256 * 1024, 'x');
  for (let i = 0; i < 20; i++) await new Promise((resolve) => socket.write(more, resolve));
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  await new Promise((resolve) => socket.resume().once('close', resolve));
  return text;
}

describe('a bad frame on a real connection', () => {
  it('that no handler catches does not cost a peer that goes on sending its answers', async () => {
    const server = await new ServerBootstrap()
      .childOptions({ logger: silentLogger, clock: new VirtualClock() })
      .childHandler((channel) =>
        channel.pipeline.addLast(new LineFrameDecoder({ maxLength: 50 }), new StringCodec(), {
          channelRead: (ctx: Context, line: string) => void ctx.writeAndFlush(`${line}\n`),
        }),
      )
      .bind({ port: 0, host: '127.0.0.1' });
    try {
      const { port } = server.address as { port: number };
      const input = Buffer.from(`a\nb\n${'x'.repeat(100)}\n`);
      expect(await answerToSender(port, input)).toBe('a\nb\n');
    } finally {
      await server.close();
    }
  });

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
