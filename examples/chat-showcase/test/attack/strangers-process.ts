import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/**
 * What a stranger does: reads none of the answers to its requests, sends a request with a body or one and a half
 * requests and then nothing, or sends a message in parts that never end.
 */
export type StrangerKind = 'unread' | 'body' | 'half' | 'fragments';

/** Strangers in a process of their own. */
export class StrangersProcess implements Disposable {
  private readonly process: ChildProcess;

  private constructor(args: readonly (string | number)[]) {
    const script = new URL('./strangers.mjs', import.meta.url);
    this.process = fork(script, args.map(String), { execArgv: [] });
  }

  /** Resolves when each has sent what it has to send. */
  static async start(port: number, count: number, kind: StrangerKind): Promise<StrangersProcess> {
    const strangers = new StrangersProcess([port, count, kind]);
    await once(strangers.process, 'message');
    return strangers;
  }

  /** How many of their connections are open. */
  async open(): Promise<number> {
    this.process.send('open');
    const [{ open }] = (await once(this.process, 'message')) as [{ open: number }];
    return open;
  }

  [Symbol.dispose](): void {
    this.process.kill('SIGKILL');
  }
}
