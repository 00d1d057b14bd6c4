import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** A script below this folder in a process of its own, which answers by messages. */
export class ChildProgram {
  readonly process: ChildProcess;
  private readonly exited: Promise<unknown>;

  constructor(script: string, ...args: readonly (string | number)[]) {
    const execArgv = ['--expose-gc', '--conditions=@headrace/source', '--import'];
    execArgv.push(new URL('../../../scripts/register.mjs', import.meta.url).href);
    this.process = fork(pathOf(script), args.map(String), { execArgv });
    this.exited = once(this.process, 'exit');
  }

  /** Resolves with the next message. */
  async told<M>(): Promise<M> {
    const ended = this.exited.then(() => {
      throw new Error('the process ended without an answer');
    });
    const [message] = await Promise.race([once(this.process, 'message'), ended]);
    return message as M;
  }

  ask<M>(question: string): Promise<M> {
    const answer = this.told<M>();
    this.process.send(question);
    return answer;
  }

  /** By SIGKILL: nothing of it runs any more, and its kernel ends its connections. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exited;
  }
}
