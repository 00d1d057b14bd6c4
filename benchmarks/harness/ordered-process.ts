import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { pinned, withAllFiles } from './machine.ts';

/** Where a program's answers come, and its end. */
type OrderedChild = Pick<ChildProcess, 'once' | 'off' | 'send'>;

/** A program of Node's that does what it is ordered to, one order at a time. */
export class OrderedProcess implements AsyncDisposable {
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  /** Starts it, and waits for the message that says it is ready. */
  static async start(
    core: 0 | 1,
    command: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): Promise<OrderedProcess> {
    const [program, ...args] = withAllFiles(pinned(core, command));
    const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const;
    const child = spawn(program!, args, { stdio: [...stdio], env: { ...process.env, ...env } });
    await answerOf(child);
    return new OrderedProcess(child);
  }

  order(order: object): Promise<unknown> {
    return ask(this.child, order);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }
}

/** Sends an order; resolves with the answer. */
export function ask(child: OrderedChild, order: object): Promise<unknown> {
  const answer = answerOf(child);
  child.send(order);
  return answer;
}

/** What hangs fails after this time, which a slow machine does not need. */
const PATIENCE_MS = 120_000;

function answerOf(child: OrderedChild): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (code: unknown) => reject(new Error(`the program ended with ${code}`));
    const hangs = () => reject(new Error(`no answer within ${PATIENCE_MS} ms`));
    const timer = setTimeout(hangs, PATIENCE_MS);
    child.once('exit', ended);
    child.once('message', (answer) => {
      clearTimeout(timer);
      child.off('exit', ended);
      resolve(answer);
    });
  });
}
