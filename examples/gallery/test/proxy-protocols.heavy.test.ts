// Real servers get what the decoders pass on of odd questions, and must make exactly one answer of each.
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedChannel } from '@headrace/core/testing';
import { freePort } from '@headrace/workers';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  type Cut,
  PROTOCOLS,
  type Protocol,
  QuestionDecoder,
  ReplyDecoder,
} from '../src/proxy-protocols.ts';
import { isListening, Program } from './program.ts';

const SEED = 62;
const QUESTIONS = 5000;
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

let folder: string;
let port: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'headrace-gallery-'));
  port = await freePort('127.0.0.1', 0);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function start(command: string, args: readonly string[]): Promise<void> {
  const program = new Program(command, args);
  while (!(await isListening(port))) if (program.hasEnded) throw new Error(program.output);
}

/** A connection to a server, and the answers that came over it. */
class Asker {
  answers: string[] = [];
  private readonly protocol: Protocol;
  private readonly socket: Socket;
  private heard = (): void => {};

  constructor(protocol: Protocol) {
    this.protocol = protocol;
    const decoder = new EmbeddedChannel(new ReplyDecoder(protocol));
    this.socket = connect(port, '127.0.0.1')
      .on('data', (read) => {
        decoder.writeInbound(read);
        this.answers.push(...takenFrom<Buffer>(decoder).map((one) => one.toString('latin1')));
        this.heard();
      })
      .on('close', () => this.heard());
  }

  /** Sends what is passed on of the text, then a mark; how many questions that were, and the answers until that of the mark. */
  async ask(text: string, mark: string, marked: string): Promise<[number, string[]]> {
    const channel = new EmbeddedChannel(new QuestionDecoder(this.protocol));
    channel.writeInbound(bytes(text));
    const sent = takenFrom<Cut>(channel).flatMap((cut) => (cut.bytes.length > 0 ? cut.bytes : []));
    this.answers = [];
    this.socket.write(Buffer.concat([...sent, bytes(mark)]));
    const timer = setTimeout(() => this.close(), 5000);
    while (!this.socket.closed && !this.answers.includes(marked)) {
      await new Promise<void>((resolve) => {
        this.heard = resolve;
      });
    }
    clearTimeout(timer);
    if (this.socket.closed) this.answers.push('(closed)');
    return [sent.length, this.answers.filter((answer) => answer !== marked)];
  }

  close(): void {
    this.socket.destroy();
  }
}

function takenFrom<T>(channel: EmbeddedChannel): T[] {
  const messages: T[] = [];
  for (;;) {
    const message = channel.readInbound<T>();
    if (message === undefined) return messages;
    messages.push(message);
  }
}

/** Asks all, and returns those questions that have another number of answers. */
async function oddOnes(
  protocol: Protocol,
  questions: fc.Arbitrary<string>,
  mark: string,
  marked: string,
): Promise<string[]> {
  const odd: string[] = [];
  let asker = new Asker(protocol);
  let passed = 0;
  for (const text of fc.sample(questions, { seed: SEED, numRuns: QUESTIONS })) {
    const [sent, answers] = await asker.ask(text, mark, marked);
    passed += sent;
    if (sent === answers.length) continue;
    odd.push(`${sent} questions in ${JSON.stringify(text)}: ${JSON.stringify(answers)}`);
    asker.close();
    asker = new Asker(protocol);
  }
  asker.close();
  expect(passed).toBeGreaterThan(QUESTIONS / 5);
  return odd;
}

const some = (...words: string[]): fc.Arbitrary<string> => fc.constantFrom(...words);

