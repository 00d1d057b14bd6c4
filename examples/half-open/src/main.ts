// Cuts the cable between a server and its client, and prints when the server notices, for each way to find a
// dead peer. Needs Linux, root and iproute2. `src/main.ts SECONDS` says how long to wait; 60 without it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { clear, cut, lay, on, SERVER_ADDRESS } from './cable.ts';

interface Line {
  readonly ports?: Record<string, number>;
  readonly connected?: number;
  readonly closed?: string;
  readonly at?: number;
  readonly reason?: string;
  readonly code?: string;
}

const pathOf = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const waitSeconds = Number(process.argv[2] ?? 60);
// A hundredth of Linux's 7200 s and a fifteenth of its 75 s: the formula can be seen without waiting for two hours.
const KERNEL = { time: 72, intvl: 5, probes: 9 };

function start(machine: 'server' | 'client', args: readonly string[]) {
  const [command, ...rest] = [...on(machine), process.execPath, ...args];
  const program = spawn(command!, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: Line[] = [];
  const input = createInterface({ input: program.stdout });
  input.on('line', (line) => lines.push(JSON.parse(line) as Line));
  const first = once(input, 'line').then(() => lines[0]!);
  return { program, lines, first };
}

/** One line of output for each port. */
function table(names: readonly string[], lines: readonly Line[], cutAt: number): string {
  return names
    .map((name) => {
      const line = lines.find(({ closed }) => closed === name);
      if (line === undefined) return `${'open'.padStart(8)}  ${name}`;
      const seconds = ((line.at! - cutAt) / 1000).toFixed(1);
      const code = line.code === undefined ? '' : `, ${line.code}`;
      return `${`${seconds} s`.padStart(8)}  ${name}: ${line.reason}${code}`;
    })
    .join('\n');
}

try {
  lay(KERNEL);
  const server = start('server', [...process.execArgv, pathOf('./server.ts'), SERVER_ADDRESS]);
  const { ports } = await server.first;
  const client = start('client', [
    pathOf('./client.mjs'),
    SERVER_ADDRESS,
    ...Object.values(ports!).map(String),
  ]);
  await client.first;
  cut();
  const cutAt = Date.now();
  server.program.kill('SIGUSR2');
  await new Promise((resolve) => setTimeout(resolve, waitSeconds * 1000));
  console.log(`after ${waitSeconds} s, with tcp_keepalive_time, _intvl, _probes`, KERNEL);
  console.log(table(Object.keys(ports!), server.lines, cutAt));
  server.program.kill('SIGKILL');
  client.program.kill('SIGKILL');
} finally {
  clear();
}
