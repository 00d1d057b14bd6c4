import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pinned, withAllFiles } from './machine.ts';
import type { ServerProcess } from './server-process.ts';

const run = promisify(execFile);

/** The result of one load run; CPU is the server's, in seconds. */
export interface LoadResult {
  readonly messages: number;
  readonly cpu: number;
  /** What of it was the server's own code, and not the kernel's. */
  readonly user?: number;
  readonly seconds?: number;
  /** Of the round trips, in milliseconds. */
  readonly p99?: number;
  readonly memory?: number;
  readonly raw?: number;
  /** Of one join. */
  readonly bytes?: number;
}

export type LoadOptions = Readonly<Record<string, number>>;

/** Puts load on a server from another process and returns what it cost the server. */
export async function loadOn(
  server: ServerProcess,
  script:
    | 'echo-load'
    | 'broadcast-load'
    | 'idle-load'
    | 'file-load'
    | 'datagram-load'
    | 'join-load'
    | 'reconnect-load',
  options: LoadOptions,
): Promise<LoadResult> {
  const path = fileURLToPath(new URL(`../load/${script}.mjs`, import.meta.url));
  const { port, pid, peer } = server;
  const text = JSON.stringify({ port, pid, protocol: peer.protocol ?? 'frames', ...options });
  const [program, ...args] = withAllFiles(pinned(1, [process.execPath, path, text]));
  try {
    const { stdout } = await run(program!, args, { timeout: 180_000 });
    return JSON.parse(stdout) as LoadResult;
  } catch (error) {
    throw new Error(`${script} on ${peer.name}: ${(error as Error).message}`, { cause: error });
  }
}
