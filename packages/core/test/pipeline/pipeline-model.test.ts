// Random operations on a pipeline, against a model that is a plain list walked step by step.
import { type Handler, HeadraceError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { eventText } from '../../src/testing/record-events.ts';

type Kind = 'reader' | 'writer' | 'both' | 'deaf' | 'leaver' | 'planter' | 'swapper' | 'bomb';
const KINDS: readonly Kind[] = [
  'reader',
  'writer',
  'both',
  'deaf',
  'leaver',
  'planter',
  'swapper',
  'bomb',
];

interface Entry {
  name: string;
  kind: Kind;
  isSpent: boolean;
}

/** The pipeline as a list of entries, written as simply as can be. */
class Model {
  list: Entry[] = [];
  log: string[] = [];

  private at(name: string): number {
    const index = this.list.findIndex((entry) => entry.name === name);
    if (index < 0) throw new Error('unknown');
    return index;
  }

  private insert(indexOf: () => number, name: string, kind: Kind): void {
    if (this.list.some((entry) => entry.name === name)) throw new Error('duplicate');
    this.list.splice(indexOf(), 0, { name, kind, isSpent: false });
    this.log.push(`${name} added`);
  }

  addFirst = (name: string, kind: Kind): void => this.insert(() => 0, name, kind);
  addLast = (name: string, kind: Kind): void => this.insert(() => this.list.length, name, kind);
  addBefore(base: string, name: string, kind: Kind): void {
    this.insert(() => this.at(base), name, kind);
  }
  addAfter(base: string, name: string, kind: Kind): void {
    this.insert(() => this.at(base) + 1, name, kind);
  }
  remove(name: string): void {
    this.list.splice(this.at(name), 1);
    this.log.push(`${name} removed`);
  }
  replace(old: string, name: string, kind: Kind): void {
    const index = this.at(old);
    if (name !== old && this.list.some((entry) => entry.name === name))
      throw new Error('duplicate');
    this.list[index] = { name, kind, isSpent: false };
    this.log.push(`${name} added`, `${old} removed`);
  }

  /** Walks on after an entry; if it is gone by now, from where it stood. */
  read(message: string, start = 0): void {
    for (let index = start; index < this.list.length; index++) {
      const entry = this.list[index]!;
      if (entry.kind === 'writer' || entry.kind === 'deaf') continue;
      this.log.push(`${entry.name} read ${message}`);
      if (entry.kind === 'bomb') {
        this.error(index);
        return;
      }
      if (!entry.isSpent && entry.kind === 'leaver') {
        entry.isSpent = true;
        this.remove(entry.name);
        index -= 1;
      } else if (!entry.isSpent && entry.kind === 'planter') {
        entry.isSpent = true;
        if (this.isTaken(`${entry.name}'`)) {
          this.error(index);
          return;
        }
        this.insert(() => index + 1, `${entry.name}'`, 'reader');
      } else if (!entry.isSpent && entry.kind === 'swapper') {
        entry.isSpent = true;
        if (this.isTaken(`${entry.name}*`)) {
          this.error(index);
          return;
        }
        this.list[index] = { name: `${entry.name}*`, kind: 'reader', isSpent: false };
        this.log.push(`${entry.name}* added`, `${entry.name} removed`);
        index -= 1;
      }
    }
    this.log.push(`tail read ${message}`);
  }

  private isTaken(name: string): boolean {
    return this.list.some((entry) => entry.name === name);
  }

  /** Readers pass errors on and note them; the tail is the last to get them. */
  private error(index: number): void {
    for (const entry of this.list.slice(index)) {
      if (entry.kind !== 'writer' && entry.kind !== 'deaf') this.log.push(`${entry.name} caught`);
    }
    this.log.push('tail caught');
  }

  write(message: string): void {
    for (const entry of [...this.list].reverse()) {
      if (entry.kind === 'writer' || entry.kind === 'both') {
        this.log.push(`${entry.name} write ${message}`);
      }
    }
    this.log.push(`head write ${message}`);
  }
}

class Traced extends EmbeddedChannel {
  readonly trace: string[] = [];
  protected override handleInboundMessage(message: unknown): void {
    this.trace?.push(`tail read ${String(message)}`);
  }
  protected override handleOutboundMessage(message: unknown): void {
    this.trace?.push(`head write ${String(message)}`);
  }
  protected override handleException(): void {
    this.trace?.push('tail caught');
  }
}

function makeHandler(kind: Kind, trace: string[]): Handler {
  let isSpent = false;
  const handler: Handler = {
    handlerAdded: (ctx) => void trace.push(`${ctx.name} added`),
    handlerRemoved: (ctx) => void trace.push(`${ctx.name} removed`),
  };
  if (kind === 'writer' || kind === 'both') {
    handler.write = (ctx, message) => {
      trace.push(`${ctx.name} write ${message}`);
      return ctx.write(message);
    };
  }
  if (kind === 'writer' || kind === 'deaf') return handler;
  handler.exceptionCaught = (ctx, error) => {
    trace.push(`${ctx.name} caught`);
    ctx.fireExceptionCaught(error);
  };
  handler.channelRead = (ctx, message) => {
    trace.push(`${ctx.name} read ${message}`);
    if (kind === 'bomb') throw new Error('boom');
    if (!isSpent) {
      isSpent = true;
      if (kind === 'leaver') ctx.pipeline.remove(handler);
      if (kind === 'planter') {
        ctx.pipeline.addAfter(handler, makeHandler('reader', trace), `${ctx.name}'`);
      }
      if (kind === 'swapper') {
        ctx.pipeline.replace(handler, makeHandler('reader', trace), `${ctx.name}*`);
      }
    }
    ctx.fireChannelRead(message);
  };
  return handler;
}

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', "a'", 'b*');
const kind = fc.constantFrom(...KINDS);
const operation = fc.oneof(
  fc.tuple(fc.constant('addFirst' as const), name, kind),
  fc.tuple(fc.constant('addLast' as const), name, kind),
  fc.tuple(fc.constant('addBefore' as const), name, name, kind),
  fc.tuple(fc.constant('addAfter' as const), name, name, kind),
  fc.tuple(fc.constant('remove' as const), name),
  fc.tuple(fc.constant('replace' as const), name, name, kind),
  fc.tuple(fc.constant('read' as const), fc.constantFrom('m', 'n')),
  fc.tuple(fc.constant('write' as const), fc.constantFrom('m', 'n')),
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

function applyToModel(model: Model, op: Operation): string {
  const before = model.log.length;
  try {
    if (op[0] === 'addFirst') model.addFirst(op[1], op[2]);
    else if (op[0] === 'addLast') model.addLast(op[1], op[2]);
    else if (op[0] === 'addBefore') model.addBefore(op[1], op[2], op[3]);
    else if (op[0] === 'addAfter') model.addAfter(op[1], op[2], op[3]);
    else if (op[0] === 'remove') model.remove(op[1]);
    else if (op[0] === 'replace') model.replace(op[1], op[2], op[3]);
    else if (op[0] === 'read') model.read(op[1]);
    else model.write(op[1]);
    return 'ok';
  } catch (error) {
    expect(model.log).toHaveLength(before);
    return (error as Error).message;
  }
}

const CODES: Record<string, string> = {
  HR_ERR_PIPELINE_UNKNOWN_NAME: 'unknown',
  HR_ERR_PIPELINE_DUPLICATE_NAME: 'duplicate',
};

function applyToPipeline(channel: Traced, op: Operation): string {
  const { pipeline, trace } = channel;
  try {
    if (op[0] === 'addFirst') pipeline.addFirst(op[1], makeHandler(op[2], trace));
    else if (op[0] === 'addLast') pipeline.addLast(op[1], makeHandler(op[2], trace));
    else if (op[0] === 'addBefore') pipeline.addBefore(op[1], makeHandler(op[3], trace), op[2]);
    else if (op[0] === 'addAfter') pipeline.addAfter(op[1], makeHandler(op[3], trace), op[2]);
    else if (op[0] === 'remove') pipeline.remove(op[1]);
    else if (op[0] === 'replace') pipeline.replace(op[1], makeHandler(op[3], trace), op[2]);
    else if (op[0] === 'read') pipeline.fireChannelRead(op[1]);
    else channel.writeAndFlush(op[1]);
    return 'ok';
  } catch (error) {
    if (!(error instanceof HeadraceError)) throw error;
    return CODES[error.code] ?? error.code;
  }
}

it('does what a plain list of handlers would do, whatever is added, removed and replaced, also in mid-event', () => {
  fc.assert(
    fc.property(fc.array(operation, { minLength: 1, maxLength: 40 }), (operations) => {
      const model = new Model();
      const channel = new Traced();
      for (const op of operations) {
        const [expected, actual] = [applyToModel(model, op), applyToPipeline(channel, op)];
        const where = eventText(op);
        expect(actual, where).toBe(expected);
        expect(channel.trace, where).toEqual(model.log);
        expect(channel.pipeline.names(), where).toEqual(model.list.map((entry) => entry.name));
      }
      channel.trace.length = 0;
      channel.close();
      const gone = model.list.map((entry) => `${entry.name} removed`).reverse();
      expect(channel.trace).toEqual(gone);
    }),
    { numRuns: 1000 },
  );
});
