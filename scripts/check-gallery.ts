// Examples of the gallery as a reader takes them: in a project of their own, compiled against the packed packages.
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Trial {
  readonly name: string;
  /** What the client is given to type. */
  readonly typed: string;
  /** A line that the server, and one that the client prints. */
  readonly server: RegExp;
  readonly client: RegExp;
}

const TRIALS: readonly Trial[] = [
  {
    name: 'python-heartbeat',
    typed: '',
    server: /^ip: 127\.0\.0\.1 \|status: alive \|pid: \d+$/m,
    client: /^Welcome to the server!$/m,
  },
  {
    name: 'dubbo-rpc',
    typed: '',
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
const LIMIT_MS = 30_000;

/** Copies the sources of the gallery into a project that has the packages. */
export function copyGallery(root: string, consumer: string): void {
  cpSync(join(root, 'examples', 'gallery', 'src'), join(consumer, 'gallery'), { recursive: true });
  const compilerOptions = {
    strict: true,
    target: 'es2023',
    module: 'nodenext',
    rewriteRelativeImportExtensions: true,
    skipLibCheck: false,
    types: ['node'],
    outDir: 'dist',
  };
  const config = JSON.stringify({ compilerOptions, include: ['*.ts'] });
  writeFileSync(join(consumer, 'gallery', 'tsconfig.json'), config);
  writeFileSync(join(consumer, 'gallery', 'package.json'), '{ "type": "module" }');
}

/** Starts server and client of one example, and waits until each has printed what it should. */
async function trial(
  folder: string,
  { name, typed, server, client }: Trial,
): Promise<string | undefined> {
  const children: ChildProcess[] = [];
  const start = (role: string, port: string) => {
    const env = { ...process.env, PORT: port, INTERVAL_MS: '200' };
    const child = spawn(process.execPath, ['dist/main.js', name, role], { cwd: folder, env });
    children.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const prints = async (pattern: RegExp): Promise<RegExpExecArray> => {
      for (const deadline = Date.now() + LIMIT_MS; Date.now() < deadline; ) {
        const match = pattern.exec(output);
        if (match !== null) return match;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error(`${name} ${role} does not print ${pattern}: ${output}`);
    };
    return { child, prints };
  };
  try {
    const listening = start('server', '0');
    const [, port] = await listening.prints(/^\S+:(\d+)$/m);
    const asking = start('client', port!);
    asking.child.stdin.write(typed);
    await listening.prints(server);
    await asking.prints(client);
    return undefined;
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

/** @returns what went wrong, by the name of the example */
export async function runGallery(consumer: string): Promise<Map<string, string | undefined>> {
  const outcomes = new Map<string, string | undefined>();
  for (const one of TRIALS) {
    const failure = await trial(join(consumer, 'gallery'), one).catch(String);
    outcomes.set(one.name, failure);
  }
  return outcomes;
}
