import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lengthPrefixed } from '@headrace/codec';
import { Bootstrap, type Channel, silentLogger } from '@headrace/core';
import { LastingBootstrap, LinkResumedEvent } from '@headrace/lasting';
import { type BinaryExchange, binaryExchange, ExchangeHandler } from '@headrace/rpc';
import { expect } from 'vitest';
import { ChildProgram } from '../child-program.ts';
import type { OverReport } from './hand-over-process.ts';

const TICK_MS = 1000;
/** In a tick. */
const CALLS = 5;
const NOTES = 45;
const options = { logger: silentLogger };
const format = binaryExchange();

/** A client that calls and is called, and counts both. */
class Caller {
  /** Calls and other messages. */
  said = 0;
  answered = 0;
  notices = 0;
  resumed = 0;
  wrong: string | undefined = undefined;
  channel: Channel | undefined = undefined;
  private readonly number: number;
  private calls = 0;
  private round: { readonly said: number; readonly notices: number } | undefined = undefined;
  private endRound = (): void => {};
  private timer: NodeJS.Timeout | undefined = undefined;

  constructor(number: number) {
    this.number = number;
  }

  async begin(ports: readonly number[]): Promise<void> {
    const exchange = new ExchangeHandler({
      format,
      timeoutMs: 60_000,
      handle: (notice) => this.noticed(notice.readUInt32BE(0)),
    });
    this.channel = await new LastingBootstrap({
      bootstrap: new Bootstrap()
        .options(options)
        .handler(({ pipeline }) => pipeline.addLast(...lengthPrefixed({ maxFrameLength: 65_536 }))),
      addresses: ports.map((port) => ({ host: '127.0.0.1', port })),
      retry: () => 20 + Math.random() * 80,
      ...options,
    })
      .handler(({ pipeline }) =>
        pipeline.addLast(
          {
            userEventTriggered: (ctx, event) => {
              if (event instanceof LinkResumedEvent) this.resumed += 1;
              ctx.fireUserEventTriggered(event);
            },
          },
          exchange,
        ),
      )
      .connect();
    this.channel.onClosed(({ closeInfo }) => {
      this.wrong ??= `it closed as ${closeInfo?.reason}: ${closeInfo?.error?.message}`;
      this.look(0);
    });
    this.call(exchange);
    this.timer = setInterval(() => {
      for (let left = NOTES; left > 0; left -= 1) this.note(exchange);
      for (let left = CALLS; left > 0; left -= 1) this.call(exchange);
    }, TICK_MS);
  }

  private noticed(number: number): undefined {
    if (number !== this.notices + 1) this.wrong ??= `notice ${number} came after ${this.notices}`;
    this.notices = number;
    this.look(0);
  }

  /** Resolves when a call that is made from now on is answered and a further notice has come, or something is wrong. */
  heard(): Promise<void> {
    this.round = { said: this.said, notices: this.notices };
    return new Promise((resolve) => {
      this.endRound = resolve;
      this.look(0);
    });
  }

  private look(answered: number): void {
    const { round } = this;
    if (round === undefined) return;
    if (answered > round.said) this.round = { ...round, said: -1 };
    const isOver = this.round!.said < 0 && this.notices > round.notices;
    if (!isOver && this.wrong === undefined) return;
    this.round = undefined;
    this.endRound();
  }

  private next(): Buffer {
    this.said += 1;
    const message = Buffer.alloc(8);
    message.writeUInt32BE(this.number, 0);
    message.writeUInt32BE(this.said, 4);
    return message;
  }

  private note(exchange: ExchangeHandler<BinaryExchange>): void {
    exchange.notify(this.next()).onSettled(() => {});
  }

  private call(exchange: ExchangeHandler<BinaryExchange>): void {
    const request = this.next();
    const { said } = this;
    this.calls += 1;
    exchange.request(request).then(
      (answer) => {
        this.answered += 1;
        if (answer.readUInt32BE(4) !== said) this.wrong ??= `call ${said} has another's answer`;
        this.look(said);
      },
      (error: Error) => {
        this.wrong ??= `call ${said} failed: ${error.message}`;
        this.look(0);
      },
    );
  }

  get isQuiet(): boolean {
    return this.answered === this.calls;
  }

  pause(): void {
    clearInterval(this.timer);
  }

  end(): void {
    this.channel?.close();
  }
}

/** What has gone over the channels of {@link rollingRestarts}. */
export interface Restarted {
  /** Of all clients, calls among them. */
  readonly said: number;
  readonly answered: number;
  readonly notices: number;
  readonly resumed: number;
}

/** Clients that call all the time, while one process after another has their channels; nothing is lost or comes twice. */
export async function rollingRestarts(clients: number, restarts: number): Promise<Restarted> {
  const folder = await mkdtemp(join(tmpdir(), 'hand-over-'));
  const pathOf = (number: number): string => join(folder, `${number}.sock`);
  const start = (number: number, port: number, isFirst = ''): ChildProgram =>
    new ChildProgram('./server/hand-over-process.ts', pathOf(number), port, isFirst);
  let program = start(0, 0, 'first');
  try {
    const ports = [await program.told<number>(), 0];
    // The second port is found by a process that ends at once.
    const finder = start(-1, 0, 'first');
    ports[1] = await finder.told<number>();
    await finder.kill();
    const callers = Array.from({ length: clients }, (_, number) => new Caller(number));
    for (let at = 0; at < clients; at += 100) {
      await Promise.all(callers.slice(at, at + 100).map((caller) => caller.begin(ports)));
    }
    for (let number = 1; number <= restarts; number += 1) {
      const next = start(number, ports[number % 2]!);
      await next.told<number>();
      const report = await program.ask<OverReport>(pathOf(number));
      expect(report).toEqual({ moved: clients, failures: [], wrong: undefined, left: 0 });
      program = next;
      // Each client has come to the new process, and both ends have sent something there.
      await Promise.all(callers.map((caller) => caller.heard()));
      expect(callers.find(({ wrong }) => wrong !== undefined)?.wrong).toBeUndefined();
    }
    for (const caller of callers) caller.pause();
    await expect
      .poll(() => callers.filter(({ isQuiet }) => !isQuiet).length, { timeout: 60_000 })
      .toBe(0);
    expect(callers.find(({ wrong }) => wrong !== undefined)?.wrong).toBeUndefined();
    const sum = (of: (caller: Caller) => number) => callers.reduce((all, one) => all + of(one), 0);
    for (const caller of callers) caller.end();
    return {
      said: sum((caller) => caller.said),
      answered: sum(({ answered }) => answered),
      notices: sum(({ notices }) => notices),
      resumed: sum(({ resumed }) => resumed),
    };
  } finally {
    await program.kill();
    await rm(folder, { recursive: true });
  }
}
