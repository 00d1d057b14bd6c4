import { lengthPrefixed } from '@headrace/codec';
import type { Handler } from '@headrace/core';
import { type ConnectedPair, connectedPair } from '@headrace/core/testing';
import { binaryExchange } from '../../src/exchange/binary-exchange.ts';
import type { BinaryExchange } from '../../src/exchange/binary-frame.ts';
import { ExchangeHandler } from '../../src/exchange/exchange-handler.ts';
import type { CallOptions, ExchangeOptions } from '../../src/exchange/exchange-options.ts';
import type { ExchangeScope } from '../../src/exchange/exchange-worker.ts';

type Options = Partial<ExchangeOptions<BinaryExchange>>;

/** Requests that the test answers by hand. */
export class Desk {
  readonly begun: string[] = [];
  readonly scopes = new Map<string, ExchangeScope>();
  private readonly open = new Map<
    string,
    { resolve: (answer: Buffer) => void; reject: (error: Error) => void }
  >();

  readonly handle = (request: Buffer, scope: ExchangeScope): Promise<Buffer> => {
    const text = request.toString();
    this.begun.push(text);
    this.scopes.set(text, scope);
    return new Promise((resolve, reject) => this.open.set(text, { resolve, reject }));
  };

  signal(request: string): AbortSignal {
    return this.scopes.get(request)!.signal;
  }

  answer(request: string): void {
    this.open.get(request)!.resolve(Buffer.from(`re:${request}`));
  }

  fail(request: string, error: Error): void {
    this.open.get(request)!.reject(error);
  }
}

/** What became of a call, as one text; `pending` before. */
export interface Watched {
  readonly outcome: string;
  readonly error: (Error & { code?: string; details?: Record<string, unknown> }) | undefined;
  /** How often it settled. */
  readonly settled: number;
}

export function watch(promise: Promise<unknown>): Watched {
  const watched = { outcome: 'pending', error: undefined as Error | undefined, settled: 0 };
  promise.then(
    (result) => {
      watched.outcome = String(result);
      watched.settled += 1;
    },
    (error: Error & { code?: string; details?: { sent?: boolean } }) => {
      const { sent } = error.details ?? {};
      const suffix = sent === undefined ? '' : ` sent ${sent}`;
      watched.outcome = `${error.code === undefined ? error.message : String(error.code).replace('HR_ERR_', '')}${suffix}`;
      watched.error = error;
      watched.settled += 1;
    },
  );
  return watched;
}

/** Two ends of calls with bytes, connected in memory and in virtual time. */
export class TwoEnds {
  readonly desk = new Desk();
  readonly caller: ExchangeHandler<BinaryExchange>;
  readonly answerer: ExchangeHandler<BinaryExchange>;
  readonly pair: ConnectedPair;
  readonly logged: string[] = [];

  constructor(
    callerOptions: Options = {},
    answererOptions: Options = {},
    more: {
      readonly beforeCaller?: readonly Handler[];
      readonly capacityBytes?: number;
      readonly allowHalfOpen?: boolean;
    } = {},
  ) {
    const format = binaryExchange();
    const { desk } = this;
    this.caller = new ExchangeHandler({ format, ...callerOptions });
    this.answerer = new ExchangeHandler({ format, handle: desk.handle, ...answererOptions });
    const frames = () => lengthPrefixed({ maxFrameLength: 100_000 });
    const log = (level: string, message: string) => void this.logged.push(`${level} ${message}`);
    this.pair = connectedPair({
      client: ({ pipeline }) =>
        pipeline.addLast(...(more.beforeCaller ?? []), ...frames(), this.caller),
      server: ({ pipeline }) => pipeline.addLast(...frames(), this.answerer),
      options: { logger: { log }, allowHalfOpen: more.allowHalfOpen === true },
      ...(more.capacityBytes === undefined ? {} : { capacityBytes: more.capacityBytes }),
    });
  }

  /** Asks, and what follows has happened when it returns, but for promises. */
  ask(text: string, options?: CallOptions<Buffer>): Watched {
    return this.askBytes(Buffer.from(text), options);
  }

  askBytes(body: Uint8Array, options?: CallOptions<Buffer>): Watched {
    return this.pair.clock.run(() => watch(this.caller.request(body, options)));
  }

  notify(text: string): Watched {
    return this.pair.clock.run(() =>
      watch(Promise.resolve(this.caller.notify(Buffer.from(text))).then(() => 'sent')),
    );
  }

  /** Promises settle, and what they cause happens. */
  async settle(): Promise<void> {
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      this.pair.clock.runTasks();
    }
  }

  async answer(...requests: string[]): Promise<void> {
    for (const request of requests) this.desk.answer(request);
    await this.settle();
  }

  async advance(ms: number): Promise<void> {
    this.pair.clock.advance(ms);
    await this.settle();
  }
}