it('passes to memcached only questions that have one answer', async () => {
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  await start('memcached', ['-l', '127.0.0.1', '-p', String(port), ...user]);
  const [key, longKey] = ['k'.repeat(250), 'k'.repeat(251)];
  const names = some(
    ...'get gets gat gats delete incr decr touch flush_all verbosity stats version me mg watch lru foo set cas'.split(
      ' ',
    ),
  );
  const word = some(
    'a',
    'b',
    'noreply',
    '0',
    '1',
    '-1',
    '2147483648',
    key,
    longKey,
    '',
    'é',
    'reset',
    'items',
    'on',
  );
  const line = fc
    .tuple(names, fc.array(word, { maxLength: 5 }), some('\r\n', '\n', ' \r\n'))
    .map(([name, words, end]) => [name, ...words].join(' ') + end);
  const store = fc
    .tuple(
      some('set', 'add', 'replace', 'append', 'prepend', 'cas'),
      some('a', 'b', key, key, longKey),
      some('0', '1', '4294967295', '4294967296', 'x'),
      some('0', '-1', '100', '2147483647', '2147483648'),
      some('', '', ' 1', ' 9', ' noreply', ' 1 noreply', ' x', '\t', '\xa0'),
      some('', 'x', 'flush_all\r\nxyz', 'get a\r\nget b', '\n'),
      some('\r\n', '\r\n', '\r\n', '\n', ''),
    )
    .map(
      ([name, at, flags, time, rest, value, end]) =>
        `${name} ${at} ${flags} ${time} ${value.length}${rest}\r\n${value}${end}`,
    );
  expect(await oddOnes(PROTOCOLS.memcached, fc.oneof(line, store), 'mn\r\n', 'MN\r\n')).toEqual([]);
});

it('passes to Redis only questions that have one answer', async () => {
  await start('redis-server', ['--port', String(port), '--save', '', '--dir', folder]);
  const asker = new Asker(PROTOCOLS.redis);
  const mark = 'ECHO the-mark\r\n';
  const marked = '$8\r\nthe-mark\r\n';
  const [, [list]] = await asker.ask('COMMAND LIST\r\n', mark, marked);
  asker.close();
  const ends = [
    'shutdown',
    'debug',
    'failover',
    'replicaof',
    'slaveof',
    'migrate',
    'save',
    'bgsave',
  ];
  const names = list!.split('\r\n').filter((name) => /^[a-z]/.test(name) && !ends.includes(name));
  expect(names.length).toBeGreaterThan(200);
  const name = some(...names, 'foo', '', 'Host:', 'POST', 'quit');
  const word = some(
    'a',
    'b',
    '1',
    '',
    'x'.repeat(300),
    '0',
    'BLOCK',
    'STREAMS',
    '$',
    '-',
    '+',
    '\r\nPING\r\n',
    'DEBUG',
    'YES',
  );
  const command = fc.tuple(
    fc.oneof(
      name,
      name.map((one) => one.toUpperCase()),
    ),
    fc.array(word, { maxLength: 6 }),
  );
  const array = command.map(([first, words]) =>
    [first, ...words].reduce(
      (all, one) => `${all}$${one.length}\r\n${one}\r\n`,
      `*${words.length + 1}\r\n`,
    ),
  );
  const inline = command.map(([first, words]) => `${[first, ...words].join(' ')}\r\n`);
  const broken = fc
    .tuple(array, fc.nat(40), some('\r', '\n', '0', '-', '$', '*', ' '))
    .map(([text, at, by]) => text.slice(0, at) + by + text.slice(at + 1));
  const script = some(
    'return 1',
    'return {1,{2,3}}',
    'return {}',
    'return {err="x"}',
    'redis.setresp(3) return redis.call("hgetall","h")',
    'return redis.call("select","1")',
    'return redis.call("blpop","none","0")',
  ).map((text) => `*3\r\n$4\r\nEVAL\r\n$${text.length}\r\n${text}\r\n$1\r\n0\r\n`);
  const questions = fc.oneof({ arbitrary: array, weight: 5 }, inline, broken, script);
  expect(await oddOnes(PROTOCOLS.redis, questions, mark, marked)).toEqual([]);
});
