import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Settings } from '../../src/settings/settings.ts';
import type { LoopReport } from './loop-watch.ts';

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** What the server says about itself. */
export interface MemoryReport {
  readonly port: number;
  /** Heap and what belongs to it outside, after a collection. */
  readonly heldBytes: number;
}

/** The chat in a process of its own that watches its event loop and its memory. */
export class WatchedChat implements Disposable {
  readonly process: ChildProcess;
  port = 0;
  stderr = '';

  private constructor(
    settings: Partial<Settings>,
    nodeOptions: readonly string[],
    stderr: number | 'pipe',
  ) {
    this.process = fork(pathOf('./watched-server.ts'), [JSON.stringify(settings)], {
      execArgv: [
        '--expose-gc',
        ...nodeOptions,
        '--conditions=@headrace/source',
        '--import',
        new URL('../../../../scripts/register.mjs', import.meta.url).href,
      ],
      stdio: ['ignore', 'ignore', stderr, 'ipc'],
    });
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
  }

  static async start(
    settings: Partial<Settings> = {},
    nodeOptions: readonly string[] = [],
    stderr: number | 'pipe' = 'pipe',
  ): Promise<WatchedChat> {
    const chat = new WatchedChat(settings, nodeOptions, stderr);
    await once(chat.process, 'message');
    chat.port = (await chat.memory()).port;
    return chat;
  }

  /** How its loop was since the last question. */
  async loop(): Promise<LoopReport> {
    return (await this.ask('loop')) as LoopReport;
  }

  /** What it holds. */
  async memory(): Promise<MemoryReport> {
    return (await this.ask('memory')) as MemoryReport;
  }

  private async ask(question: string): Promise<unknown> {
    this.process.send(question);
    const [answer] = await once(this.process, 'message');
    return answer;
  }

  [Symbol.dispose](): void {
    this.process.kill('SIGKILL');
  }
}
