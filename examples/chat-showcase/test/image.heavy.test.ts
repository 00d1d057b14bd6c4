// No Docker here: the Dockerfile's own instructions, run in a temporary folder in its place.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../../packages/core/test/fixture/free-port.ts';
import { joinAs } from './chat-peer.ts';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const example = 'examples/chat-showcase';
const canUnshare = spawnSync('unshare', ['--pid', '--fork', '--mount-proc', 'true']).status === 0;

interface Image {
  readonly root: string;
  readonly workdir: string;
  readonly env: Record<string, string>;
  command: string[];
  user: string;
}

let folder: string;
let image: Image;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'chat-image-'));
  image = build(join(repository, example, 'Dockerfile'));
}, 600_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The instructions, one a line, in their order; `\` joins lines. */
function instructionsOf(file: string): [string, string][] {
  const text = readFileSync(file, 'utf8')
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll('\\\n', ' ');
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => {
    const at = line.indexOf(' ');
    return [line.slice(0, at), line.slice(at + 1).trim()];
  });
}

function build(file: string): Image {
  const stages = new Map<string, string>();
  let root = '';
  let workdir = '/';
  let env: Record<string, string> = {};
  let command: string[] = [];
  let user = 'root';
  for (const [name, rest] of instructionsOf(file)) {
    if (name === 'FROM') {
      const stage = / AS (\S+)$/.exec(rest)?.[1] ?? 'last';
      root = join(folder, stage);
      stages.set(stage, root);
      mkdirSync(root);
      workdir = '/';
      env = {};
    } else if (name === 'WORKDIR') {
      workdir = rest;
      mkdirSync(join(root, workdir), { recursive: true });
    } else if (name === 'COPY') {
      const from = /^--from=(\S+) /.exec(rest);
      const words = rest.slice(from?.[0].length ?? 0).split(' ');
      const target = words.pop()!;
      for (const source of words) {
        const into = target.endsWith('/') ? join(target, basename(source)) : target;
        const to = join(root, workdir, into);
        if (from === null) copyFromRepository(source, to);
        else
          cpSync(join(stages.get(from[1]!)!, source), to, {
            recursive: true,
            verbatimSymlinks: true,
          });
      }
    } else if (name === 'RUN') {
      // The image's own folders are below the stage's.
      const inPlace = rest.replaceAll(/(?<= )\/(?=app\b)/g, `${root}/`);
      const options = { cwd: join(root, workdir), env: { ...process.env, ...env, CI: 'true' } };
      execFileSync('/bin/sh', ['-c', inPlace], { ...options, stdio: 'pipe' });
    } else if (name === 'ENV') {
      const [variable = '', value = ''] = rest.split('=');
      env[variable] = value;
    } else if (name === 'CMD') command = JSON.parse(rest) as string[];
    else if (name === 'USER') user = rest;
  }
  return { root, workdir, env, command, user };
}

/** The part of it in the build's context: files that git knows, without those of Dockerfile.dockerignore. */
function copyFromRepository(source: string, to: string): void {
  const list = execFileSync(
    'git',
    ['-c', 'safe.directory=*', 'ls-files', '-co', '--exclude-standard', source],
    { cwd: repository, encoding: 'utf8' },
  );
  for (const path of list.split('\n')) {
    if (path === '' || path.includes('/test/')) continue;
    const target = path === source ? to : join(to, path.slice(source.length));
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(repository, path), target);
  }
}

describe('the image of the chat', () => {
  it('contains what production needs and nothing else', () => {
    const app = join(image.root, image.workdir);
    const names = execFileSync('ls', [app], { encoding: 'utf8' }).trim().split('\n');
    expect(names).toEqual(['dist', 'node_modules', 'package.json', 'public']);
    for (const tool of ['typescript', 'vitest', '@types', 'yaml']) {
      expect(() => statSync(join(app, 'node_modules', tool))).toThrow('ENOENT');
    }
    expect(image.user).toBe('1000:1000');
  });

  it.skipIf(!canUnshare)('drains on SIGTERM and exits with 0 as process 1', async () => {
    const [port, admin] = [await freePort(), await freePort()];
    const env = {
      PATH: process.env['PATH'],
      ...image.env,
      NETTY_TCP_PORT: String(port),
      NETTY_TCP_ADMIN_PORT: String(admin),
    };
    const wrapped = ['--pid', '--fork', '--mount-proc', '--kill-child', ...image.command];
    const outer = spawn('unshare', wrapped, { cwd: join(image.root, image.workdir), env });
    try {
      const output = await firstLines(outer);
      expect(output).toContain('admin on port');
      const inner = childOf(outer.pid!);
      // The last number is its id in its own namespace.
      const ids = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${inner}/status`, 'utf8'))![1]!;
      expect(ids.split(/\s+/).at(-1)).toBe('1');
      const ann = await joinAs(port, 'lines', 'ann');
      expect((await fetch(`http://127.0.0.1:${admin}/readyz`)).status).toBe(200);
      // Its program was bundled with the image, which has no bundler.
      const program = await fetch(`http://127.0.0.1:${port}/main.js`);
      expect((await program.text()).length).toBeGreaterThan(50_000);
      const exit = new Promise((resolve) => outer.on('close', resolve));
      process.kill(inner, 'SIGTERM');
      expect((await ann.ended()).at(-1)).toBe('BYE');
      expect(await exit).toBe(0);
    } finally {
      outer.kill('SIGKILL');
    }
  });
});

function firstLines(child: ChildProcess): Promise<string> {
  let text = '';
  return new Promise((resolve, reject) => {
    const add = (more: Buffer): void => {
      text += String(more);
      if (text.includes('admin on port')) resolve(text);
    };
    child.stdout!.on('data', add);
    child.stderr!.on('data', add);
    child.on('close', () => reject(new Error(`it ended: ${text}`)));
  });
}

function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
}
