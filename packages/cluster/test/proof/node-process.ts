import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** What a program answers to an order; see `orders.ts`. */
interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

interface Waiting {
  resolve(result: never): void;
  reject(error: Error): void;
}

/** A program of the proofs in a process of its own: it gets orders, and answers them. */
export class NodeProcess {
  readonly exited: Promise<unknown>;
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, Waiting>();
  private ids = 0;

  private constructor(child: ChildProcess) {
    this.child = child;
    this.exited = once(child, 'exit');
    child.on('message', (answer: Answer) => this.answered(answer));
    child.on('exit', () => {
      for (const { reject } of this.waiting.values()) reject(new Error('the process has ended'));
      this.waiting.clear();
    });
  }

  /** Resolves when the program serves orders. @param program - a file of this folder */
  static async start(program: string, settings: object = {}): Promise<NodeProcess> {
    const execArgv = ['--expose-gc', '--conditions=@headrace/source', '--import'];
    execArgv.push(new URL('../../../../scripts/register.mjs', import.meta.url).href);
    const child = fork(pathOf(program), [JSON.stringify(settings)], { execArgv });
    const node = new NodeProcess(child);
    await node.ask('begin');
    return node;
  }

  ask<Result>(order: string, given: object = {}): Promise<Result> {
    this.ids += 1;
    const id = this.ids;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      // A child that is gone is noticed by its exit.
      this.child.send({ id, order, given }, () => {});
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  private answered({ id, result, error }: Answer): void {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (error === undefined) waiting?.resolve(result as never);
    else waiting?.reject(new Error(error));
  }
}
