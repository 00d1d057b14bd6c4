import { Bootstrap, MemoryNetwork } from '@headrace/core';
import { expect, it } from 'vitest';
import { exchange, exchangeByEvents, serverBootstrap } from '../src/many-processes.ts';

it('answers each read, to clients that await and to clients by events', async () => {
  const place = { network: new MemoryNetwork(), name: 'server' };
  const printed: string[] = [];
  const print = (line: string): void => void printed.push(line);
  const server = await serverBootstrap(print).bind(place);
  await exchange(place, print);
  await expect.poll(() => printed).toContain('Client: Close.');
  expect(printed.splice(0).sort()).toEqual([
    'Client: Close.',
    'Client: Connect.',
    'Server: hello world',
  ]);
  await exchangeByEvents(place, print);
  await expect.poll(() => printed.length).toBe(4);
  expect(printed.slice(1).filter((line) => !line.startsWith('Client'))).toEqual([
    'Received: Server: hello world',
    'Connection close',
  ]);

  const answers: string[] = [];
  const client = await new Bootstrap<Buffer, Buffer>().handler(() => {}).connect(place);
  const incoming = client[Symbol.asyncIterator]();
  for (const text of ['one', 'two']) {
    await client.writeAndFlush(Buffer.from(text));
    answers.push(String((await incoming.next()).value));
  }
  expect(answers).toEqual(['Server: one', 'Server: two']);
  await server.close();
});
