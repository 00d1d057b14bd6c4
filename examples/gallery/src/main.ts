// `npm run gallery` prints a table; `npm run gallery -- NAME [ROLE]` starts a system or one role of it,
// `npm run gallery -- NAME peer ROLE [ARG…]` a program in the original's language.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
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
Settings are environment variables: HOST, PORT (0 picks a free one), INTERVAL_MS, ATTEMPTS. See docs/gallery.md.`);
}

/** Ends the children when this process is told to end, the last one first, so that none loses whom it talks to. */
function endWith(children: readonly ChildProcess[], after: () => void = () => {}): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, async () => {
      for (const child of [...children].reverse()) {
        if (child.kill(signal)) await once(child, 'exit');
      }
    });
  }
  let open = children.length;
  for (const child of children) {
    child.on('exit', (code, signal) => {
      open -= 1;
      if (code !== 0 && signal === null) process.exitCode = code ?? 1;
      if (open === 0) after();
    });
  }
}

/** Each role in a process of its own, each line of their output behind the name of the role. */
async function startWhole(
  name: string,
  roles: readonly string[],
  settings: Settings,
): Promise<void> {
  const children: ChildProcess[] = [];
  let port = settings.port;
  for (const role of roles) {
    const child = spawn(
      process.execPath,
      [...process.execArgv, fileURLToPath(import.meta.url), name, role],
      {
        env: { ...process.env, HOST: settings.host, PORT: String(port) },
        stdio: [children.length === 0 ? 'inherit' : 'ignore', 'pipe', 'inherit'],
      },
    );
    children.push(child);
    const lines = createInterface({ input: child.stdout });
    const first = await new Promise<string | undefined>((resolve) => {
      lines.once('line', resolve);
      child.once('exit', () => resolve(undefined));
    });
    if (first === undefined) {
      for (const other of children) other.kill();
      process.exitCode = 1;
      return;
    }
    if (children.length === 1) {
      console.log(first);
      port = Number(first.split(':').at(-1));
    } else console.log(`${role} | ${first}`);
    console.log(`${role}: process ${child.pid}`);
    lines.on('line', (line) => console.log(`${role} | ${line}`));
  }
  endWith(children);
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
  endWith([spawn(peer.command, own, { stdio: 'inherit' })], () => peer.remove());
}

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
