// The processes in which the pages of a browser run, stopped as a browser freezes them and a laptop puts all to sleep:
// nothing runs in a page, and its connections stay open, for they are the browser's.
// Chromium freezes hidden pages alone, and a page that playwright-core drives counts as shown.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

interface Program {
  readonly pid: number;
  readonly parent: number;
  readonly words: readonly string[];
}

/** All programs that run; those that end meanwhile are left out. */
function programs(): Program[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split(/[\0 ]/).filter(Boolean);
      return [{ pid: Number(name), parent: Number(parent), words }];
    } catch {
      return [];
    }
  });
}

const runsPages = ({ words }: Program): boolean =>
  words.includes('--type=renderer') || (words.includes('-contentproc') && words.at(-1) === 'tab');

/** Those of the browsers that this process has started. */
function pageProcesses(): number[] {
  const all = programs();
  const ours = new Set([process.pid]);
  for (let before = 0; before < ours.size; ) {
    before = ours.size;
    for (const { pid, parent } of all) if (ours.has(parent)) ours.add(pid);
  }
  return all.filter((one) => ours.has(one.pid) && runsPages(one)).map(({ pid }) => pid);
}

export async function freezePages(ms: number): Promise<void> {
  const frozen = pageProcesses();
  if (frozen.length === 0) throw new Error('no process of a page was found');
  for (const pid of frozen) process.kill(pid, 'SIGSTOP');
  await setTimeout(ms);
  for (const pid of frozen) process.kill(pid, 'SIGCONT');
}
