// Examples of the gallery as a reader takes them: in a project of their own, compiled against the packed packages.
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { Program } from '../program.ts';
import type { Tally } from '../tally.ts';
import { root, writeFiles } from '../workspace.ts';

interface Trial {
  readonly name: string;
  /** What the client is given to type. */
  readonly typed?: string;
  /** A line that the server, and one that the client prints. */
  readonly server: RegExp;
  readonly client: RegExp;
}

const TRIALS: readonly Trial[] = [
  {
    name: 'python-heartbeat',
    server: /^ip: 127\.0\.0\.1 \|status: alive \|pid: \d+$/m,
    client: /^Welcome to the server!$/m,
  },
  {
    name: 'dubbo-rpc',
    server: /^Hello world$/m,
    client: /^Hello world$/m,
  },
  {
    name: 'alarm-client',
    typed: 'hello\n',
    server: /^Recv msg from client: hello$/m,
    client: /^Get a SIGALRM, 1 counts!$/m,
  },
];

/** Starts server and client of one example, and waits until each has printed what it should. */
async function runTrial(folder: string, { name, typed, server, client }: Trial): Promise<void> {
  const programs: Program[] = [];
  const start = (role: string, PORT: string): Program => {
    const env = { PORT, INTERVAL_MS: '200' };
    programs.push(new Program(process.execPath, ['dist/main.js', name, role], folder, env));
    return programs.at(-1)!;
  };
  try {
    const listening = start('server', '0');
    const [, port] = await listening.waitFor(/^\S+:(\d+)$/m);
    const asking = start('client', port!);
    if (typed !== undefined) asking.type(typed);
    await listening.waitFor(server);
    await asking.waitFor(client);
  } finally {
    for (const program of programs) await program.terminate();
  }
}

export async function checkGallery(tally: Tally, consumer: string, tsc: string): Promise<void> {
  const folder = join(consumer, 'gallery');
  cpSync(join(root, 'examples', 'gallery', 'src'), folder, { recursive: true });
  const compilerOptions = {
    strict: true,
    target: 'es2023',
    module: 'nodenext',
    rewriteRelativeImportExtensions: true,
    skipLibCheck: false,
    types: ['node'],
    outDir: 'dist',
  };
  writeFiles(folder, {
    'tsconfig.json': { compilerOptions, include: ['*.ts'] },
    'package.json': { type: 'module' },
  });
  const args = [tsc, '-p', 'gallery'];
  if (!(await tally.command('the gallery compiles', process.execPath, args, consumer))) return;
  for (const trial of TRIALS) {
    await tally.step(`the gallery's ${trial.name} runs`, () => runTrial(folder, trial));
  }
}
