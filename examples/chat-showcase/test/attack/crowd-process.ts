import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** What a flooder sends, again and again: a member's lines, refused credentials, or requests for no page. */
export type FloodKind = 'lines' | 'refused' | 'requests';

/** Members that only listen, and flooders, in a process of their own. */
export class CrowdProcess implements Disposable {
  private readonly process: ChildProcess;

  private constructor(args: readonly (string | number)[]) {
    const script = new URL('./crowd.mjs', import.meta.url);
    this.process = fork(script, args.map(String), { execArgv: [] });
  }

  static async start(
    port: number,
    crowd: { readonly listeners: number; readonly flooders: number; readonly kind: FloodKind },
  ): Promise<CrowdProcess> {
    const all = new CrowdProcess([port, crowd.listeners, crowd.flooders, crowd.kind]);
    await once(all.process, 'message');
    return all;
  }

  flood(): void {
    this.process.send('flood');
  }

  /** Ends the flood; how many bytes it was. */
  async stop(): Promise<number> {
    this.process.send('stop');
    const [{ sentBytes }] = (await once(this.process, 'message')) as [{ sentBytes: number }];
    return sentBytes;
  }

  [Symbol.dispose](): void {
    this.process.kill('SIGKILL');
  }
}
