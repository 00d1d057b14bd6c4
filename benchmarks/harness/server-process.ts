import { type ChildProcess, spawn } from 'node:child_process';
import { freePort } from '@headrace/workers';
import { pinned, withAllFiles } from './machine.ts';
import { ask } from './ordered-process.ts';

/** How to start one of the servers that are compared. */
export interface Peer {
  readonly name: string;
  /** The command line without the port, which comes last, and then `rest`. */
  readonly command: readonly string[];
  readonly rest?: readonly string[];
  /** What its load speaks. @default frames */
  readonly protocol?:
    | 'frames'
    | 'ws'
    | 'ws-text'
    | 'ws-deflate'
    | 'tls'
    | 'lasting'
    | 'socket.io'
    | 'datagrams';
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** It answers orders. */
  readonly isOrdered?: boolean;
  /** It answers each order with the collections of V8 since the one before. */
  readonly isCounted?: boolean;
}

/** A server under test in a process of its own. */
export class ServerProcess implements AsyncDisposable {
  readonly peer: Peer;
  readonly port: number;
  private readonly child: ChildProcess;

  private constructor(peer: Peer, port: number, child: ChildProcess) {
    this.peer = peer;
    this.port = port;
    this.child = child;
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Starts it and waits until it prints `ready`. */
  static async start(peer: Peer, core: 0 | 1 = 0): Promise<ServerProcess> {
    const port = await freePort('127.0.0.1', 0);
    const line = pinned(core, [...peer.command, String(port), '127.0.0.1', ...(peer.rest ?? [])]);
    const [program, ...args] = withAllFiles(line);
    const env = { ...process.env, ...peer.env };
    const isOrdered = peer.isOrdered === true || peer.isCounted === true;
    const channel = isOrdered ? (['ipc'] as const) : [];
    const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'pipe', ...channel], env });
    await ready(peer.name, child);
    return new ServerProcess(peer, port, child);
  }

  order(order: object): Promise<unknown> {
    return ask(this.child, order);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await gone;
  }
}

function ready(name: string, child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    const hear = (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('ready')) resolve();
    };
    child.stdout!.on('data', hear);
    child.stderr!.on('data', hear);
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}: ${output}`)));
  });
}
