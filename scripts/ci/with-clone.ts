// A clone of HEAD and a folder for the tarballs, for the time of a run.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../program.ts';
import { root, temporaryFolder } from '../workspace.ts';

export async function withClone(work: (clone: string) => Promise<void>): Promise<void> {
  using temporary = temporaryFolder();
  const clone = join(temporary.path, 'clone');
  // CI's checkout may belong to another user.
  await must('git', ['-c', 'safe.directory=*', 'clone', '-q', root, clone], root);
  const packed = join(temporary.path, 'packed');
  mkdirSync(packed);
  process.env['HEADRACE_PACKED'] = packed;
  await work(clone);
}
