import type { Bus, BusHost, BusLink, LinkWatcher } from '@headrace/bus';
import { BUS_ERRORS } from '@headrace/bus';
import { EngineAnswers } from '@headrace/bus/authoring';
import { ChannelError } from '@headrace/core';
import { checkLogLimits, type Log } from '../contract/log.ts';
import type { Records } from '../contract/records.ts';
import { checkStateLimits, type StateLog } from '../contract/state-log.ts';
import type { StoreEngine } from '../contract/store-engine.ts';
import type { StateKind } from '../contract/store-link.ts';
import { natsStores } from '../nats/nats-stores.ts';
import { redisStores } from '../redis/redis-stores.ts';
import { relayStores } from '../relay/relay-stores.ts';
import { workerStores } from '../relay/worker-stores.ts';
import { EngineLog } from '../stream/engine-log.ts';
import { EngineRecords } from '../stream/engine-records.ts';

/** The engines of this package, by the kind of the bus. */
const ENGINES: Readonly<Record<string, () => StoreEngine>> = {
  nats: natsStores,
  redis: redisStores,
  relay: relayStores,
  worker: workerStores,
};

const stores = new WeakMap<Bus, BusStores>();

/** The stores of one bus. They open themselves again over each new link. */
class BusStores implements LinkWatcher {
  readonly log: EngineLog | undefined;
  readonly states: EngineLog<StateKind> | undefined;
  readonly records: EngineRecords | undefined;
  private readonly engine: StoreEngine;
  private readonly answers: EngineAnswers<BusHost>;

  constructor(bus: Bus, engine: StoreEngine) {
    this.engine = engine;
    this.answers = new EngineAnswers(bus.name);
    const { answers } = this;
    this.log = engine.openLog && new EngineLog(answers, 'durable groups', checkLogLimits);
    this.states =
      engine.openStates && new EngineLog<StateKind>(answers, 'state groups', checkStateLimits);
    this.records = engine.openRecords && new EngineRecords(answers);
    bus.watchLinks?.(this);
  }

  opened(host: BusHost): void {
    this.answers.opened(host);
  }

  linked(link: BusLink): void {
    this.log?.linked(this.engine.openLog!(link));
    this.states?.linked(this.engine.openStates!(link));
    this.records?.linked(this.engine.openRecords!(link));
  }

  linkUp(): void {
    this.log?.linkUp();
    this.states?.linkUp();
    this.records?.linkUp();
  }

  broken(cause: Error): void {
    this.answers.broken(cause);
  }

  unlinked(): void {
    this.log?.unlinked();
    this.states?.unlinked();
    this.records?.unlinked();
    this.answers.unlinked();
  }

  closed(): void {
    this.log?.close();
    this.states?.close();
    this.records?.unlinked();
  }
}

/** Returns the log of a bus, or undefined if its engine has no logs. All calls for one bus return the same log. */
export function logOf(bus: Bus): Log | undefined {
  return storesOf(bus)?.log;
}

/** Returns the states of a bus, or undefined if its engine has no states. All calls for one bus return the same ones. */
export function statesOf(bus: Bus): StateLog | undefined {
  return storesOf(bus)?.states;
}

/** Returns the records of a bus, or undefined if its engine has no records. All calls for one bus return the same ones. */
export function recordsOf(bus: Bus): Records | undefined {
  return storesOf(bus)?.records;
}

/**
 * Gives a bus the stores of an engine of your own. Call this function before a group is opened.
 *
 * @throws ChannelError `BUS_DOWN` for a bus that has stores already, or does not report its links
 */
export function provideStores(bus: Bus, engine: StoreEngine): void {
  const refuse = (why: string) => {
    throw new ChannelError(BUS_ERRORS.BUS_DOWN, `the bus ${bus.name} ${why}`, { bus: bus.name });
  };
  if (stores.has(bus))
    refuse('has stores already: call provideStores once, before logOf or a group');
  if (bus.watchLinks === undefined) refuse('reports no links: make it an EngineBus');
  stores.set(bus, new BusStores(bus, engine));
}

function storesOf(bus: Bus): BusStores | undefined {
  let known = stores.get(bus);
  const make = ENGINES[bus.kind ?? ''];
  if (known !== undefined || make === undefined || bus.watchLinks === undefined) return known;
  known = new BusStores(bus, make());
  stores.set(bus, known);
  return known;
}
