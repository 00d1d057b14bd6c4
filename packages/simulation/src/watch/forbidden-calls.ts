import crypto from 'node:crypto';
import dgram from 'node:dgram';
import dns from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { performance } from 'node:perf_hooks';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';
import { SharedChange } from './shared-change.ts';

/** A function that reports a call, and throws, if the caller is code of its simulation. Such code may not use the machine. */
export type CallGuard = (call: string, instead: string) => void;

const CLOCK = 'host.clock; for bootstraps host.options';
const TIMER =
  'host.clock.schedule; for bootstraps host.options, and the place { network: host, port }';
const DATE = 'host.clock.timeOfDay()';
const RANDOM = 'host.random, as the option random of handlers';
const RANDOM_BYTES = 'host.randomBytes';
const NETWORK = 'the place { network: host, port }';

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

const undo: (() => void)[] = [];
let guards: ReadonlySet<CallGuard>;
const calls = new SharedChange<CallGuard>((users) => {
  guards = users;
  install();
  return uninstall;
});

/**
 * Replaces the functions that would leave the simulation, so that they throw for code of a simulation. `guard` decides
 * whether a caller is such code. Returns a function that restores the original functions.
 */
export function forbidCalls(guard: CallGuard): () => void {
  return calls.use(guard);
}

function check(call: string, instead: string): void {
  for (const guard of guards) guard(call, instead);
}

/** The logger is recognized by the names of its functions, because a published package can combine many files into one. */
const OF_DEFAULT_LOGGER = /\bStderrLogger\.|\bstderrLineWritten\b/;

/**
 * Returns true if the call is not the program's: if it comes from Node's handling of an exception, which uses the public
 * `setImmediate`, or from the default logger, whose lines contain the time of day.
 */
export function isCallOfSystem(): boolean {
  const { stack = '' } = new Error('');
  return stack.includes('(node:internal/process/execution:') || OF_DEFAULT_LOGGER.test(stack);
}

function install(): void {
  const global = globalThis;
  forbid(Math, 'Math.', ['random'], RANDOM);
  forbid(performance, 'performance.', ['now'], CLOCK);
  forbid(process, 'process.', ['hrtime', 'uptime'], CLOCK);
  forbidDate(global);
  const names = ['setTimeout', 'setInterval', 'setImmediate'];
  forbid(global, '', names, TIMER);
  forbid(timers, 'timers.', names, TIMER);
  forbid(timersPromises, 'timers/promises ', names, TIMER);
  forbid(AbortSignal, 'AbortSignal.', ['timeout'], TIMER);
  const randoms = ['randomBytes', 'randomInt', 'randomUUID', 'randomFill', 'randomFillSync'];
  forbid(crypto, 'crypto.', randoms, RANDOM_BYTES);
  forbid(crypto.webcrypto, 'crypto.', ['getRandomValues', 'randomUUID'], RANDOM_BYTES);
  forbid(net.Socket.prototype, 'net.Socket.', ['connect'], NETWORK);
  forbid(net.Server.prototype, 'net.Server.', ['listen'], NETWORK);
  forbid(dgram.Socket.prototype, 'dgram.Socket.', ['bind', 'send'], NETWORK);
  forbid(dns, 'dns.', ['lookup', 'resolve'], NETWORK);
  syncBuiltinESMExports();
}

function uninstall(): void {
  for (const restore of undo.splice(0).reverse()) restore();
  syncBuiltinESMExports();
}

function forbid(owner: object, prefix: string, names: readonly string[], instead: string): void {
  for (const name of names) {
    const original = Reflect.get(owner, name) as AnyFunction;
    const replacement: AnyFunction = function (...args) {
      check(`${prefix}${name}()`, instead);
      return original.apply(this, args);
    };
    // `process.hrtime.bigint`, `setTimeout[util.promisify.custom]`
    Object.defineProperties(replacement, Object.getOwnPropertyDescriptors(original));
    if (name === 'hrtime') forbid(replacement, 'process.hrtime.', ['bigint'], CLOCK);
    put(owner, name, replacement);
  }
}

/** Makes `Date.now()`, `new Date()` and `Date()` throw. A `Date` with arguments still works. */
function forbidDate(global: object): void {
  const original = Date;
  forbid(Date, 'Date.', ['now'], DATE);
  const replacement = new Proxy(original, {
    construct(target, args, newTarget) {
      if (args.length === 0) check('new Date()', DATE);
      return Reflect.construct(target, args, newTarget) as object;
    },
    apply(target) {
      check('Date()', DATE);
      return target();
    },
  });
  put(global, 'Date', replacement);
}

function put(owner: object, name: string, value: unknown): void {
  const before = Object.getOwnPropertyDescriptor(owner, name);
  Object.defineProperty(owner, name, {
    value,
    writable: true,
    configurable: true,
    enumerable: before?.enumerable ?? true,
  });
  undo.push(() => {
    if (before === undefined) Reflect.deleteProperty(owner, name);
    else Object.defineProperty(owner, name, before);
  });
}
