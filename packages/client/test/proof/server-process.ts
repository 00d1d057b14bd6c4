import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../core/test/fixture/free-port.ts';

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

/** A server in a process of its own, to be killed or stopped. */
export class ServerProcess {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** Resolves when it listens; on the port of one that was killed, if it is given. */
  static async start(given?: number): Promise<ServerProcess> {
    const port = given ?? (await freePort());
    const args = ['--conditions=@headrace/source', '--import'];
    args.push(new URL('../../../../scripts/register.mjs', import.meta.url).href);
    args.push(pathOf('./line-server.ts'), String(port));
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [told] = (await once(child.stdout!, 'data')) as [Buffer];
    return new ServerProcess(child, Number(String(told)));
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
