// `npm run gallery` prints a table; `npm run gallery -- NAME [ROLE]` starts a system or one role of it,
// `npm run gallery -- NAME peer ROLE [ARG…]` a program in the original's language.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { preparePeer } from './peer.ts';
import { type Settings, type System, settingsOf } from './start.ts';
import { loadSystem, NAMES } from './systems.ts';

async function printTable(): Promise<void> {
  const rows = [['NAME', 'PORT', 'ROLES', 'PEERS', 'WHAT IT IS']];
  for (const name of NAMES) {
    const { what, defaults, roles, peers } = await loadSystem(name);
    const languages = new Set(Object.values(peers).map((file) => file.split('.').at(-1)!));
    const port = defaults.port === 0 ? '-' : String(defaults.port);
    rows.push([name, port, Object.keys(roles).join(' '), [...languages].join(' ') || '-', what]);
  }
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)));
  for (const row of rows) {
    console.log(
      row
        .map((text, at) => text.padEnd(widths[at]!))
        .join('  ')
        .trimEnd(),
    );
  }
  console.log(`
npm run gallery -- NAME            starts the whole system
npm run gallery -- NAME ROLE       starts one role of it
npm run gallery -- NAME peer ROLE  starts a program that does not use Headrace in that role
Settings are environment variables: HOST, PORT (0 picks a free one), INTERVAL_MS, ATTEMPTS. See examples/gallery/README.md.`);
}

let isEnding = false;

/** Ends the children when this process is told to end, the last one first, so that none loses whom it talks to. */
function endBySignal(children: readonly ChildProcess[]): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, async () => {
      isEnding = true;
      for (const child of [...children].reverse()) {
        if (child.kill(signal)) await once(child, 'exit');
      }
    });
  }
}

/** Passes the exit code on; that of a role which was still starting when all were ended is nobody's. */
function watchExit(child: ChildProcess): void {
  child.on('exit', (code, signal) => {
    if (signal !== null && !isEnding) process.exitCode = 128 + constants.signals[signal];
    else if (signal === null && code !== 0) process.exitCode = code ?? 1;
  });
}

/** Each role in a process of its own, each line of their output behind the name of the role. */
async function startWhole(
  name: string,
  roles: readonly string[],
  settings: Settings,
): Promise<void> {
  const children: ChildProcess[] = [];
  endBySignal(children);
  let port = settings.port;
  for (const role of roles) {
    const isFirst = children.length === 0;
    const own = [...process.execArgv, fileURLToPath(import.meta.url), name, role];
    const child = spawn(process.execPath, own, {
      env: { ...process.env, HOST: settings.host, PORT: String(port) },
      stdio: [isFirst ? 'inherit' : 'ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    watchExit(child);
    const lines = createInterface({ input: child.stdout });
    if (!isFirst) console.log(`${role}: process ${child.pid}`);
    const place = await new Promise<string | undefined>((resolve) => {
      let hasPlace = !isFirst;
      if (hasPlace) resolve('');
      child.once('exit', () => resolve(undefined));
      lines.on('line', (line) => {
        console.log(hasPlace ? `${role} | ${line}` : line);
        if (!hasPlace) console.log(`${role}: process ${child.pid}`);
        hasPlace = true;
        resolve(line);
      });
    });
    if (place === undefined) return;
    if (isFirst) port = Number(place.split(':').at(-1));
  }
}

function startPeer(
  { peers }: System,
  settings: Settings,
  role: string,
  args: readonly string[],
): void {
  const file = peers[role];
  if (file === undefined) {
    const names = Object.keys(peers).join(', ') || 'none';
    throw new Error(`no peer plays ${JSON.stringify(role)}: there is ${names}`);
  }
  const peer = preparePeer(file);
  const own = [...peer.args, role, settings.host, String(settings.port), ...args];
  const child = spawn(peer.command, own, { stdio: 'inherit' });
  endBySignal([child]);
  watchExit(child);
  child.on('exit', () => peer.remove());
}

// The reader of the output may go, as `head` does: the service goes on without it.
process.stdout.on('error', () => {});
try {
  const [name, role, ...rest] = process.argv.slice(2);
  if (name === undefined) await printTable();
  else {
    const system = await loadSystem(name);
    const settings = settingsOf(system);
    const whole = system.whole ?? Object.keys(system.roles);
    if (role === 'peer') startPeer(system, settings, rest[0] ?? '', rest.slice(1));
    else if (role === undefined && whole.length > 1) await startWhole(name, whole, settings);
    else {
      const run = system.roles[role ?? whole[0]!];
      const roles = Object.keys(system.roles).join(', ');
      if (run === undefined)
        throw new Error(`${name} has no role ${JSON.stringify(role)}: it has ${roles}`);
      await run(settings);
    }
  }
} catch (error) {
  console.error(`gallery: ${(error as Error).message}`);
  process.exit(1);
}
