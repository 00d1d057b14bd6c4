// Time, CPU, packets and sockets of exchanges, for each style of connection.
import { readFileSync } from 'node:fs';

/** A connection for each exchange, one for all, or one that is `limited` to 100 exchanges and a time. */
export type Style = 'short' | 'kept' | 'limited';

/** Asks one thing after the other. */
export interface Asker {
  readonly counts: { readonly connections: number };
  ask(question: string): Promise<string>;
  end(): void;
}

const KEY = `${'k'.repeat(55)}END`;
/** 64 bytes: a question for memcached and a line for the echo; the answers of both end in END and CRLF. */
const QUESTION = `get ${KEY}\r\n`;
const STORE = `set ${KEY} 0 0 64 noreply\r\n${'v'.repeat(64)}\r\n${QUESTION}`;
const STYLES: readonly Style[] = ['short', 'kept', 'limited'];
const HEAD = [
  'server',
  'style',
  'connections',
  'time',
  'CPU here',
  'CPU there',
  'packets',
  'TIME_WAIT',
];

const numberIn = (file: string, pattern: RegExp): number =>
  Number(pattern.exec(readFileSync(file, 'utf8'))![1]);
/** Of all programs of this machine, each packet over the loopback once. */
const packets = (): number => numberIn('/proc/net/snmp', /^Tcp: (?:-?\d+ ){10}(\d+)/m);
const waiting = (): number => numberIn('/proc/net/sockstat', /^TCP: .* tw (\d+)/m);

async function costs(askerFor: (style: Style) => Asker, style: Style, count: number) {
  const statistics = askerFor('kept');
  const cpuThere = async (): Promise<number> => {
    const answer = await statistics.ask('stats\r\n');
    const used = [...answer.matchAll(/rusage_\w+ ([\d.]+)/g)].map(([, seconds]) => Number(seconds));
    return used.reduce((sum, seconds) => sum + seconds * 1e6, 0);
  };
  await statistics.ask(STORE);
  const { ask, end, counts } = askerFor(style);
  const now = async (): Promise<number[]> => {
    const { user, system } = process.cpuUsage();
    return [performance.now() * 1000, user + system, await cpuThere(), packets(), waiting()];
  };
  const before = await now();
  for (let done = 0; done < count; done++) await ask(QUESTION);
  end();
  const [time, here, there, sent, tw] = (await now()).map((value, at) => value - before[at]!);
  statistics.end();
  const each = [time, here, there, sent].map((value) => (value! / count).toFixed(1));
  return [String(counts.connections), ...each, String(Math.max(0, tw!))];
}

function print(cells: readonly string[]): void {
  const [server, style, ...rest] = cells;
  const numbers = rest.map((cell) => cell.padStart(11)).join('');
  console.log(server!.padEnd(11) + style!.padEnd(8) + numbers);
}

/** Prints a table: sums of connections and TIME_WAIT, and the rest for one exchange, times in microseconds. */
export async function printCosts(
  count: number,
  servers: Readonly<Record<string, (style: Style) => Asker>>,
): Promise<void> {
  console.log(`${count} exchanges of 64 bytes; time, CPU (µs) and packets for one`);
  print(HEAD);
  for (const [name, askerFor] of Object.entries(servers)) {
    for (const style of STYLES) print([name, style, ...(await costs(askerFor, style, count))]);
  }
}
