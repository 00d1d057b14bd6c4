import type { Buffer } from 'node:buffer';
import type { Timer, TransportSink } from '@headrace/core';
import { channelOf, toError } from '@headrace/core/authoring';
import { SeededRandom } from '@headrace/core/testing';
import { beginRun, runCode, runningCode } from '../host/running-code.ts';
import type { HostWorld, SimulatedHost } from '../host/simulated-host.ts';
import type { SimulatedProcess } from '../host/simulated-process.ts';
import type { NetworkPath } from '../network/network-path.ts';
import { SimulationError } from '../simulation-error.ts';
import type { ResolvedTcpSettings } from '../tcp/tcp-settings.ts';
import { forbidCalls, isCallOfSystem } from '../watch/forbidden-calls.ts';
import { takeProcessErrors } from '../watch/process-errors.ts';
import { type PathDefaults, SimulatedNetwork } from './simulated-network.ts';
import { SimulationChecks } from './simulation-checks.ts';
import { SimulationLoop } from './simulation-loop.ts';
import { SimulationTrace } from './simulation-trace.ts';

/** The settings of a world. */
export interface WorldOptions {
  readonly seed: number;
  readonly cutShare: number;
  readonly traceLimit: number;
  readonly settings: ResolvedTcpSettings;
  readonly paths: PathDefaults;
}

/** A simulation as its hosts see it, with time, network, trace, and checks of the programs' code. */
export class SimulationWorld implements HostWorld {
  readonly seed: number;
  readonly settings: ResolvedTcpSettings;
  readonly trace: SimulationTrace;
  readonly checks = new SimulationChecks();
  readonly loop: SimulationLoop;
  readonly network: SimulatedNetwork;
  private readonly cutShare: number;
  private readonly cuts: SeededRandom;
  private channels = 0;

  constructor({ seed, cutShare, traceLimit, settings, paths }: WorldOptions) {
    this.seed = seed;
    this.settings = settings;
    this.cutShare = cutShare;
    this.cuts = new SeededRandom(seed, 'cuts');
    this.trace = new SimulationTrace(traceLimit);
    this.loop = new SimulationLoop(this, () => this.checks.throwIfFailed());
    this.network = new SimulatedNetwork(this, paths);
  }

  // --- for hosts ---

  get now(): number {
    return this.loop.now;
  }

  plan(atMs: number, task: () => void): Timer {
    return this.loop.plan(atMs, task);
  }

  enter(process: SimulatedProcess, task: () => void): void {
    this.loop.noteCode();
    runCode({ owner: this, process }, () => {
      try {
        task();
      } catch (error) {
        this.failed(process.hostName, error);
      }
    });
  }

  channelNumber(): number {
    this.channels += 1;
    return this.channels;
  }

  opened(process: SimulatedProcess, sink: TransportSink): (() => void) | undefined {
    const found = channelOf(sink);
    return found && this.checks.add(process, found);
  }

  pathBetween(from: SimulatedHost, to: SimulatedHost): NetworkPath {
    return this.network.pathBetween(from, to);
  }

  hostAt(nameOrAddress: string): SimulatedHost | undefined {
    return this.network.at(nameOrAddress);
  }

  allHosts(): Iterable<SimulatedHost> {
    return this.network.hosts.values();
  }

  cutAt(bytes: number): number {
    if (bytes < 2 || this.cutShare === 0 || this.cuts.next() >= this.cutShare) return bytes;
    return this.cuts.integer(1, bytes - 1);
  }

  // --- the trace ---

  sent(host: string, to: string, what: string, payload?: Buffer, arrivesMs?: number): void {
    const arrival = arrivesMs === undefined ? {} : { arrivesMs };
    this.trace.add({ atMs: this.now, kind: 'sent', host, to, what, ...arrival }, payload);
  }

  lost(host: string, to: string, what: string): void {
    this.trace.add({ atMs: this.now, kind: 'lost', host, to, what: `lost: ${what}` });
  }

  note(host: string, text: string): void {
    this.trace.add({ atMs: this.now, kind: 'note', host, what: text });
  }

  fault(host: string, what: string): void {
    this.trace.add({ atMs: this.now, kind: 'fault', host, what });
  }

  // --- the code of programs ---

  /** Notes that an error reached a process, or the scenario. */
  failed(host: string, error: unknown): void {
    if (this.currentProcess?.isAlive === false) return;
    const { message } = toError(error);
    this.note(host, `FAILED: ${message}`);
    this.checks.failed(
      error instanceof SimulationError
        ? error
        : new SimulationError(
            `at ${this.now.toFixed(1)} ms an error reached ${host === '' ? 'the scenario' : `the process of host ${host}`}: ${message}`,
            { cause: error },
          ),
    );
  }

  /** Starts to watch the code of programs. Returns a function that ends the watch. */
  beginWatch(): () => void {
    const undo = [
      beginRun(),
      this.checks.futures.watch(() => this.currentProcess),
      takeProcessErrors((error) => this.processFailed(error)),
      forbidCalls((call, instead) => this.forbidden(call, instead)),
    ];
    return () => {
      for (const one of undo) one();
    };
  }

  private get currentProcess(): SimulatedProcess | undefined {
    const code = runningCode();
    return code?.owner === this ? code.process : undefined;
  }

  /**
   * Handles an error of the process. The error belongs to the simulation whose code is running. If no such code is running,
   * it belongs to all simulations.
   */
  private processFailed(error: unknown): void {
    const code = runningCode();
    if (code !== undefined && code.owner !== this) return;
    this.failed(code?.process?.hostName ?? '', error);
  }

  private forbidden(call: string, instead: string): void {
    const code = runningCode();
    if (code?.owner !== this || isCallOfSystem()) return;
    const caller = code.process === undefined ? 'the scenario' : `host ${code.process.hostName}`;
    const error = new SimulationError(
      `${caller} called ${call}, which the seed does not decide: use ${instead}`,
    );
    this.checks.failed(error);
    throw error;
  }
}
